"""What is scanned is what is sent; nothing but a role and a content leaves; unknown means ask."""

import pytest

import labkit
from labkit.backends.remote import discovery
from labkit.backends.remote.connect import KINDS
from labkit.backends.remote.discovery import Server

from ..loopback import piece

CARD = "4111 1111 1111 1111"
SECRET = f"My card is {CARD}."
END = b"data: [DONE]\n\n"


def model_at(address, policy):
    model = labkit.connect(f"{address}/v1", "m", kind="vLLM")
    model.policy = policy
    return model


POLICIES = pytest.mark.parametrize("policy", [None, "block", "redact", "ask", "allow"])


@POLICIES
@pytest.mark.parametrize(
    "message",
    [
        {"role": SECRET, "content": "Hi"},
        {"role": "user", "content": "Hi", "name": SECRET},
        {"role": "user", "content": "Hi", SECRET: "x"},
        {"role": "user", "content": "Hi", "metadata": {"a": [SECRET]}},
        {"role": ["user"], "content": "Hi"},
        {"role": None, "content": "Hi"},
        {"role": "user", "content": "Hi", 5: "x"},
    ],
)
def test_only_a_known_role_and_a_content_leave(policy, message):
    with pytest.raises(ValueError, match="a role and a content, and nothing else") as error:
        model_at("http://127.0.0.1:9", policy).stream([message])
    assert CARD not in str(error.value)


def test_messages_that_are_changed_before_the_first_step_leave_as_they_were(scripted):
    address, asked = scripted(piece("Hi", finish_reason="stop"), END)
    message = {"role": "user", "content": "Hello"}
    messages = [message]
    running = labkit.stream(model_at(address, "block"), messages)
    message["content"] = message["extra"] = SECRET
    messages.append({"role": "user", "content": SECRET})
    assert [step.text for step in running] == ["Hi"]
    assert asked[0]["messages"] == [{"role": "user", "content": "Hello"}]


def test_a_policy_looks_at_names_of_fields_and_roles_too():
    """Asked by itself it takes other forms of messages."""
    for message in ({"role": SECRET, "content": "a"}, {"role": "user", SECRET: "a"}):
        with pytest.raises(labkit.LabError, match="Nothing was sent"):
            labkit.Policy("block").apply([message])
        assert CARD not in str(labkit.Policy("redact").apply([message]).prompt)


@pytest.mark.parametrize("kind", [*KINDS, None])
@pytest.mark.parametrize("model", ["gpt-oss:120b-cloud", "kimi-k2:cloud", "llama3"])
def test_where_prompts_may_be_passed_on_there_is_a_policy(monkeypatch, kind, model):
    """Nobody answers there, or too slowly; a kind that is declared is not believed."""
    monkeypatch.setattr(discovery, "_ask", lambda url, timeout_s: {})
    found = labkit.connect("http://127.0.0.1:9", model, kind=kind)
    declared = Server(kind or "vLLM", "http://127.0.0.1:9", (model,))
    for model in (found, labkit.connect(declared)):
        with pytest.raises(labkit.LabError, match="Nothing was sent"):
            model.stream(SECRET)


@pytest.mark.parametrize("kind", KINDS)
def test_an_ollama_that_passes_prompts_on_does_so_under_any_declared_kind(httpserver, kind):
    """The model's name does not say so, and the kind that is declared keeps prompts here."""
    entry = {"name": "mine:latest", "remote_host": "https://ollama.com"}
    httpserver.expect_request("/api/version").respond_with_json({"version": "0.34.1"})
    httpserver.expect_request("/api/tags").respond_with_json({"models": [entry]})
    address = f"http://127.0.0.1:{httpserver.port}"
    for model in (
        labkit.connect(address, "mine", kind=kind),
        labkit.connect(Server(kind, address, ("mine",))),
    ):
        with pytest.raises(labkit.LabError, match="Nothing was sent"):
            model.stream(SECRET)


def test_a_server_that_the_lab_identified_and_that_runs_models_here_has_no_policy(httpserver):
    listing = {"data": [{"id": "m", "owned_by": "llamacpp"}]}
    httpserver.expect_request("/v1/models").respond_with_json(listing)
    (found,) = discovery.find_servers([httpserver.port])
    assert labkit.connect(found).policy is None
    assert labkit.connect(f"{found.address}/v1", "m").policy is None


@pytest.mark.parametrize(
    ("entry", "leaves"),
    [
        ({"name": "mine:latest"}, False),
        ({"name": "mine:latest", "remote_host": "https://ollama.com"}, True),
        ({"name": "mine:latest", "remote_model": "gpt-oss"}, True),
        ({"name": "other:latest"}, True),
        ({"name": "mine:latest", "remote_host": ""}, False),
    ],
)
def test_of_ollamas_models_those_stay_that_it_has(httpserver, entry, leaves):
    httpserver.expect_request("/api/version").respond_with_json({"version": "0.34.1"})
    httpserver.expect_request("/api/tags").respond_with_json({"models": [entry]})
    found = labkit.connect(f"http://127.0.0.1:{httpserver.port}", "mine")
    assert (found.kind, bool(found.policy)) == ("Ollama", leaves)


def test_of_other_servers_on_this_machine_nothing_is_known(httpserver):
    httpserver.expect_request("/v1/models").respond_with_json({"data": [{"id": "m"}]})
    address = f"http://127.0.0.1:{httpserver.port}"
    other = Server("OpenAI-compatible", address, ("m",))
    for found in (labkit.connect(address), labkit.connect(other)):
        assert found.policy.action == "ask"


@pytest.fixture(scope="session")
def httpserver_listen_address():
    return "127.0.0.1", 0
