"""OpenAI's interface, which most servers speak, through the official client."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from labkit.backends.prompts import Messages
from labkit.backends.settings import Settings

from .events import Chunk, model_names, read_chunk
from .parameters import request_fields
from .protocol import RemoteProtocol


@dataclass(frozen=True, slots=True)
class OpenAI(RemoteProtocol):
    """See `RemoteProtocol`.

    Attributes:
        continues: whether it also continues a text as it stands.
    """

    sdk: ClassVar = "openai"
    sample: ClassVar = (
        'data: {"id":"","object":"chat.completion.chunk","created":0,"model":"","choices":'
        '[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}\n\ndata: [DONE]\n\n'
    )
    continues: bool = True

    def connect(self, http, base_url: str):
        import openai

        return openai.OpenAI(base_url=base_url, api_key="none", max_retries=0, http_client=http)

    def models(self, client) -> tuple[str, ...]:
        return model_names(client.get("/models", cast_to=object), "data", "id")

    def body(self, prompt: str | Messages, settings: Settings, *, raw: bool) -> dict[str, Any]:
        if raw and not self.continues:
            raise ValueError(f"raw must be left at False: {self.kind} takes messages; got True")
        fields = request_fields(self.kind, settings, raw=raw, parameters=self.parameters)
        return {"prompt" if raw else "messages": prompt, **fields}

    @contextmanager
    def send(self, client, body: dict[str, Any]) -> Iterator[Iterator]:
        import openai

        path = "/completions" if "prompt" in body else "/chat/completions"
        asked = {"model": self.model, "stream": True, **body}
        # Of type object: as they come, for `translator` to check.
        how = {"cast_to": object, "stream": True, "stream_cls": openai.Stream[object]}
        with client.post(path, body=asked, **how) as events:
            yield events

    def translator(self) -> Callable[[Any], Chunk]:
        return read_chunk
