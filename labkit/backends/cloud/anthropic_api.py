"""Anthropic's own interface, Messages, through the official client.

Source: the package anthropic 2.12, types/raw_message_stream_event.py and what it names.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2

from labkit.backends.remote.protocols.parameters import Parameters, named_settings
from labkit.backends.remote.protocols.reader import AnswerReader, Chunk
from labkit.backends.remote.protocols.warmup import warm_anthropic
from labkit.backends.settings import Settings

LENGTH = {"max_tokens", "model_context_window_exceeded"}


@dataclass(frozen=True, slots=True)
class Anthropic:
    """Requests and answers of Anthropic's interface, for one model.

    Attributes:
        model: the provider's name of it.
        kind: the provider's name, for a sentence.
        parameters: the settings that it takes, and by which names.
    """

    model: str
    kind: str
    parameters: Parameters

    @property
    def sdk(self):
        """The package whose client is used."""
        import anthropic

        return anthropic

    def connect(self, http: httpx2.Client, base_url: str, key: str):
        """The client. It retries nothing, or a time would be that of several requests."""
        warm_anthropic()
        return self.sdk.Anthropic(base_url=base_url, api_key=key, max_retries=0, http_client=http)

    def models(self, client) -> tuple[str, ...]:
        """The names of the provider's models."""
        return tuple(model.id for model in client.models.list().data)

    def body(self, prompt: str | list, settings: Settings, *, raw: bool) -> dict[str, Any]:
        """What is asked, save the model; the system's messages stand apart.

        Raises:
            ValueError: a setting that the model does not take, or no message but the system's.
        """
        if raw:
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
    def send(self, client, body: dict[str, Any]) -> Iterator[tuple[httpx2.Response, Iterator]]:
        """Sends it; gives the response and its events."""
        own = {name: body[name] for name in ("messages", "max_tokens")}
        more = {name: value for name, value in body.items() if name not in own}
        with client.messages.create(
            model=self.model, stream=True, extra_body=more, **own
        ) as events:
            yield events.response, events

    def reader(self, note: Callable[..., None], where: str) -> AnswerReader:
        """Reads the events of one answer."""
        return AnswerReader(note, where, _Translator())


class _Translator:
    """Anthropic's events in OpenAI's form; the usage of the first is completed by a later one."""

    def __init__(self):
        self._model, self._usage = None, {}

    def __call__(self, answered) -> Chunk:
        event = answered.to_dict()
        kind = event["type"]
        if kind == "message_start":
            self._model = event["message"]["model"]
            self._usage = dict(event["message"]["usage"])
        elif kind == "content_block_start":
            return _chunk(event["content_block"].get("text"))
        elif kind == "content_block_delta":
            # Thoughts take their time and are no part of the answer; see `AnswerReader`.
            delta = event["delta"]
            return _chunk(delta.get("text"), delta.get("thinking"))
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
        finish = ("length" if reason in LENGTH else "stop") if reason else None
        return {
            "model": self._model,
            "choices": [{"delta": {}, "finish_reason": finish}],
            "usage": {
                "prompt_tokens": sum(read),
                "completion_tokens": usage.get("output_tokens"),
                "own": usage,
            },
        }


def _chunk(text: str | None, thought: str | None = None) -> Chunk:
    return {"choices": [{"delta": {"content": text, "reasoning_content": thought}}]}
