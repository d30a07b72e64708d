"""A stand-in for a cloud, where nobody has a key: the local model behind a wide-area link."""

import os
import threading
import weakref
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from labkit.backends.llamacpp.model import LlamaCppModel, load_llamacpp
from labkit.backends.loaded.load import SERVER, load
from labkit.backends.remote.api_keys import use_key
from labkit.backends.remote.http.network import open_network
from labkit.backends.remote.model import RemoteModel
from labkit.backends.remote.protocols.openai_api import OpenAI
from labkit.backends.remote.protocols.parameters import PARAMETERS
from labkit.backends.remote.transport import (
    CONNECT_TIMEOUT_S,
    READ_TIMEOUT_S,
    Transport,
    check_timeouts,
)
from labkit.backends.served.model import ServedModel
from labkit.checks import check_type, check_whole
from labkit.interrupts.delayed import delayed_interrupts

from .links import Link, find_link
from .tcp_relay import HOST, Relay

ORIGIN = "stand-in: {} on this machine, over an emulated link"
SUFFIX = " (llama.cpp)"  # of the name of a model in llama.cpp in this process
# As lean as a cloud's events: no alternatives of every token, which would fill a narrow link.
# Whether its model's template can be switched is not known there.
LEAN: dict[str, Any] = {"logprobs": False, "thinking": {}}


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
        ValueError: no such link, or something else than a model that llama.cpp reads.
    """
    found = find_link(link)
    check_whole("seed", seed, 0, or_none=True)
    check_timeouts(connect_timeout_s, read_timeout_s)
    kinds = (str, LlamaCppModel, ServedModel)
    check_type("model", model, kinds, "lab.load_llamacpp, or be the name of such a model")
    engine = _engine(model)
    with delayed_interrupts():  # threads that nobody could end
        return StandIn(engine, found, seed, (connect_timeout_s, read_timeout_s))


@dataclass(frozen=True, slots=True)
class BorrowedEngine:
    """A model server on this machine, which its owner closes.

    Attributes:
        name: the model's name.
        listening: its address on the loopback, and the key that it wants, if any.
        kind: llama.cpp or vLLM.
        model: what the server calls the model.
    """

    name: str
    listening: tuple[str, str | None]
    kind: str
    model: str

    @classmethod
    def of(cls, model: LlamaCppModel | ServedModel) -> "BorrowedEngine | None":
        """Where a model is asked; None if that is not on this machine."""
        if not (listening := model.listening):
            return None
        if isinstance(model, ServedModel):
            return cls(model.name, listening, model.protocol.kind, model.protocol.model)
        return cls(model.name, listening, "llama.cpp", model.name.removesuffix(SUFFIX))

    def close(self) -> None:
        """Nothing: it stays open."""


def _engine(model: str | LlamaCppModel | ServedModel) -> LlamaCppModel | BorrowedEngine:
    if isinstance(model, LlamaCppModel):
        return model.load_again()
    if isinstance(model, str):
        if not (os.environ.get(SERVER) and isinstance(served := load(model), ServedModel)):
            return load_llamacpp(model)
        model = served
    return BorrowedEngine.of(model) or load_llamacpp(model.files.source)


class StandIn(RemoteModel):
    """A server of llama.cpp or vLLM behind a link.

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
        # The relay's thread would go on for ever; it may be the one that collects what nobody has.
        ending = threading.Thread(target=self._relay.close, daemon=True)
        finalizer: Any = weakref.finalize(self, ending.start)
        finalizer.atexit = False
        network = open_network(self._relay.proxy, self._relay.trusted)
        borrowed = engine if isinstance(engine, BorrowedEngine) else BorrowedEngine.of(engine)
        assert borrowed  # an engine of this process
        name, kind = engine.name.removesuffix(SUFFIX), borrowed.kind
        key = use_key(key_text) if key_text else None
        super().__init__(
            OpenAI(borrowed.model, kind, replace(PARAMETERS[kind], **LEAN)),
            Transport(f"https://{HOST}/v1", key, *timeouts_s, network=network),
            label="stand-in",
            origin=ORIGIN.format(name),
        )

    def __repr__(self) -> str:
        return f"<StandIn {self.name}: {self.link.summary}>"

    @property
    def is_open(self) -> bool:
        """Whether it was not closed."""
        return self._relay.is_open

    def close(self) -> None:
        """Ends the link and gives the model's memory back."""
        self._relay.close()
        self._engine.close()

    def __enter__(self) -> "StandIn":
        return self

    def __exit__(self, *error) -> None:
        self.close()
