"""Anthropic's own interface: Messages, through the official client, and its counter of tokens.

Source: the package anthropic 2.12, types/raw_message_stream_event.py and what it names.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import httpx2

from labkit.backends.prompts import Messages
from labkit.backends.remote.protocols.parameters import named_settings
from labkit.backends.remote.protocols.protocol import Chunk, RemoteProtocol
from labkit.backends.settings import Settings
from labkit.errors import LabError


@dataclass(frozen=True, slots=True)
class Anthropic(RemoteProtocol):
    """See `RemoteProtocol`."""

    sdk: ClassVar = "anthropic"
    sample: ClassVar = (
        'event: message_start\ndata: {"type":"message_start","message":{"id":"","type":"message",'
        '"role":"assistant","content":[],"model":"","stop_reason":null,"stop_sequence":null,'
        '"usage":{"input_tokens":1,"output_tokens":1}}}\n\n'
        'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":'
        '{"type":"text_delta","text":"a"}}\n\n'
        'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    )

    def connect(self, http, base_url: str, key: str):
        import anthropic

        return anthropic.Anthropic(base_url=base_url, api_key=key, max_retries=0, http_client=http)

    def models(self, client) -> tuple[str, ...]:
        return tuple(model.id for model in client.models.list().data)

    def body(self, prompt: str | Messages, settings: Settings, *, raw: bool) -> dict[str, Any]:
        if raw or isinstance(prompt, str):
            raise ValueError(f"raw must be left at False: {self.kind} takes messages; got True")
        system = [message["content"] for message in prompt if message["role"] == "system"]
        messages = [message for message in prompt if message["role"] != "system"]
        if not messages:
            raise ValueError("prompt must have a message beside the system's; got none")
        named = named_settings(self.kind, settings, self.parameters)
        if named.get("top_p") == 1.0:  # its models take one of it and temperature, not both
            del named["top_p"]
        if named.get("top_k") == 0:
            del named["top_k"]
        more = {"system": "\n\n".join(system)} if system else {}
        return {"messages": messages, **more, **self.parameters.more, **named}

    @contextmanager
    def send(self, client, body: dict[str, Any]) -> Iterator[tuple[Any, Iterator]]:
        own = {name: body[name] for name in ("messages", "max_tokens")}
        more = {name: value for name, value in body.items() if name not in own}
        with client.messages.create(
            model=self.model, stream=True, extra_body=more, **own
        ) as events:
            yield events.response, events

    def translator(self):
        return _Translator()


class _Translator:
    """Anthropic's events in OpenAI's form; the usage of the first is completed by a later one."""

    def __init__(self):
        self._model, self._usage = None, {}

    def __call__(self, answered) -> Chunk:
        event = answered.to_dict(warnings=False)
        kind = event["type"]
        if kind == "message_start":
            self._model = event["message"]["model"]
            self._usage = dict(event["message"]["usage"])
        elif kind == "content_block_start":
            return _chunk(event["content_block"])
        elif kind == "content_block_delta":
            return _chunk(event["delta"])
        elif kind == "message_delta":
            self._usage |= {k: count for k, count in event["usage"].items() if count is not None}
            return self._ended(event["delta"].get("stop_reason"))
        return {"choices": []}

    def _ended(self, reason: str | None) -> Chunk:
        usage = self._usage
        read = [
            usage.get(name) or 0
            for name in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
        ]
        thought = (usage.get("output_tokens_details") or {}).get("thinking_tokens")
        return {
            "model": self._model,
            "choices": [{"delta": {}, "finish_reason": reason}],
            "usage": {
                "prompt_tokens": sum(read),
                "prompt_tokens_details": {"cached_tokens": usage.get("cache_read_input_tokens")},
                "completion_tokens": usage.get("output_tokens"),
                "completion_tokens_details": {"reasoning_tokens": thought},
                "own": usage,
            },
        }


def _chunk(block: dict[str, Any]) -> Chunk:
    delta = {"content": block.get("text"), "reasoning_content": block.get("thinking")}
    return {"choices": [{"delta": delta}]}


# Claude's tokenizer is not public, its counter is

MODEL = "claude-sonnet-4-5"  # counts are asked for a model; "claude" alone means this one


def count_tokens(text: str, model: str = MODEL, *, timeout_s: float = 30) -> int | None:
    """How many tokens Claude reads for a message of that text; nothing is generated or charged.

    Args:
        text: sent to Anthropic if ``ANTHROPIC_API_KEY`` is set, and nowhere if not.
        model: Anthropic's name of it, or ``"claude"``.
        timeout_s: seconds to wait.
    Returns:
        The count, the few tokens around a message included; 0 for an empty text; None without a
        key.
    Raises:
        LabError: the key is refused, the model unknown, or there is no answer.
    """
    key = os.environ.get("ANTHROPIC_API_KEY")
    if not key:
        return None
    if not text:
        return 0  # the endpoint refuses a message without text
    asked = {
        "model": MODEL if model == "claude" else model,
        "messages": [{"role": "user", "content": text}],
    }
    base = os.environ.get("ANTHROPIC_BASE_URL", "https://api.anthropic.com").rstrip("/")
    headers = {"x-api-key": key, "anthropic-version": "2023-06-01"}
    try:
        answer = httpx2.post(
            f"{base}/v1/messages/count_tokens", json=asked, headers=headers, timeout=timeout_s
        )
        return int(answer.raise_for_status().json()["input_tokens"])
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, KeyError) as error:
        raise LabError(
            f"Anthropic did not count the tokens: {_message(error)}",
            "Check the network and ANTHROPIC_API_KEY; without a key, the count is unknown.",
        ) from None


def _message(error: Exception) -> str:
    if isinstance(error, httpx2.HTTPStatusError):
        try:
            return error.response.json()["error"]["message"]
        except (ValueError, KeyError, TypeError):
            return f"status {error.response.status_code}"
    return str(error) or type(error).__name__
