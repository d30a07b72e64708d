"""A stand-in for a cloud, where nobody has a key: the local model behind a wide-area link."""

from dataclasses import replace
from urllib.parse import urlsplit

from labkit.backends.llamacpp.model import LlamaCppModel, load_llamacpp
from labkit.backends.remote.client import CONNECT_TIMEOUT_S, READ_TIMEOUT_S, ServerModel
from labkit.backends.remote.parameters import LLAMA_CPP
from labkit.backends.remote.transport import Tracer, make_http_client

from .links import Link, find_link
from .relay import HOST, Relay

ORIGIN = "stand-in: the same small model, so what differs is the network"
# As lean as a cloud's events: no alternatives of every token, which would fill a narrow link.
LEAN = replace(LLAMA_CPP, logprobs=False)


def stand_in(
    model: str = "smollm2-135m",
    *,
    link: str | Link = "ocean",
    seed: int | None = None,
    connect_timeout_s: float = 4 * CONNECT_TIMEOUT_S,
    read_timeout_s: float = READ_TIMEOUT_S,
) -> "StandIn":
    """A small model of this machine, reached as a cloud is: encrypted, and over a distant link.

    It shows what a network adds to an answer. It is not what a cloud's large model would answer.

    Args:
        model: a model that llama.cpp reads, see `labkit.load_llamacpp`.
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
    way = find_link(link)
    return StandIn(load_llamacpp(model), way, seed, (connect_timeout_s, read_timeout_s))


class StandIn(ServerModel):
    """llama.cpp's own server behind a link.

    Attributes:
        name, model, kind, base_url, policy, origin: as of `ServerModel`.
        link: the link that is emulated.
    """

    origin = ORIGIN

    def __init__(
        self,
        engine: LlamaCppModel,
        link: Link,
        seed: int | None = None,
        timeouts_s: tuple[float, float] = (CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
    ):
        address, key = engine.listening
        super().__init__(
            f"https://{HOST}/v1", _model_of(engine), "llama.cpp", key, timeouts_s, dialect=LEAN
        )
        self.link, self._engine = link, engine
        self._relay = Relay(link, urlsplit(address).port, seed=seed)

    @property
    def name(self) -> str:
        """The model's name, and that it is a stand-in."""
        return f"{self.model} (stand-in)"

    @property
    def where(self) -> str:
        """What it is, for a sentence."""
        return f"the stand-in at {self.base_url}"

    def __repr__(self) -> str:
        return f"<StandIn {self.name}: {self.link.summary}>"

    @property
    def _proxy(self) -> str:
        return self._relay.proxy

    def _tracer(self) -> Tracer:
        return Tracer(self.base_url)  # the relay is the link itself, and no proxy on it

    def _http_client(self):
        return make_http_client(
            self.base_url, self._timeouts_s, proxy=self._proxy, trusted=self._relay.trusted
        )

    def close(self) -> None:
        """Ends the link and gives the model's memory back."""
        self._relay.close()
        self._engine.close()

    def __enter__(self) -> "StandIn":
        return self

    def __exit__(self, *error) -> None:
        self.close()


def _model_of(engine: LlamaCppModel) -> str:
    return engine.name.removesuffix(" (llama.cpp)")
