"""Ollama and LM Studio by their own interfaces, as their documents write them.

Neither can be installed where these tests run: ``tests/real_servers.py`` asks the real ones.

* Ollama: github.com/ollama/ollama, the same on docs.ollama.com: docs/api.md (commit 01e52d2),
  "Generate a chat completion" (streaming) and "Generate a completion" (raw mode);
  docs/openapi.yaml (017eb8a), Logprob; docs/capabilities/thinking.mdx (1342292);
  docs/api/errors.mdx (36bc90b), "Errors that occur while streaming"; pull request 17943 of August
  2026 and llm/llama_server.go (00f6d62) for ``prompt_eval_cached_count``.
* LM Studio: lmstudio.ai/docs/developer/rest/endpoints, which is github.com/lmstudio-ai/docs,
  1_developer/2_rest/endpoints.mdx (86cb996): REST API v0, "POST /api/v0/chat/completions" with its
  ``stats``. The page shows no streaming: whether the ``stats`` come then, and in which event, is
  undocumented (lmstudio-bug-tracker, issue 713: version 0.3.8 sent none), so all are played.
"""

import argparse
import importlib.util
import json
from pathlib import Path

import pytest
from werkzeug import Response

import labkit
from labkit.backends.remote.discovery import Server

from ...loopback import event, piece

LINES = b"Content-Type: application/x-ndjson\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\n" + LINES
# docs/api.md, "Chat Request (Streaming)", the final response.
FORMER = {
    "model": "llama3.2",
    "created_at": "2023-08-04T19:22:45.499127Z",
    "done": True,
    "total_duration": 4883583458,
    "load_duration": 1334875,
    "prompt_eval_count": 26,
    "prompt_eval_duration": 342546000,
    "eval_count": 282,
    "eval_duration": 4535599000,
}
LAST = {**FORMER, "done_reason": "stop", "prompt_eval_cached_count": 16}


def line(**told):
    more = {"created_at": "2023-08-04T08:52:19.385406455-07:00", "done": False, **told}
    return json.dumps({"model": "llama3.2", **more}).encode() + b"\n"


def said(text, **more):
    return line(message={"role": "assistant", "content": text}, **more)


def last(**more):
    told = {**LAST, "message": {"role": "assistant", "content": ""}, **more}
    return json.dumps(told).encode() + b"\n"


def ollama(address):
    return labkit.connect(Server("Ollama", address, ("llama3.2",)))


def test_ollama_tells_its_times(scripted):
    address, asked = scripted(said("The"), 0.05, said(" sky"), last(), head=HEAD)
    reply = labkit.generate(ollama(address), "Why?", temperature=0.5, top_k=7, seed=3, stop="x")
    assert (reply.text, reply.finish, reply.model) == ("The sky", "stop", "llama3.2 (Ollama)")
    assert (reply.prompt_tokens, reply.output_tokens, reply.chunked) == (26, 282, True)
    timings = reply.timings
    assert timings.load_s == pytest.approx(0.001334875)
    assert timings.prompt_s == pytest.approx(0.342546)
    assert timings.decode_s == pytest.approx(4.535599)
    assert timings.decode_tokens_per_s == pytest.approx(282 / 4.535599)
    assert (timings.prompt_tokens, timings.cached_tokens) == (10, 16)
    assert timings.prompt_tokens_per_s == pytest.approx(10 / 0.342546)
    options = asked[0]["options"]
    assert asked[0]["messages"] == [{"role": "user", "content": "Why?"}]
    assert (options["temperature"], options["top_k"], options["seed"]) == (0.5, 7, 3)
    assert (options["num_predict"], options["stop"]) == (128, ["x"])


def test_an_older_ollama_does_not_tell_how_much_it_read(scripted):
    address, _ = scripted(said("Sky"), json.dumps(FORMER).encode(), head=HEAD)
    reply = labkit.generate(ollama(address), "Why?")
    assert (reply.finish, reply.prompt_tokens, reply.output_tokens) == ("stop", 26, 282)
    timings = reply.timings
    assert timings.prompt_tokens is timings.cached_tokens is timings.prompt_tokens_per_s is None


def test_ollama_goes_on_with_raw_text(scripted):
    told = {**LAST, "response": "", "done_reason": "length"}
    address, asked = scripted(line(response=" 5,"), json.dumps(told).encode(), head=HEAD)
    reply = labkit.generate(ollama(address), "1, 2, 3, 4,", raw=True)
    assert (reply.text, reply.finish) == (" 5,", "length")
    assert (asked[0]["prompt"], asked[0]["raw"]) == ("1, 2, 3, 4,", True)


def test_ollamas_logprobs(scripted):
    told = {"token": "The", "logprob": -0.1, "bytes": [84, 104, 101]}
    other = {"token": "A", "logprob": -3.0, "bytes": [65]}
    told["top_logprobs"] = [dict(told), other]
    address, asked = scripted(said("The", logprobs=[told]), last(), head=HEAD)
    (step,) = labkit.generate(ollama(address), "Why?").steps
    assert (step.logprob, step.token_id) == (-0.1, None)
    assert [other.text for other in step.alternatives] == ["The", "A"]
    assert (asked[0]["logprobs"], asked[0]["top_logprobs"]) == (True, 10)


