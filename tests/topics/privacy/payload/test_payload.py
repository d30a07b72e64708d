"""The payload: held byte for byte to what a listener gets; keys nowhere; policies kept."""

import contextlib
import json
import socket
import threading
from dataclasses import replace
from datetime import date

import pytest

import labkit
from labkit.backends.cloud.providers import PROVIDERS
from labkit.backends.remote.connect import KINDS
from labkit.backends.remote.discovery import Server
from labkit.errors import LabError
from labkit.topics.privacy.payload.terms import find_terms, provider_terms

PLANTED = "planted-key-5f3a9c17e2"
PROMPT = 'Grüße an jane@example.com. Why does password = "Tr0ub4dor&3" fail? 👩‍🚀'
SETTINGS = {"seed": 7, "max_tokens": 5, "temperature": 0.5}


@pytest.fixture
def heard():
    """An address, and every byte that a request there brings; it hangs up without an answer."""
    server = socket.create_server(("127.0.0.1", 0))
    got = bytearray()
    done = threading.Event()

    def take():
        with contextlib.suppress(OSError):
            connection, _ = server.accept()
            with connection:
                connection.settimeout(2)
                while not _is_whole(got) and (came := connection.recv(65536)):
                    got.extend(came)
        done.set()

    threading.Thread(target=take, daemon=True).start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}", got, done
    server.close()


def _is_whole(got):
    head, _, body = bytes(got).partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length: "):
            return len(body) >= int(line.split(b": ")[1])
    return False


def cloud(provider):
    """A model of a provider at another address; one that takes every setting."""
    model = "claude-haiku-4-5" if provider == "anthropic" else PROVIDERS[provider].model or "gpt-4"
    return lambda address: labkit.cloud(
        provider, model, key=PLANTED, address=f"{address}/v1", policy=None
    )


def server(kind):
    def connect(address):
        model = labkit.connect(f"{address}/v1", "m", kind=kind, api_key=PLANTED)
        model.policy = None  # of a server that could pass prompts on, as Ollama does, it is "ask"
        return model

    return connect


BACKENDS = {
    **{provider: cloud(provider) for provider in PROVIDERS},
    **{kind: server(kind) for kind in KINDS},
    "Ollama itself": lambda address: labkit.connect(
        Server("Ollama", address, ("m",), identified=True), api_key=PLANTED
    ),
    "any other": lambda address: labkit.cloud(address, "m", key=PLANTED, policy=None),
}


@pytest.mark.parametrize("name", BACKENDS)
def test_it_is_what_the_other_side_gets_to_the_byte(heard, name):
    address, got, done = heard
    backend = BACKENDS[name](address)
    names = backend.protocol.parameters.names
    settings = {each: SETTINGS[each] for each in SETTINGS if each in names}
    payload = labkit.payload(backend, PROMPT, **settings)
    assert not got, "nothing was sent"
    with contextlib.suppress(LabError):
        labkit.generate(backend, PROMPT, **settings)
    assert done.wait(10)
    head, _, body = bytes(got).partition(b"\r\n\r\n")
    assert payload.body == body.decode()
    assert payload.total_bytes == len(got)
    sent = [tuple(line.split(": ", 1)) for line in head.decode().split("\r\n")[1:]]
    shown = dict(payload.headers)
    assert list(shown) == [each for each, _ in sent]
    for header, value in sent:
        assert shown[header] == value or (PLANTED in value and "•••" in shown[header])
    assert payload.address.startswith(address)


@pytest.mark.parametrize("name", BACKENDS)
def test_the_key_is_nowhere(name):
    payload = labkit.payload(BACKENDS[name]("http://127.0.0.1:9"), f"{PROMPT} {PLANTED}")
    assert PLANTED not in repr(payload) and PLANTED not in payload.summary
    assert all(PLANTED not in str(getattr(payload, field)) for field in payload.__slots__)


def test_nothing_is_connected_to():
    backend = labkit.cloud("openai", key=PLANTED, policy=None)
    with labkit.watch_network(refuse=True) as watch:
        payload = labkit.payload(backend, PROMPT)
    assert watch.log.attempts == ()
    assert payload.address == "https://api.openai.com/v1/chat/completions"
    assert not payload.stays and payload.terms.provider == "OpenAI"


def test_what_is_found_stands_at_its_place():
    payload = labkit.payload(BACKENDS["llama.cpp"]("http://127.0.0.1:9"), PROMPT)
    carried = payload.texts[0]
    assert carried.path == "messages[0].content" and carried.text == PROMPT
    assert {each.kind for each in payload.findings} == {"email address", "password"}
    assert payload.stays and payload.terms is None
    assert json.loads(payload.body)["messages"][0]["content"] == PROMPT


