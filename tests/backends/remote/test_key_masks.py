"""No piece of a key is shown or kept, wherever a server puts it: in errors, answers, names."""

import contextlib
import json
import random
import string
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

import labkit
from labkit.backends.remote import api_keys
from labkit.backends.remote.api_keys import KeyMask, excerpt, without_keys
from labkit.filesystem.write import json_text

from ..loopback import event, piece

END = b"data: [DONE]\n\n"
LETTERS = string.ascii_letters + string.digits


@pytest.fixture(autouse=True)
def key(monkeypatch):
    """A key as OpenAI's are, whose beginning is no secret."""
    monkeypatch.setattr(api_keys, "_given", [])
    key = "sk-proj-" + "".join(random.Random(5).choices(LETTERS, k=48))
    api_keys.use_key(key)
    return key


def pieces(key):
    return [key[at : at + 8] for at in range(1, len(key) - 7)]


def hides(key, text):
    return not any(each in text for each in pieces(key))


def ask(address, key, **more):
    return labkit.generate(
        labkit.connect(f"{address}/v1", "m", kind="vLLM", api_key=key, **more), "Hi"
    )


@pytest.mark.parametrize("before", range(235, 297, 3))
def test_an_error_is_masked_before_it_is_cut(key, before):
    said = "x" * before + key + " is wrong"
    assert hides(key, excerpt(said)) and hides(key, excerpt(said[: before + 20]))
    assert len(excerpt(said)) <= 300 and "•••" in excerpt(said)


@pytest.mark.parametrize("before", [0, 250, 270, 290])
def test_a_server_that_repeats_the_key(httpserver, key, before):
    for status in (400, 401, 404, 429, 500):
        httpserver.expect_oneshot_request("/v1/chat/completions").respond_with_json(
            {"error": {"message": "x" * before + key}}, status=status
        )
        with pytest.raises(labkit.LabError) as error:
            ask(httpserver.url_for("").rstrip("/"), key)
        assert hides(key, str(error.value))


@given(st.data())
def test_every_piece_of_eight_characters_counts(data):
    api_keys._given.clear()
    key = "sk-ant-api03-" + data.draw(st.text(LETTERS, min_size=20, max_size=60))
    api_keys.use_key(key)
    begin = data.draw(st.integers(0, len(key) - 8))
    end = data.draw(st.integers(begin + 8, len(key)))
    shown = without_keys(f"It is «{key[begin:end]}».")
    is_public = "sk-ant-api03-".find(key[begin:end]) >= 0
    assert (shown == "It is «•••».") != is_public


def test_the_beginning_of_all_keys_is_no_secret(key):
    text = "Keys begin with sk-proj- and go on; a date is 2026-11-27."
    assert without_keys(text) == text


@pytest.mark.parametrize("form", [json.dumps, lambda key: key.replace('"', '""')])
def test_a_key_as_files_write_it(form):
    key = 'a"key\\with&signs<0123456789'
    api_keys.use_key(key)
    assert "0123456" not in without_keys(form(key))


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 8, 20])
def test_a_key_over_several_events(scripted, key, size):
    """At most seven characters pass, before it is known to be a key."""
    parts = [key[at : at + size] for at in range(0, len(key), size)]
    address, _ = scripted(
        piece("It is "), *map(piece, parts), piece(" indeed", finish_reason="stop"), END
    )
    reply = ask(address, key)
    for shown in (reply.text, repr(reply), json_text(asdict(reply))):
        assert hides(key[8:], shown)
    joined = "".join(step.text for step in reply.steps).replace("•••", "")
    assert hides(key, joined) and reply.text.endswith(" indeed")


@given(st.data())
def test_cut_anywhere_it_is_masked(data):
    (secret,) = api_keys._given or [api_keys.use_key("sk-" + LETTERS[:40])]
    key = secret.reveal()
    text = data.draw(st.text("abc .", max_size=9)) + key + data.draw(st.text("abc .", max_size=9))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=12)))
    mask = KeyMask()
    shown = "".join(mask.push(text[a:b]) for a, b in zip([0, *cuts], [*cuts, None], strict=True))
    assert hides(key, shown.replace("•••", "")) or hides(key, shown)


def test_a_key_among_the_alternatives(scripted, key):
    top = [{"token": key, "logprob": -1.0}]
    listed = {"content": [{"token": "Hi", "logprob": -0.5, "top_logprobs": top}]}
    address, _ = scripted(piece("Hi", logprobs=listed, finish_reason="stop"), END)
    reply = ask(address, key)
    assert reply.steps[0].alternatives[0].text == "•••"


def test_a_key_in_an_event_of_an_error(scripted, key):
    address, _ = scripted(piece("Hi"), event(error={"message": f"{'x' * 280}{key}"}))
    reply = ask(address, key)
    assert reply.text == "Hi" and hides(key, reply.error)


def test_a_server_that_names_its_model_after_the_key(httpserver, key):
    httpserver.expect_request("/v1/models").respond_with_json({"data": [{"id": f"m-{key}"}]})
    address = httpserver.url_for("").rstrip("/")
    for kind in ("vLLM", None):
        model = labkit.connect(address, kind=kind, api_key=key)
        assert hides(key, f"{model!r} {model.name} {model.where} {vars(model)}")
    assert hides(key, repr(labkit.backends.remote.discovery.identify(address, 2)))


def test_somebody_elses_words_are_one_line_without_control_characters():
    assert excerpt("  \n\x1b[31mred\x07\n second\n") == "�[31mred�"


@pytest.mark.parametrize("length", [8, 9, 40])
def test_every_piece_of_eight_characters_is_masked_the_first_too(monkeypatch, length):
    monkeypatch.setattr(api_keys, "_given", [])
    key = "".join(random.Random(5).sample(LETTERS, k=length))
    api_keys.use_key(key)
    for start in range(length - 7):
        for end in range(start + 8, length + 1):
            assert without_keys(f"<{key[start:end]}>") == f"<{api_keys.MASK}>"


@pytest.mark.parametrize(
    "head",
    [
        "HTTP/1.1 401 {}\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx-request-id: {}\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 302 Found\r\nLocation: /{}\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_what_a_server_repeats_in_its_head_reaches_no_log(scripted, key, head, caplog):
    caplog.set_level("DEBUG")
    address, asked = scripted(head=head.format(key).encode())
    with contextlib.suppress(labkit.LabError):
        ask(address, key)
    assert asked and "receive_response_headers.complete" in caplog.text
    assert hides(key, caplog.text)
