"""What a `RemoteModel` is put together from, beside its transport and its policy."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from types import ModuleType
from typing import Any
from typing import Protocol as Interface

import httpx2

from labkit.backends.prompts import Messages
from labkit.backends.settings import Settings

from .parameters import Parameters
from .reader import AnswerReader


class Protocol(Interface):
    """The one place that knows what a server is sent, and what it answers."""

    model: str
    kind: str
    parameters: Parameters
    sdk: ModuleType

    def connect(self, http: httpx2.Client, base_url: str, key: str) -> Any:
        """The client of the interface."""

    def models(self, client: Any) -> tuple[str, ...]:
        """The names of the server's models."""

    def body(self, prompt: str | list, settings: Settings, *, raw: bool) -> dict[str, Any]:
        """What is asked, save the model."""

    def send(
        self, client: Any, body: dict[str, Any]
    ) -> AbstractContextManager[tuple[httpx2.Response, Iterator[Any]]]:
        """Sends it; gives the response and its events."""

    def reader(self, note: Callable[..., None], where: str) -> AnswerReader:
        """Reads the events of one answer."""


class Meter(Interface):
    """Prices requests, and keeps them within a budget."""

    budget: Any

    def estimate(self, name: str, address: str, prompt: str | Messages, max_tokens: int) -> Any:
        """What a request would send, and cost at most."""

    def reserve(self, *request: Any) -> AbstractContextManager[Any]:
        """Sets the most that it can cost aside while it runs."""

    def price(self, usage: Any, model: str | None) -> float | None:
        """US dollars by the server's own count."""
