"""Anthropic's own interface: Messages, and its counter of tokens, through the official client.

Source: the package anthropic 2.12, types/raw_message_stream_event.py and what it names.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from labkit.backends.prompts import Messages
from labkit.backends.remote.protocols.events import (
    Choice,
    Chunk,
    Count,
    Delta,
    Text,
    Usage,
    checked,
    model_names,
)
from labkit.backends.remote.protocols.parameters import named_settings
from labkit.backends.remote.protocols.protocol import RemoteProtocol
from labkit.backends.settings import Settings


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

    def connect(self, http, base_url: str):
        import anthropic

        return anthropic.Anthropic(
            base_url=base_url, api_key="none", max_retries=0, http_client=http
        )

    def models(self, client) -> tuple[str, ...]:
        return model_names(client.get("/v1/models", cast_to=object), "data", "id")

    def count_tokens(self, client, prompt: str | Messages) -> int:
        """How many tokens it reads for messages, the few around them included."""
        body = self.body(prompt, self.parameters.settings(), raw=False)
        asked = {name: body[name] for name in ("messages", "system") if name in body}
        path = "/v1/messages/count_tokens"
        answer = client.post(path, body={"model": self.model, **asked}, cast_to=object)
        return checked(ClaudeCount, answer).input_tokens

    def body(self, prompt: str | Messages, settings: Settings, *, raw: bool) -> dict[str, Any]:
        if raw or isinstance(prompt, str):
            raise ValueError(f"raw must be left at False: {self.kind} takes messages; got True")
        system = [message["content"] for message in prompt if message["role"] == "system"]
        messages = [message for message in prompt if message["role"] != "system"]
        if not messages:
            raise ValueError("prompt must have a message beside the system's; got none")
        parameters = self.parameters.when(settings.thinking)
        named = named_settings(self.kind, settings, parameters)
        if named.get("top_p") == 1.0:  # its models take one of it and temperature, not both
            del named["top_p"]
        if named.get("top_k") == 0:
            del named["top_k"]
        more = {"system": "\n\n".join(system)} if system else {}
        return {"messages": messages, **more, **parameters.more, **named}

    @contextmanager
    def send(self, client, body: dict[str, Any]) -> Iterator[Iterator]:
        import anthropic

        asked = {"model": self.model, "stream": True, **body}
        # Of type object: as they come, for `translator` to check.
        how = {"cast_to": object, "stream": True, "stream_cls": anthropic.Stream[object]}
        with client.post("/v1/messages", body=asked, **how) as events:
            yield events

    def translator(self):
        return _Translator()


@dataclass(frozen=True, slots=True)
class ClaudeCount:
    """What the counter answers."""

    input_tokens: Count


@dataclass(frozen=True, slots=True)
class ClaudeBlock:
    """A piece of the answer or of the thought, or why it ended."""

    text: Text | None = None
    thinking: Text | None = None
    stop_reason: str | None = None


@dataclass(frozen=True, slots=True)
class ClaudeMessage:
    """What an answer begins with."""

    model: str | None = None
    usage: Usage = None


@dataclass(frozen=True, slots=True)
class ClaudeEvent:
    """An event of a stream; its type says which of the fields it has."""

    type: str
    message: ClaudeMessage | None = None
    content_block: ClaudeBlock | None = None
    delta: ClaudeBlock | None = None
    usage: Usage = None


class _Translator:
    """Anthropic's events in OpenAI's form; the usage of the first is completed by a later one."""

    def __init__(self):
        self._model: str | None = None
        self._usage: dict[str, Any] = {}

    def __call__(self, answered: Any) -> Chunk:
        event = checked(ClaudeEvent, answered)
        if event.type == "message_start":
            message = event.message or ClaudeMessage()
            self._model, self._usage = message.model, dict(message.usage or {})
        elif event.type == "content_block_start":
            return _chunk(event.content_block)
        elif event.type == "content_block_delta":
            return _chunk(event.delta)
        elif event.type == "message_delta":
            counts = (event.usage or {}).items()
            self._usage |= {name: count for name, count in counts if count is not None}
            return self._ended(event.delta)
        return Chunk()

    def _ended(self, delta: ClaudeBlock | None) -> Chunk:
        usage = self._usage
        read = [
            usage.get(name) or 0
            for name in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
        ]
        thought = (usage.get("output_tokens_details") or {}).get("thinking_tokens")
        counts = {
            "prompt_tokens": sum(read),
            "prompt_tokens_details": {"cached_tokens": usage.get("cache_read_input_tokens")},
            "completion_tokens": usage.get("output_tokens"),
            "completion_tokens_details": {"reasoning_tokens": thought},
            "own": usage,
        }
        choice = Choice(Delta(), finish_reason=delta.stop_reason if delta else None)
        return Chunk([choice], counts, self._model)


def _chunk(block: ClaudeBlock | None) -> Chunk:
    block = block or ClaudeBlock()
    return Chunk([Choice(Delta(content=block.text, reasoning_content=block.thinking))])
