"""``thinking=`` for clouds: what is sent, held to the providers' own types; what is refused."""

import pytest
from pydantic import TypeAdapter

import labkit

from ..tls_server import chat_end, claude_end, claude_start, claude_text, text

QUESTION = "Why is the sky blue?"


def sent(provider, name, model=None, **settings):
    """The body that a provider of that name gets."""
    server = provider(name)
    claude = [claude_start(3), claude_text("Hi"), claude_end(1)]
    server.answer(*(claude if name == "anthropic" else [text("Hi"), chat_end(3, 1)]))
    reply = labkit.generate(labkit.cloud(name, model, address=server.address), QUESTION, **settings)
    assert reply.settings.thinking == settings.get("thinking")
    return server.requests[0].body


@pytest.mark.parametrize(
    ("name", "model", "unsaid", "on", "off"),
    [
        ("openai", "gpt-6-luna", "none", "medium", "none"),
        ("openai", "gpt-6-astra", None, None, "refused"),
        ("openai", "gpt-4.1-mini", None, "refused", "refused"),
        ("google", "gemini-3.1-flash-lite", "minimal", "medium", "refused"),
        ("google", "gemini-2.5-flash", "none", "medium", "none"),
        ("google", "gemini-3-pro", None, "refused", "refused"),
        ("mistral", None, None, "refused", "refused"),
    ],
)
def test_an_effort(provider, name, model, unsaid, on, off):
    from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming

    for thinking, effort in ((None, unsaid), (True, on), (False, off)):
        if effort == "refused":
            with pytest.raises(ValueError, match="thinking must be left at None: "):
                sent(provider, name, model, thinking=thinking)
        else:
            body = sent(provider, name, model, thinking=thinking)
            assert body.get("reasoning_effort") == effort
            if name != "mistral":  # it calls some settings otherwise
                TypeAdapter(CompletionCreateParamsStreaming).validate_python(body)


@pytest.mark.parametrize(
    ("model", "unsaid", "on", "off"),
    [
        ("claude-haiku-5-5", "disabled", "adaptive", "disabled"),
        ("claude-opus-5", "disabled", "adaptive", "disabled"),
        ("claude-sonnet-4-6", None, "adaptive", None),
        ("claude-haiku-4-5", None, "enabled", None),
        ("claude-sonnet-5-5", None, "adaptive", "refused"),
    ],
)
def test_claude(provider, model, unsaid, on, off):
    from anthropic.types import ThinkingConfigParam

    for thinking, kind in ((None, unsaid), (True, on), (False, off)):
        if kind == "refused":
            with pytest.raises(ValueError, match="thinking must be left at None: Anthropic"):
                sent(provider, "anthropic", model, thinking=thinking)
            continue
        body = sent(provider, "anthropic", model, thinking=thinking, max_tokens=2000)
        assert body.get("thinking", {}).get("type") == kind
        if kind:
            TypeAdapter(ThinkingConfigParam).validate_python(body["thinking"])
        if thinking:  # a model that thinks takes none
            assert "temperature" not in body


def test_openrouter_passes_it_on(provider):
    assert "reasoning" not in sent(provider, "openrouter")
    # docs "Reasoning Tokens", and openrouter 1.3, components/chatrequest.py
    assert sent(provider, "openrouter", thinking=True)["reasoning"] == {"effort": "medium"}
    assert sent(provider, "openrouter", thinking=False)["reasoning"] == {"effort": "none"}


@pytest.mark.parametrize(
    ("name", "model"), [("openai", "gpt-6-luna"), ("anthropic", "claude-haiku-4-5")]
)
def test_a_temperature_goes_only_without_a_thought(provider, name, model):
    assert sent(provider, name, model, temperature=0.2)["temperature"] == 0.2
    with pytest.raises(
        ValueError, match=r"temperature .* does not take it with thinking=True; got"
    ):
        sent(provider, name, model, temperature=0.2, thinking=True)


@pytest.mark.parametrize("wrong", ["yes", 1, [True]])
def test_it_is_true_false_or_none(provider, wrong):
    with pytest.raises(ValueError, match="thinking must be True, False or None; got"):
        sent(provider, "openai", thinking=wrong)
