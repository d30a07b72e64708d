"""What a server says: one wrong value or a lost piece anywhere, and nothing is lost or believed."""

import copy
import json
import math
from dataclasses import asdict, fields, is_dataclass

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import labkit
from labkit.backends.cloud.anthropic_api import Anthropic
from labkit.backends.cloud.providers import PROVIDERS
from labkit.backends.remote.budget import Budget, Meter
from labkit.backends.remote.model import RemoteModel
from labkit.backends.remote.protocols.ollama_api import Ollama
from labkit.backends.remote.protocols.openai_api import OpenAI
from labkit.backends.remote.protocols.parameters import PARAMETERS
from labkit.backends.remote.transport import Transport
from labkit.filesystem.read import LARGEST_NUMBER, SIGNED
from labkit.filesystem.write import json_text

TOP = [{"id": 7, "token": "On", "logprob": -0.5}, {"id": 8, "token": "At", "logprob": -1.5}]
LISTED = {"content": [{"id": 7, "token": "Once ", "logprob": -0.5, "top_logprobs": TOP}]}
USAGE = {
    "prompt_tokens": 9,
    "completion_tokens": 3,
    "total_tokens": 12,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 1},
}
TIMINGS = {
    "prompt_n": 9,
    "prompt_ms": 10.5,
    "predicted_n": 2,
    "predicted_ms": 20.5,
    "predicted_per_second": 50.0,
    "cache_n": 0,
}
CHUNKS = [
    {"model": "m", "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]},
    {"model": "m", "choices": [{"delta": {"content": "Once "}, "logprobs": LISTED}]},
    {"model": "m", "choices": [{"delta": {"content": [{"type": "text", "text": "upon "}]}}]},
    {"model": "m", "choices": [{"delta": {"content": "a time."}, "finish_reason": "stop"}]},
    {
        "model": "m",
        "choices": [],
        "usage": USAGE,
        "stats": {"tokens_per_second": 50.0, "time_to_first_token": 0.1},
    },
]
LLAMA = [
    *(
        {"choices": [{"delta": {"content": text}}], "timings": {**TIMINGS, "predicted_n": number}}
        for number, text in enumerate(("Once ", "upon ", "a time."), 1)
    ),
    {
        "choices": [{"delta": {}, "finish_reason": "stop"}],
        "usage": USAGE,
        "timings": {**TIMINGS, "predicted_n": 3},
    },
]
LINES = [
    {
        "model": "m",
        "message": {"role": "assistant", "content": "Once "},
        "done": False,
        "logprobs": LISTED["content"],
    },
    {"model": "m", "message": {"role": "assistant", "content": "upon "}, "done": False},
    {"model": "m", "message": {"role": "assistant", "content": "a time."}, "done": False},
    {
        "model": "m",
        "message": {"content": ""},
        "done": True,
        "done_reason": "stop",
        "load_duration": 5,
        "prompt_eval_count": 9,
        "prompt_eval_cached_count": 4,
        "prompt_eval_duration": 10**6,
        "eval_count": 3,
        "eval_duration": 10**7,
    },
]
CLAUDE = [
    {
        "type": "message_start",
        "message": {
            "id": "1",
            "model": "claude-haiku-5-5",
            "usage": {
                "input_tokens": 9,
                "output_tokens": 1,
                "cache_read_input_tokens": 4,
                "cache_creation": {"ephemeral_5m_input_tokens": 0},
            },
        },
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    *(
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}
        for text in ("Once ", "upon ", "a time.")
    ),
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn"},
        "usage": {"output_tokens": 3, "output_tokens_details": {"thinking_tokens": 1}},
    },
    {"type": "message_stop"},
]
WHOLE = "Once upon a time."


def sse(event):
    name = event.get("type", "message") if isinstance(event, dict) else "message"
    return f"event: {name}\ndata: {json.dumps(event)}\n\n".encode("utf-8", "surrogatepass")


def chunk(event):
    return b"data: " + json.dumps(event).encode() + b"\n\n"


def line(event):
    return json.dumps(event).encode() + b"\n"


CLAUDE_PARAMETERS = PROVIDERS["anthropic"].parameters("claude-haiku-5-5")
INTERFACES = {  # the protocol, good events, how one is written, and the mark of the end
    "OpenAI": (OpenAI("m", "vLLM", PARAMETERS["vLLM"]), CHUNKS, chunk, b"data: [DONE]\n\n"),
    "llama.cpp": (OpenAI("m", "llama.cpp", PARAMETERS["llama.cpp"]), LLAMA, chunk, b""),
    "Ollama": (Ollama("m"), LINES, line, b""),
    "Anthropic": (Anthropic("m", "Anthropic", CLAUDE_PARAMETERS), CLAUDE, sse, b""),
}
ALL = pytest.mark.parametrize("name", INTERFACES)
RUBBISH = [
    None,
    True,
    [],
    {},
    "",
    "x",
    "9",
    -1,
    -0.5,
    1e300,
    10**30,
    math.nan,
    math.inf,
    -math.inf,
    [None],
    {"a": None},
    [[[]]],
    "\ud83d",
    "\ude00",
    "<b>",
    {"text": 5},
    [{"type": 5}],
]