def test_a_key_of_the_labs_own_in_the_prompt_is_found_and_not_shown():
    text = f"My settings: {PLANTED}. Write to jane@example.com."
    payload = labkit.payload(labkit.cloud("openai", key=PLANTED, policy=None), text)
    (carried,) = (each for each in payload.texts if each.findings)
    own, address = carried.findings
    assert own.kind == "api key" and carried.text[own.start : own.end] == "•" * len(PLANTED)
    assert address.text == "jane@example.com" == carried.text[address.start : address.end]
    assert "2 findings" in payload.summary
    assert PLANTED not in labkit.plot(payload).html


def test_no_text_with_a_finding_is_left_out_of_the_picture():
    long = [{"role": "user", "content": f"Message {n} is long enough."} for n in range(12)]
    short = {"role": "user", "content": 'password = "a1b2c3d4"'}
    backend = labkit.cloud("openai", key=PLANTED, policy=None)
    shown = labkit.plot(labkit.payload(backend, [*long, short])).html
    assert "messages[12].content" in shown and "and 4 shorter texts" in shown


def test_the_policy_of_the_backend_holds_and_another_can_be_tried():
    backend = labkit.cloud("openai", key=PLANTED)
    asked = labkit.payload(backend, PROMPT)
    assert asked.total_bytes == 0 and "Nothing was sent" in asked.refusal
    assert "jane@" not in repr(asked)
    redacted = labkit.payload(backend, PROMPT, policy=labkit.Policy("redact"))
    assert "[EMAIL_1]" in redacted.body and redacted.findings == ()
    assert labkit.payload(backend, PROMPT, policy=None).findings
    assert backend.policy.action == "ask"


def test_a_budget_is_not_touched():
    budget = labkit.Budget(0.5)
    backend = labkit.cloud("openai", key=PLANTED, budget=budget, policy=None)
    labkit.payload(backend, PROMPT)
    assert backend.budget is budget
    assert budget.spent_usd == 0


def test_bad_prompts_and_settings_are_refused():
    backend = BACKENDS["llama.cpp"]("http://127.0.0.1:9")
    with pytest.raises(ValueError, match="prompt must have"):
        labkit.payload(backend, "")
    with pytest.raises(ValueError, match="top_p must be"):
        labkit.payload(backend, "Hi", top_p=2)
    with pytest.raises(ValueError, match=r"backend must be loaded, .*; got 'openai'"):
        labkit.payload("openai", "Hi")
    with pytest.raises(ValueError, match="model must be a name that the server has, or None; got"):
        labkit.connect("http://127.0.0.1:9", " ")


@pytest.mark.slow
def test_what_the_stand_in_is_sent_stays_here(heard):
    cloud = labkit.cloud(heard[0], "m", key=PLANTED, policy=None)
    assert labkit.payload(cloud, "Hi").stays
    caught = replace(labkit.payload(cloud, "Hi"), address="https://stand-in.test/v1/chat")
    assert caught.stays and "on this machine" in caught.summary
    assert not replace(caught, address="https://stand-in.test.example.com/v1").stays


def test_of_a_variant_it_is_what_its_model_would_send():
    hot = labkit.comparison.with_settings(
        BACKENDS["mistral"]("http://127.0.0.1:9"), "hot", temperature=1.5
    )
    payload = labkit.payload(hot, "Hi", temperature=0.1, max_tokens=5)
    sent = json.loads(payload.body)
    assert payload.backend == "hot" and (sent["temperature"], sent["max_tokens"]) == (1.5, 5)
    outer = labkit.comparison.with_settings(hot, "outer", temperature=0.2, max_tokens=7)
    sent = json.loads(labkit.payload(outer, "Hi", max_tokens=5).body)
    assert (sent["temperature"], sent["max_tokens"]) == (1.5, 7)


def test_a_local_model_sends_nothing(smollm2):
    payload = labkit.payload(smollm2, PROMPT)
    assert payload.total_bytes == 0 and payload.address is None and payload.stays
    assert "runs in this process" in payload.summary


def test_every_provider_has_terms_with_source_and_date():
    table = provider_terms()
    for terms in table.terms:
        assert terms.sources and all(each.startswith("https://") for each in terms.sources)
        assert terms.hosts and date.fromisoformat(terms.read)
    assert "recorded" in table.summary


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://api.mistral.ai/v1", "Mistral"),
        ("https://shop.openai.azure.com/openai/v1", "Azure OpenAI"),
        ("https://notapi.mistral.ai.example.com/v1", None),
        ("http://127.0.0.1:8080", None),
    ],
)
def test_terms_are_found_by_the_host_alone(address, name):
    terms = find_terms(address)
    assert (terms.provider if terms else None) == name


def test_each_cloud_that_the_lab_knows_has_terms():
    names = {terms.provider for terms in provider_terms().terms}
    assert {listing.name for listing in labkit.clouds()} <= names
