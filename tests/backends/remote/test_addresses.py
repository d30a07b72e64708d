"""Addresses given by hand: those that hold a password are refused, and not repeated."""

import pytest

import labkit
from labkit.backends.remote.discovery import Server

PASSWORD = "hunter2-hunter2"
SECRET = [
    f"http://me:{PASSWORD}@127.0.0.1:8080",
    f"https://me:{PASSWORD}@api.example.com/v1",
    f"https://{PASSWORD}@api.example.com/v1",
    f"https://api.example.com/v1?key={PASSWORD}",
    f"https://api.example.com/v1#{PASSWORD}",
    f"ftp://me:{PASSWORD}@127.0.0.1",
    f"http://me:{PASSWORD}@127.0.0.1:999999",
    f"http://me:{PASSWORD}@[::1",
    f"http://127.0.0.1\\@{PASSWORD}/",
]


@pytest.mark.parametrize("address", SECRET)
def test_a_password_in_an_address_is_refused_and_not_repeated(address, monkeypatch):
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", address)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", address)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-0123456789")
    for give in (
        lambda: labkit.connect(address, "m", kind="vLLM"),
        lambda: labkit.connect(Server("Ollama", address, ("m",))),
        lambda: labkit.cloud(address, "m", key="sk-0123456789"),
        lambda: labkit.cloud("openai", "m", key="sk-0123456789", address=address),
        lambda: labkit.cloud("azure", "m", key="sk-0123456789"),
        lambda: labkit.tokens.compare_tokenizers("Hello", ["claude"]),
    ):
        with pytest.raises(ValueError, match=r"address must be such as ") as error:
            give()
        assert PASSWORD not in str(error.value)


@pytest.mark.parametrize("address", [None, 7, b"http://127.0.0.1", "http://a b", "http://h:x/"])
def test_what_is_not_an_address(address):
    with pytest.raises(ValueError, match=r"address must be such as .*; got "):
        labkit.connect(address, "m", kind="vLLM")


@pytest.mark.parametrize(
    ("given", "base_url"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/v1"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/v1"),
        ("http://127.0.0.1:8080/v1/chat/completions", "http://127.0.0.1:8080/v1"),
        ("http://127.0.0.1:8080/v1/chat/completions/", "http://127.0.0.1:8080/v1"),
        ("http://127.0.0.1:8080/v1/completions", "http://127.0.0.1:8080/v1"),
        ("http://127.0.0.1:8080/v1/models", "http://127.0.0.1:8080/v1"),
        ("http://127.0.0.1:11434/api/chat", "http://127.0.0.1:11434/v1"),
        ("http://127.0.0.1:8080/gateway/models", "http://127.0.0.1:8080/gateway/models"),
    ],
)
def test_the_path_of_a_single_interface_is_taken_off(given, base_url):
    assert labkit.connect(given, "m", kind="vLLM").base_url == base_url


@pytest.mark.parametrize(
    ("given", "base_url"),
    [
        ("https://shop.openai.azure.com/", "https://shop.openai.azure.com/openai/v1"),
        (
            "https://openai-class.openai.azure.com",
            "https://openai-class.openai.azure.com/openai/v1",
        ),
        ("https://openai.example.com/openai/v1/", "https://openai.example.com/openai/v1"),
        ("HTTPS://shop.openai.azure.com", "https://shop.openai.azure.com/openai/v1"),
    ],
)
def test_azures_addresses_lead_to_its_interface(given, base_url, monkeypatch):
    assert labkit.cloud("azure", "m", key="sk-0123456789", address=given).base_url == base_url
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", given)
    assert labkit.cloud("azure", "m", key="sk-0123456789").base_url == base_url
    gateway = "https://gateway.example.com/azure"
    assert labkit.cloud("azure", "m", key="sk-0123456789", address=gateway).base_url == gateway


@pytest.mark.parametrize("path", ["", "/v1", "/v1/messages"])
def test_anthropics_client_adds_its_own_path(path):
    cloud = labkit.cloud("anthropic", key="sk-ant-0123456789", address=f"https://a.test{path}")
    assert cloud.base_url == "https://a.test"