def model_that_hears(protocol, answer, kind="text/event-stream", meter=None):
    """A model whose server answers with these bytes, in this process."""
    headers = {"content-type": kind}
    network = httpx2.MockTransport(lambda _: httpx2.Response(200, content=answer, headers=headers))
    return RemoteModel(protocol, Transport("http://127.0.0.1:9/v1", network=network), meter=meter)


def ask(name, events, budget=None):
    """A reply to these events, some of them as bytes; None if it failed before the first token."""
    protocol, _, write, end = INTERFACES[name]
    body = b"".join(each if isinstance(each, bytes) else write(each) for each in events)
    kind = "application/x-ndjson" if name == "Ollama" else "text/event-stream"
    meter = Meter("m", None, (1.0, 2.0), budget)
    try:
        return labkit.generate(model_that_hears(protocol, body + end, kind, meter), "Hi")
    except labkit.LabError:
        return None


def paths(value, path=()):
    """Where something stands in an event, every object and list included."""
    yield path
    if isinstance(value, dict | list):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from paths(each, (*path, key))


def changed(event, path, value):
    if not path:
        return value
    event = copy.deepcopy(event)
    inner = event
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return event


def check(value, name=""):
    """Every number of a result is finite, not below 0 and not absurd; every text can be kept."""
    if isinstance(value, str):
        value.encode()
    elif isinstance(value, int | float):
        assert math.isfinite(value) and value <= LARGEST_NUMBER, name
        assert value >= 0 or name in SIGNED, name
    elif is_dataclass(value):
        for field in fields(value):
            check(getattr(value, field.name), field.name)
    elif isinstance(value, list | tuple):
        for each in value:
            check(each, name)


def text_before(name, index):
    """The text of the good events before one."""
    reply = ask(name, INTERFACES[name][1][:index])
    return reply.text if reply else ""


@ALL
def test_good_events_are_good(name):
    reply = ask(name, INTERFACES[name][1])
    assert (reply.text, reply.finish, reply.error) == (WHOLE, "stop", None)
    assert reply.prompt_tokens in (9, 13) and reply.output_tokens == 3
    assert reply.cached_tokens in (0, 4) and reply.price_usd > 0


@ALL
@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_one_wrong_value_or_a_lost_piece_anywhere(name, data):
    """Four times 200: what came before is kept, no wrong number is believed, no raw error."""
    events = INTERFACES[name][1]
    index = data.draw(st.integers(0, len(events) - 1))
    if data.draw(st.booleans()):
        path = data.draw(st.sampled_from(list(paths(events[index]))))
        wrong = changed(events[index], path, data.draw(st.sampled_from(RUBBISH)))
    else:
        written = INTERFACES[name][2](events[index])
        begin, end = sorted(data.draw(st.tuples(*[st.integers(0, len(written))] * 2)))
        wrong = written[:begin] + written[end:]
    budget = Budget(1)
    reply = ask(name, [*events[:index], wrong, *events[index + 1 :]], budget)
    assert math.isfinite(budget.spent_usd) and budget.spent_usd >= 0 == budget.reserved_usd
    before = text_before(name, index)
    if reply is None:
        assert not before
        return
    assert reply.text.startswith(before)
    assert reply.finish in ("stop", "failed") and (reply.finish == "failed") == bool(reply.error)
    check(reply)
    json.loads(json_text(asdict(reply)))


MALFORMED = [
    *(7, None, "x", [], [1], True, {"choices": 5}, {"choices": "x"}, {"choices": {}}),
    *({"choices": [each]} for each in (None, 5, "x", [], [[]])),
    *({"choices": [{"delta": each}]} for each in (5, "x", [], [1])),
    *({"choices": [{"delta": {"content": each}}]} for each in (5, True, {}, [None], ["x"], [5])),
    *({"choices": [{"delta": {"content": [{"text": each}]}}]} for each in (5, {}, [5])),
    *({"choices": [{"finish_reason": each}]} for each in (5, [], {})),
    *({"choices": [{"logprobs": {"content": each}}]} for each in (5, "x", [None], [{}], [[]])),
    *({"choices": [], "usage": each} for each in (5, "x", [1])),
    *(
        {"choices": [], "usage": {"prompt_tokens": each}}
        for each in ("many", [], {}, -1, 1.5, 1e300, math.inf, math.nan, True, 10**30)
    ),
    *({"choices": [], "usage": {"cost": each}} for each in ("x", -1, math.nan, 1e300, [])),
    *({"choices": [], "timings": each} for each in (5, "x", [1], {"predicted_n": -1})),
    *({"choices": [], "timings": {"predicted_n": each}} for each in ("x", 1e9, 5000, math.nan)),
    *({"choices": [], "stats": each} for each in (5, {"time_to_first_token": -1})),
    *({"choices": [], "model": each} for each in (5, [])),
]


