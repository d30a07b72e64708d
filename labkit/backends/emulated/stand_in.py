"""A stand-in for a cloud, where nobody has a key: the local model behind a wide-area link."""

import os
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from labkit.backends.llamacpp.model import LlamaCppModel, load_llamacpp
from labkit.backends.loaded.load import SERVER, load
from labkit.backends.remote.api_keys import use_key
from labkit.backends.remote.http.network import open_network
from labkit.backends.remote.model import RemoteModel
from labkit.backends.remote.protocols.openai_api import OpenAI
from labkit.backends.remote.protocols.parameters import LLAMA_CPP
from labkit.backends.remote.transport import CONNECT_TIMEOUT_S, READ_TIMEOUT_S, Transport
from labkit.backends.served.model import ServedModel
from labkit.interrupts.delayed import delayed_interrupts

from .links import Link, find_link
from .tcp_relay import HOST, Relay

ORIGIN = "stand-in: {} on this machine, over an emulated link"
# As lean as a cloud's events: no alternatives of every token, which would fill a narrow link.
# Whether its model's template can be switched is not known there.
LEAN = replace(LLAMA_CPP, logprobs=False, thinking={})


def stand_in(
    model: str | LlamaCppModel | ServedModel = "smollm2-135m",
    *,
    link: str | Link = "ocean",
    seed: int | None = None,
    connect_timeout_s: float = 4 * CONNECT_TIMEOUT_S,
    read_timeout_s: float = READ_TIMEOUT_S,
) -> "StandIn":
    """A small model of this machine, reached as a cloud is: encrypted, and over a distant link.

    It shows what a network adds to an answer. It is not what a cloud's large model would answer.

    Args:
        model: a model that llama.cpp reads, see `labkit.load_llamacpp`; or one from there: its
            weights are loaded a second time, so that both can compute at once. A model of a shared
            server on this machine is asked there.
        link: a name of `LINKS`, or a `Link`.
        seed: of the dice for jitter and loss; None: another one each time.
        connect_timeout_s: how long to wait for a connection.
        read_timeout_s: how long nothing may come.
    Returns:
        A backend; ``with labkit.stand_in() as cloud:`` ends it afterwards, as ``close()`` does.
    Raises:
        LabError: llama.cpp or the package for the certificate is missing, or the model.
        ValueError: no such link.
    """
    found = find_link(link)
    engine = _engine(model)
    with delayed_interrupts():  # threads that nobody could end
        return StandIn(engine, found, seed, (connect_timeout_s, read_timeout_s))


@dataclass(frozen=True, slots=True)
class BorrowedEngine:
    """llama.cpp's server, which its owner closes.

    Attributes:
        name: the model's name.
        listening: its address on the loopback, and the key that it wants, if any.
    """

    name: str
    listening: tuple[str, str | None]

    def close(self) -> None:
        """Nothing: it stays open."""


def _engine(model: str | LlamaCppModel | ServedModel) -> LlamaCppModel | BorrowedEngine:
    if isinstance(model, LlamaCppModel):
        return model.load_again()
    if isinstance(model, str):
        if not (os.environ.get(SERVER) and isinstance(served := load(model), ServedModel)):
            return load_llamacpp(model)
        model = served
    if listening := model.listening:
        return BorrowedEngine(model.name, listening)
    return load_llamacpp(model.files.source)


class StandIn(RemoteModel):
    """llama.cpp's own server behind a link.

    Attributes:
        link: the link that is emulated; the others as of `RemoteModel`.
    """

    def __init__(
        self,
        engine: LlamaCppModel | BorrowedEngine,
        link: Link,
        seed: int | None = None,
        timeouts_s: tuple[float, float] = (CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
    ):
        address, key_text = engine.listening
        self.link, self._engine = link, engine
        self._relay = Relay(link, urlsplit(address).port or 0, seed=seed)
        network = open_network(self._relay.proxy, self._relay.trusted)
        name = engine.name.removesuffix(" (llama.cpp)")
        key = use_key(key_text) if key_text else None
        super().__init__(
            OpenAI(name, "llama.cpp", LEAN),
            Transport(f"https://{HOST}/v1", key, *timeouts_s, network=network),
            label="stand-in",
            origin=ORIGIN.format(name),
        )

    def __repr__(self) -> str:
        return f"<StandIn {self.name}: {self.link.summary}>"

    def close(self) -> None:
        """Ends the link and gives the model's memory back."""
        self._relay.close()
        self._engine.close()

    def __enter__(self) -> "StandIn":
        return self

    def __exit__(self, *error) -> None:
        self.close()