def test_ollamas_thinking_is_not_the_answer(scripted):
    thinking = line(message={"role": "assistant", "content": "", "thinking": "Hmm"})
    address, asked = scripted(thinking, said("Yes"), last(), head=HEAD)
    reply = labkit.generate(ollama(address), "Hi")
    assert [(step.text, step.thinking) for step in reply.steps] == [("Hmm", True), ("Yes", False)]
    assert (reply.thinking, reply.text) == ("Hmm", "Yes") and "think" not in asked[0]


@pytest.mark.parametrize("thinking", [True, False])
def test_ollama_is_asked_to_think_or_not(scripted, thinking):
    address, asked = scripted(said("Yes"), last(), head=HEAD)
    labkit.generate(ollama(address), "Hi", thinking=thinking)
    assert asked[0]["think"] is thinking and "think" not in asked[0]["options"]
    with pytest.raises(ValueError, match="thinking must be left at None"):
        labkit.stream(ollama(address), "Hi", thinking=thinking, raw=True)


def test_ollamas_model_may_have_no_such_switch(httpserver):
    error = {"error": '"llama3.2" does not support thinking'}
    httpserver.expect_request("/api/chat").respond_with_json(error, status=400)
    model = ollama(httpserver.url_for("").rstrip("/"))
    with pytest.raises(labkit.LabError, match="does not support thinking"):
        labkit.generate(model, "Hi", thinking=True)


def test_ollama_fails_in_the_middle(scripted):
    error = b'{"error":"an error was encountered while running the model"}\n'
    address, _ = scripted(said("Once"), error, head=HEAD)
    reply = labkit.generate(ollama(address), "Hi")
    assert (reply.text, reply.finish) == ("Once", "failed")
    assert "an error was encountered while running the model" in reply.error


@pytest.mark.parametrize("parts", [[], [b"{half"]], ids=["cut", "malformed"])
def test_ollama_breaks_off(scripted, parts):
    address, _ = scripted(said("Once"), *parts, head=HEAD)
    reply = labkit.generate(ollama(address), "Hi")
    assert (reply.text, reply.finish) == ("Once", "failed")
    assert reply.timings is reply.output_tokens is None


def test_ollama_has_no_such_model(httpserver):
    httpserver.expect_request("/api/chat").respond_with_json(
        {"error": "model 'x' not found"}, status=404
    )
    address = httpserver.url_for("").rstrip("/")
    with pytest.raises(labkit.LabError, match=r"no model 'x'.*model 'x' not found"):
        labkit.generate(labkit.connect(Server("Ollama", address, ("x",))), "Hi")


@pytest.fixture(scope="session")
def httpserver_listen_address():
    return "127.0.0.1", 0


def test_a_fresh_seed_is_one_that_ollama_takes(scripted):
    address, asked = scripted(said("The"), last(), head=HEAD)
    reply = labkit.generate(ollama(address), "Why?")
    assert asked[0]["options"]["seed"] == reply.settings.seed < 2**31


USAGE = {"prompt_tokens": 24, "completion_tokens": 53, "total_tokens": 77}
STATS = {
    "tokens_per_second": 51.43709529007664,
    "time_to_first_token": 0.111,
    "generation_time": 0.954,
    "stop_reason": "eosFound",
}


@pytest.mark.parametrize(
    "end",
    [[{"usage": USAGE, "stats": STATS}], [{"stats": STATS}, {"usage": USAGE}]],
    ids=["together", "apart"],
)
def test_lm_studio_tells_its_statistics(scripted, end):
    address, asked = scripted(
        piece("An"),
        piece("swer", finish_reason="stop"),
        *[event(choices=[], **told) for told in end],
        b"data: [DONE]\n\n",
    )
    model = labkit.connect(Server("LM Studio", address, ("owner/granite", "other")), "granite")
    assert model.base_url.endswith("/api/v0")
    reply = labkit.generate(model, "Hi", top_k=5)
    assert (reply.text, reply.output_tokens) == ("Answer", 53)
    assert (reply.timings.prompt_s, reply.timings.output_tokens) == (0.111, 53)
    assert reply.timings.decode_tokens_per_s == pytest.approx(51.437, abs=0.001)
    assert reply.timings.decode_s == pytest.approx(53 / 51.437, abs=0.001)
    assert (asked[0]["model"], asked[0]["top_k"]) == ("owner/granite", 5)
    with pytest.raises(ValueError, match=r"min_p must be left at 0.0: LM Studio"):
        labkit.stream(model, "Hi", min_p=0.1)


