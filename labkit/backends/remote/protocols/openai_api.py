"""OpenAI's interface, which most servers speak, through the official client."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from labkit.backends.prompts import Messages
from labkit.backends.settings import Settings

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

    def connect(self, http, base_url: str, key: str):
        import openai

        client = openai.OpenAI(base_url=base_url, api_key=key, max_retries=0, http_client=http)
        # Taken from the environment, where they are meant for OpenAI itself.
        client.organization = client.project = None
        return client

    def models(self, client) -> tuple[str, ...]:
        return tuple(model.id for model in client.models.list().data or ())

    def body(self, prompt: str | Messages, settings: Settings, *, raw: bool) -> dict[str, Any]:
        if raw and not self.continues:
            raise ValueError(f"raw must be left at False: {self.kind} takes messages; got True")
        fields = request_fields(self.kind, settings, raw=raw, parameters=self.parameters)
        return {"prompt" if raw else "messages": prompt, **fields}

    @contextmanager
    def send(self, client, body: dict[str, Any]) -> Iterator[tuple[Any, Iterator]]:
        own = "prompt" if "prompt" in body else "messages"
        ask = client.completions.create if own == "prompt" else client.chat.completions.create
        more = {name: value for name, value in body.items() if name != own}
        with ask(model=self.model, stream=True, extra_body=more, **{own: body[own]}) as events:
            yield events.response, events

    def translator(self):
        # Mistral's lists are not of the client's type, of which it would warn.
        return lambda event: event.to_dict(warnings=False)
