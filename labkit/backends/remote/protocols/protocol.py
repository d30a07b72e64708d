"""What a `RemoteModel` is put together from, beside its transport and its policy."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from labkit.backends.prompts import Messages
from labkit.backends.settings import Settings

from .parameters import Parameters
from .reader import Chunk


@dataclass(frozen=True, slots=True)
class RemoteProtocol(ABC):
    """The one place that knows what a server is sent, and what it answers.

    Attributes:
        sdk: the package of its client, whose errors are raised.
        sample: the events of a short answer, to warm its client up with.
        model: the model's name, as the server has it.
        kind: which server it is, for a sentence.
        parameters: the settings that it takes, and by which names.
    """

    sdk: ClassVar[str]
    sample: ClassVar[str]
    model: str
    kind: str
    parameters: Parameters

    @abstractmethod
    def connect(self, http, base_url: str, key: str) -> Any:
        """The client, around an HTTP client. It retries nothing, or times would be of several."""

    @abstractmethod
    def models(self, client) -> tuple[str, ...]:
        """The names of the server's models."""

    @abstractmethod
    def body(self, prompt: str | Messages, settings: Settings, *, raw: bool) -> dict[str, Any]:
        """What is asked, save the model; a ValueError for what the server does not take."""

    @abstractmethod
    def send(self, client, body: dict[str, Any]) -> AbstractContextManager:
        """Sends it; gives the response, and the events as the client has them."""

    @abstractmethod
    def translator(self) -> Callable[[Any], Chunk]:
        """A function that puts each event of one answer in the form of OpenAI's, as a `Chunk`."""


class RequestMeter(Protocol):
    """Prices requests, and keeps them within a budget."""

    @property
    def budget(self) -> Any:
        """What may be spent, or None."""

    def estimate(self, name: str, address: str, prompt: Any, max_tokens: int) -> Any:
        """What a request would send, and cost at most."""

    def reserve(self, *request) -> AbstractContextManager:
        """Sets the most that it can cost aside while it runs."""

    def price(self, usage: Any, model: str | None) -> float | None:
        """US dollars by the server's own count."""
