"""Claude through Anthropic's own client: requests and events by the types of its package."""

from typing import get_type_hints

import pytest
from pydantic import TypeAdapter

import labkit

from ..tls_server import claude_end, claude_event, claude_start, claude_text

QUESTION = "Why is the sky blue?"


def ask(server, model=None, prompt=QUESTION, **settings):
    return labkit.generate(
        labkit.cloud("anthropic", model, address=server.address), prompt, **settings
    )


@pytest.mark.slow
def test_an_answer_with_its_usage_its_price_and_its_way(provider, planted):
    server = provider("anthropic")
    server.answer(
        claude_start(14), claude_text("Rayleigh "), 0.05, claude_text("it is."), claude_end(6)
    )
    cloud = labkit.cloud("anthropic", address=server.address)
    reply = labkit.generate(cloud, QUESTION, max_tokens=50)
    assert (reply.text, reply.finish, reply.chunked) == ("Rayleigh it is.", "stop", True)
    assert (reply.prompt_tokens, reply.output_tokens) == (14, 6)
    assert reply.price_usd == pytest.approx((14 * 0.10 + 6 * 0.50) / 1e6)
    assert reply.model == "claude-haiku-5-5 (Anthropic)"
    assert reply.steps[0].elapsed_s < reply.steps[1].elapsed_s <= reply.elapsed_s
    assert server.requests[0].headers["authorization"] == f"Bearer {planted.key}"
    planted.saw(cloud, reply, repr(cloud._client), reply.http)


def test_the_request_is_what_the_interface_takes(provider):
    from anthropic.types import MessageParam
    from anthropic.types.message_create_params import MessageCreateParamsStreaming

    server = provider("anthropic")
    server.answer(claude_start(3), claude_text("Hi"), claude_end(1))
    prompt = [{"role": "system", "content": "Be short."}, {"role": "user", "content": QUESTION}]
    reply = ask(server, prompt=prompt, max_tokens=7, stop="END")
    sent = server.requests[0].body
    assert server.requests[0].line.startswith("POST /v1/messages ")
    assert sent.keys() <= get_type_hints(MessageCreateParamsStreaming).keys()
    TypeAdapter(list[MessageParam]).validate_python(sent["messages"])
    assert (sent["system"], sent["stop_sequences"], sent["max_tokens"]) == ("Be short.", ["END"], 7)
    assert sent["thinking"] == {"type": "disabled"}
    assert reply.settings.temperature == 1.0, "it takes none, so that is what it was"


def test_older_models_take_a_temperature(provider):
    server = provider("anthropic")
    server.answer(claude_start(3), claude_text("Hi"), claude_end(1))
    ask(server, "claude-haiku-4-5", temperature=0.2)
    sent = server.requests[0].body
    assert sent["temperature"] == 0.2 and not sent.keys() & {"top_p", "top_k", "thinking", "seed"}
    server.answer(claude_start(3), claude_text("Hi"), claude_end(1))
    ask(server, "claude-haiku-4-5", temperature=1.0, top_p=0.5, top_k=5)
    assert (server.requests[1].body["top_p"], server.requests[1].body["top_k"]) == (0.5, 5)


def test_what_it_does_not_take_is_refused():
    cloud = labkit.cloud("anthropic", key="sk-ant-0123456789")
    for setting in ({"temperature": 0.5}, {"seed": 1}, {"top_p": 0.5}, {"min_p": 0.1}):
        with pytest.raises(ValueError, match=f"{next(iter(setting))} must be left at .*Anthropic"):
            cloud.stream(QUESTION, **setting)
    with pytest.raises(ValueError, match="raw must be left at False"):
        cloud.stream(QUESTION, raw=True)
    with pytest.raises(ValueError, match="a message beside the system's"):
        cloud.stream([{"role": "system", "content": "Hi"}])


@pytest.mark.parametrize(
    "reason, finish",
    [
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("stop_sequence", "stop"),
        ("refusal", "content_filter"),
        ("tool_use", "tool_calls"),
    ],
)
def test_why_it_ended(provider, reason, finish):
    server = provider("anthropic")
    server.answer(claude_start(3), claude_text("Hi"), claude_end(1, reason))
    assert ask(server).finish == finish


def test_cached_tokens_are_counted_and_cost_less(provider):
    server = provider("anthropic")
    server.answer(
        claude_start(10, cache_read_input_tokens=1000, cache_creation_input_tokens=0),
        claude_text("Hi"),
        claude_end(5),
    )
    reply = ask(server)
    assert (reply.prompt_tokens, reply.cached_tokens) == (1010, 1000)
    assert reply.price_usd == pytest.approx((10 * 0.10 + 1000 * 0.01 + 5 * 0.50) / 1e6)


def test_thoughts_take_their_time_and_are_no_answer(provider):
    server = provider("anthropic")
    thought = {"type": "thinking_delta", "thinking": "Hmm.", "estimated_tokens": None}
    server.answer(
        claude_start(3),
        claude_event(type="content_block_delta", index=0, delta=thought),
        0.1,
        claude_text("Hi"),
        0.1,
        claude_text(" there"),
        claude_end(909, output_tokens_details={"thinking_tokens": 900}),
    )
    reply = ask(server)
    assert (reply.text, reply.thinking) == ("Hi there", "Hmm.")
    assert (reply.output_tokens, reply.thinking_tokens) == (909, 900)
    assert reply.thinking_s == pytest.approx(0.1, abs=0.08)
    assert reply.thinking_price_usd == pytest.approx(900 * 0.50 / 1e6)
    assert reply.price_usd == pytest.approx((3 * 0.10 + 909 * 0.50) / 1e6)
    assert reply.decode_tokens_per_s < 200  # its thought is abridged: 9 tokens in 0.1 s


def test_thoughts_may_be_hidden_or_not_counted(provider):
    server = provider("anthropic")
    block = {"type": "redacted_thinking", "data": "x"}
    server.answer(
        claude_start(3),
        claude_event(type="content_block_start", index=0, content_block=block),
        0.1,
        claude_text("Hi"),
        claude_end(90, output_tokens_details={"thinking_tokens": 88}),
    )
    reply = ask(server)
    assert (reply.text, reply.thinking, reply.thinking_tokens) == ("Hi", "", 88)
    assert reply.decode_tokens_per_s is None and reply.thinking_s == reply.ttft_s
    thought = {"type": "thinking_delta", "thinking": "Hmm."}
    server.answer(
        claude_start(3),
        claude_event(type="content_block_delta", index=0, delta=thought),
        0.1,
        claude_text("Hi"),
        claude_end(90),
    )
    reply = ask(server)
    assert reply.thinking_tokens is reply.decode_tokens_per_s is reply.thinking_price_usd is None


def test_its_models(provider):
    server = provider("anthropic")
    listed = {
        "data": [
            {
                "id": "claude-x",
                "type": "model",
                "display_name": "X",
                "created_at": "2026-10-07T00:00:00Z",
            }
        ],
        "has_more": False,
        "first_id": None,
        "last_id": None,
    }
    server.refuse("200 OK", listed)
    assert labkit.cloud("anthropic", address=server.address).models() == ("claude-x",)