@pytest.mark.parametrize("event", MALFORMED, ids=lambda event: json.dumps(event)[:60])
def test_a_malformed_event_ends_the_answer_and_keeps_it(event):
    assert len(MALFORMED) >= 50
    reply = ask("OpenAI", [*CHUNKS[:3], event, *CHUNKS[3:]])
    assert (reply.text, reply.finish) == ("Once upon ", "failed") or reply.text == WHOLE
    assert reply.finish == "stop" or "not an event of its interface" in reply.error
    check(reply)


@pytest.mark.parametrize("event", [b"data: \xff\n\n", b"data: " + b"[" * 200_000 + b"\n\n"])
def test_what_is_not_even_json(event):
    reply = ask("OpenAI", [*CHUNKS[:3], event])
    assert (reply.text, reply.finish) == ("Once upon ", "failed")


@pytest.mark.parametrize("number", [math.nan, -1e9, math.inf, "free"])
def test_a_server_cannot_talk_the_budget_out_of_its_bounds(number):
    """Twelve requests, each of which says that it cost less than nothing."""
    budget, sent = Budget(0.000_9), 0
    usage = {"prompt_tokens": number, "completion_tokens": number, "cost": number}
    for _ in range(12):
        sent += ask("OpenAI", [*CHUNKS[1:4], {"choices": [], "usage": usage}], budget) is not None
    assert 0 < sent < 12 and 0 < budget.spent_usd <= budget.limit_usd
    assert math.isfinite(budget.left_usd)


def test_parts_larger_than_the_whole_are_unknown():
    usage = {
        "prompt_tokens": 2,
        "completion_tokens": 3,
        "prompt_tokens_details": {"cached_tokens": 50},
        "completion_tokens_details": {"reasoning_tokens": 50},
    }
    reply = ask("OpenAI", [*CHUNKS[:4], {"choices": [], "usage": usage}])
    assert reply.finish == "stop" and reply.cached_tokens is reply.thinking_tokens is None
    assert reply.thinking_price_usd is None


def test_timings_without_a_count_of_tokens():
    reply = ask("OpenAI", [*CHUNKS[:4], {"choices": [], "timings": {"prompt_ms": 3.0}}])
    assert (reply.text, reply.finish, reply.timings.prompt_s) == (WHOLE, "stop", 0.003)


def said(text, **more):
    return {"choices": [{"delta": {"content": text}, **more}]}


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        (["a\ud83d", "\ude00b"], "a😀b"),
        (["\ud83d", "", "\ude00"], "😀"),
        (["a\ud83d"], "a\ufffd"),
        (["\ude00a", "\ud83d!"], "\ufffda\ufffd!"),
    ],
)
def test_halves_of_characters_are_joined(pieces, text):
    events = [said(piece) for piece in pieces]
    reply = ask("OpenAI", [*events, said("", finish_reason="stop")])
    assert (reply.text, reply.finish) == (text, "stop")
    cut = ask("OpenAI", events)
    assert (cut.text, cut.finish) == (text, "failed")


def test_what_was_held_back_is_kept_where_the_server_fails():
    """The beginning of a tag, and of a placeholder."""
    assert ask("OpenAI", [said("<thi"), {"choices": 5}]).text == "<thi"
    protocol = INTERFACES["OpenAI"][0]
    model = model_that_hears(protocol, chunk(said("Ask [CAR")) + chunk({"choices": 5}))
    model.policy = "redact"
    reply = labkit.generate(model, "Is 4111 1111 1111 1111 a test card?")
    assert (reply.text, reply.finish) == ("Ask [CAR", "failed")


def test_an_unlikely_token_has_the_logprob_that_stands_for_it():
    top = [{"token": "a", "logprob": -math.inf}]
    listed = {"content": [{"token": "a", "logprob": -1.0, "top_logprobs": top}]}
    reply = ask("OpenAI", [said("a", logprobs=listed, finish_reason="stop")])
    assert reply.steps[0].alternatives[0].logprob == -9999.0