@pytest.mark.parametrize("more", [{}, {"stats": {}}])  # issue 601: empty at /v1
def test_lm_studio_need_not_tell_them(scripted, more):
    end = event(choices=[], usage=USAGE, **more)
    address, _ = scripted(piece("Yes", finish_reason="stop"), end, b"data: [DONE]\n\n")
    reply = labkit.generate(labkit.connect(Server("LM Studio", address, ("m",))), "Hi")
    assert (reply.text, reply.output_tokens, reply.timings) == ("Yes", 53, None)


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        ((" 5,", " 6,", " 7"), " 5, 6, "),
        (("a 7 b", " c"), "a "),
        ((" 5", " 7", ", "), " 5 7, "),
        ((" 5, 7", ", 8 and"), " 5, "),
    ],
)
def test_a_stop_string_that_a_server_leaves_in_is_taken_out(scripted, pieces, text):
    """As `transformers serve` does, whose text ends with it (GenerationConfig.stop_strings)."""
    stop = "7, 8" if "and" in pieces[-1] or pieces[-1] == ", " else "7"
    last = piece(pieces[-1], finish_reason="stop")
    address, asked = scripted(*map(piece, pieces[:-1]), last, b"data: [DONE]\n\n")
    model = labkit.connect(Server("transformers serve", address, ("m",)))
    reply = labkit.generate(model, "1, 2, 3, 4,", stop=stop)
    assert (reply.text, reply.finish, asked[0]["stop"]) == (text, "stop", [stop])


# -- the script for people ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def script():
    """tests/real_servers.py"""
    file = Path(__file__).parents[3] / "real_servers.py"
    spec = importlib.util.spec_from_file_location("real_servers", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ASKED = argparse.Namespace(model="", key=None, stop=False)


def speak_as_ollama(request):
    """Counts, as documented: up to ``num_predict`` tokens and a ``stop``; all of it at once."""
    asked = json.loads(request.data)
    options, written = asked["options"], []
    for number in range(5, 5 + options["num_predict"]):
        if str(number) in options.get("stop", ()):
            break
        written.append(f" {number},")
    told = [{"token": text, "logprob": -0.1, "bytes": None, "top_logprobs": []} for text in written]
    lines = (
        line(response=text) if "prompt" in asked else said(text, logprobs=[one])
        for text, one in zip(written, told, strict=True)
    )
    ended = "length" if len(written) == options["num_predict"] else "stop"
    last = {**LAST, "done_reason": ended, "eval_count": len(written), "response": ""}
    return Response(b"".join([*lines, json.dumps(last).encode()]), content_type="text/plain")


def test_the_script_for_people_judges_an_ollama(httpserver, script, capsys):
    """The stand-in keeps what it can; it writes all at once, and says it took four seconds."""
    for path in ("/api/chat", "/api/generate"):
        httpserver.expect_request(path).respond_with_handler(speak_as_ollama)
    server = Server("Ollama", httpserver.url_for("").rstrip("/"), ("llama3.2",))
    broken = script.examine(server, ASKED)
    assert broken == ["its speed can be told", "lab and server agree on it within a tenth"]
    told = capsys.readouterr().out
    assert "yes it tells log-probabilities" in told and "  NO  lab and server agree" in told


def test_the_script_for_people_judges_an_lm_studio_that_counts_nothing(httpserver, script):
    silent = b"".join([piece("An"), piece("swer", finish_reason="stop"), b"data: [DONE]\n\n"])
    for path in ("/api/v0/chat/completions", "/api/v0/completions"):
        httpserver.expect_request(path).respond_with_data(silent, content_type="text/event-stream")
    server = Server("LM Studio", httpserver.url_for("").rstrip("/"), ("one", "two"))
    broken = script.examine(server, ASKED)
    assert broken == [
        "it counts the prompt's tokens",
        "it counts the tokens written",
        "it ends at max_tokens",
        "its speed can be told",
    ]
    other = argparse.Namespace(model="three", key=None, stop=False)
    assert script.examine(server, other) == []


def test_the_script_for_people_goes_on_where_a_model_cannot_be_asked(httpserver, script, capsys):
    error = {"error": '"nomic" does not support chat'}
    httpserver.expect_request("/api/chat").respond_with_json(error, status=400)
    server = Server("Ollama", httpserver.url_for("").rstrip("/"), ("nomic",))
    broken = script.examine(server, ASKED)
    assert len(broken) == 3 + 1 and "does not support chat" in capsys.readouterr().out


def test_a_servers_model_must_be_named_if_it_has_several():
    server = Server("Ollama", "http://127.0.0.1:9", ("a", "b"))
    with pytest.raises(labkit.LabError, match=r"several models.*\n.*'a', 'b'"):
        labkit.connect(server)
    with pytest.raises(labkit.LabError, match=r"no model 'c'"):
        labkit.connect(server, "c")


def test_only_a_newline_ends_an_event_of_ollamas(scripted):
    text = "a\x85b\u2028c"
    raw = json.dumps({"message": {"content": text}, "done": False}, ensure_ascii=False).encode()
    address, _ = scripted(raw + b"\n", last(), head=HEAD)
    assert labkit.generate(ollama(address), "Why?").text == text
