"""Claude, through Anthropic's official client and its own interface, Messages.

Source: the package anthropic 2.12, types/raw_message_stream_event.py and what it names.
"""

from collections.abc import Callable, Iterator
from typing import Any

from labkit.backends.remote.events import Chunk
from labkit.backends.remote.parameters import named_settings
from labkit.backends.remote.transport import Tracer
from labkit.backends.remote.warmup import warm_anthropic
from labkit.backends.settings import Settings

from .model import CloudModel

LENGTH = {"max_tokens", "model_context_window_exceeded"}


class AnthropicModel(CloudModel):
    """A model of Anthropic's; attributes as of `CloudModel`."""

    def models(self) -> tuple[str, ...]:
        """The names of the provider's models.

        Raises:
            LabError: it does not answer.
        """
        with self._sentences():
            return tuple(model.id for model in self._connected().models.list().data)

    def _body(self, prompt: str | list, settings: Settings, raw: bool) -> dict[str, Any]:
        if raw:
            raise ValueError(f"raw must be left at False: {self.kind} takes messages; got True")
        system = [message["content"] for message in prompt if message["role"] == "system"]
        told = [message for message in prompt if message["role"] != "system"]
        if not told:
            raise ValueError("prompt must have a message beside the system's; got none")
        sent = {**self.dialect.more, **named_settings(self.kind, settings, self.dialect)}
        if sent.get("top_p") == 1.0:  # its models take one of it and temperature, not both
            del sent["top_p"]
        if sent.get("top_k") == 0:
            del sent["top_k"]
        more = {"system": "\n\n".join(system)} if system else {}
        return {"messages": told, **more, **sent}

    def _events(
        self, body: dict[str, Any], raw: bool, tracer: Tracer, opened: Callable
    ) -> Iterator[tuple[float, Chunk]]:
        """Each event in OpenAI's form, with the moment it came."""
        messages, max_tokens = body["messages"], body["max_tokens"]
        more = {name: body[name] for name in body.keys() - {"messages", "max_tokens"}}
        with self._sentences():
            client = self._connected()
            with tracer:
                events = client.messages.create(
                    model=self.model, messages=messages, max_tokens=max_tokens,
                    stream=True, extra_body=more,
                )  # fmt: skip
            with events:
                opened(events.response)
                translate = _Translator()
                for event in events:
                    yield tracer.arrived, translate(event.to_dict())

    def _sentences(self):
        import anthropic

        return super()._sentences(anthropic)

    def _new_client(self, http_client):
        import anthropic

        warm_anthropic()
        return anthropic.Anthropic(
            base_url=self.base_url, api_key=self._revealed, max_retries=0, http_client=http_client
        )


class _Translator:
    """Anthropic's events in OpenAI's form; the usage of the first is completed by a later one."""

    def __init__(self):
        self._model, self._usage = None, {}

    def __call__(self, event: dict[str, Any]) -> Chunk:
        kind = event["type"]
        if kind == "message_start":
            self._model = event["message"]["model"]
            self._usage = dict(event["message"]["usage"])
        elif kind == "content_block_start":
            return _chunk(event["content_block"].get("text"))
        elif kind == "content_block_delta":
            # Thoughts take their time and are no part of the answer; see `chunks`.
            delta = event["delta"]
            return _chunk(delta.get("text"), delta.get("thinking"))
        elif kind == "message_delta":
            told = {name: count for name, count in event["usage"].items() if count is not None}
            self._usage |= told
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
