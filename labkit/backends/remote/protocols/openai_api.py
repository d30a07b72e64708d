"""OpenAI's interface, which most servers speak, through the official client."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2

from labkit.backends.settings import Settings

from .parameters import Parameters, request_fields
from .reader import AnswerReader
from .warmup import warm_openai


@dataclass(frozen=True, slots=True)
class OpenAI:
    """Requests and answers of OpenAI's interface, for one model.

    Attributes:
        model: the model's name, as the server has it.
        kind: which server it is, for a sentence.
        parameters: the settings that it takes, and by which names.
        continues: whether it also continues a text as it stands.
    """

    model: str
    kind: str
    parameters: Parameters
    continues: bool = True

    @property
    def sdk(self):
        """The package whose client is used."""
        import openai

        return openai

    def connect(self, http: httpx2.Client, base_url: str, key: str):
        """The client. It retries nothing, or a time would be that of several requests."""
        client = self.sdk.OpenAI(base_url=base_url, api_key=key, max_retries=0, http_client=http)
        # Taken from the environment, where they are meant for OpenAI itself.
        client.organization = client.project = None
        warm_openai()
        return client

    def models(self, client) -> tuple[str, ...]:
        """The names of the server's models."""
        return tuple(model.id for model in client.models.list().data or ())

    def body(self, prompt: str | list, settings: Settings, *, raw: bool) -> dict[str, Any]:
        """What is asked, save the model.

        Raises:
            ValueError: a setting that this kind of server does not take.
        """
        if raw and not self.continues:
            raise ValueError(f"raw must be left at False: {self.kind} takes messages; got True")
        fields = request_fields(self.kind, settings, raw=raw, parameters=self.parameters)
        return {"prompt" if raw else "messages": prompt, **fields}

    @contextmanager
    def send(self, client, body: dict[str, Any]) -> Iterator[tuple[httpx2.Response, Iterator]]:
        """Sends it; gives the response and its events."""
        own = "prompt" if "prompt" in body else "messages"
        ask = client.completions.create if own == "prompt" else client.chat.completions.create
        more = {name: value for name, value in body.items() if name != own}
        with ask(model=self.model, stream=True, extra_body=more, **{own: body[own]}) as events:
            yield events.response, events

    def reader(self, note: Callable[..., None], where: str) -> AnswerReader:
        """Reads the events of one answer."""
        return AnswerReader(note, where, lambda event: event.to_dict())
