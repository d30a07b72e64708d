"""From an address, or a server that was found, to a model that can be asked."""

from urllib.parse import urlsplit

from labkit.backends.guard.policy import Policy
from labkit.checks import check_one_of
from labkit.errors import LabError

from .addresses import checked_address
from .api_keys import use_key
from .discovery import Server, identify, is_loopback, is_of_a_cloud, server_root
from .model import RemoteModel
from .protocols.ollama_api import Ollama
from .protocols.openai_api import OpenAI
from .protocols.parameters import PARAMETERS
from .transport import CONNECT_TIMEOUT_S, READ_TIMEOUT_S, Transport, check_timeouts

KINDS = tuple(PARAMETERS)
EXAMPLE = "http://127.0.0.1:8080"
# They run models here, and pass no prompt on. Ollama does for some models; of others nothing is
# known.
STAYING = {"llama.cpp", "vLLM", "LM Studio", "transformers serve"}


def connect(
    address: str | Server,
    model: str | None = None,
    *,
    api_key: str | None = None,
    kind: str | None = None,
    connect_timeout_s: float = CONNECT_TIMEOUT_S,
    read_timeout_s: float = READ_TIMEOUT_S,
) -> RemoteModel:
    """A model of a server, ready to be asked, as ``labkit.load`` gives one of this machine.

    Prompts go to that address and nowhere else; on the loopback they stay on this machine, unless
    the server sends them on, as Ollama does for the models of its cloud. Where they may leave, or
    the lab did not identify the server by its answers, a prompt in which a secret or personal data
    is found waits for your decision: see ``policy``.

    A `Server` of Ollama or LM Studio is asked by the interface of its own, which reports its times.
    Of LM Studio's two it is v0: v1 takes no seed, no stop string and no earlier answer.

    Args:
        address: such as ``"http://127.0.0.1:8080"``, to which ``/v1`` is added if it has no path;
            or a server of ``labkit.servers()``.
        model: the name that the server has for it, of a `Server` also the last part of its path;
            None: the only one it has.
        api_key: sent to that server; None: none, whatever the environment holds.
        kind: one of `KINDS`, which decides the settings it takes, and nothing else; None: found out
            by asking. A `Server` has its own.
        connect_timeout_s: how long to wait for a connection.
        read_timeout_s: how long the server may send no event.
    Raises:
        ValueError: not an address, one with a password in it, no such kind, or a bad time.
        LabError: there is no such model, or it must be named and nobody answers there. With a kind
            and a model's name, an address is not asked before the first prompt.
    """
    if model is not None and (not isinstance(model, str) or not model.strip()):
        raise ValueError(f"model must be a name that the server has, or None; got {model!r}")
    check_one_of("kind", kind, KINDS, or_none=True)
    check_timeouts(connect_timeout_s, read_timeout_s)
    key = None if api_key is None else use_key(api_key)
    if isinstance(address, Server):
        base_url = checked_address(address.address, EXAMPLE) + _PATHS.get(address.kind, "/v1")
        transport = Transport(base_url, key, connect_timeout_s, read_timeout_s)
        return _of_server(address, model, transport)
    transport = Transport(_base_url(address), key, connect_timeout_s, read_timeout_s)
    return _of_address(transport, model, kind)


def _base_url(address: str) -> str:
    """A server's base URL, with ``/v1`` where it names no path."""
    address = checked_address(address, EXAMPLE)
    return address if urlsplit(address).path else f"{address}/v1"


_PATHS = {"Ollama": "", "LM Studio": "/api/v0"}


def _of_server(server: Server, model: str | None, transport: Transport) -> RemoteModel:
    name = _choose(server.models, model, f"{server.kind} at {server.address}", server.kind)
    if server.kind == "Ollama":
        protocol = Ollama(name)
    else:
        protocol = OpenAI(name, server.kind, PARAMETERS[server.kind])
    policy = _policy(transport.base_url, server if server.identified else None, name)
    return RemoteModel(protocol, transport, policy=policy)


def _of_address(transport: Transport, model: str | None, kind: str | None) -> RemoteModel:
    server, base_url = None, transport.base_url
    if kind is None and is_loopback(base_url):  # no other is asked more than it need be
        server = identify(server_root(base_url), transport.connect_timeout_s)
    kind = server.kind if server else kind or "OpenAI-compatible"
    found = OpenAI(model or "", kind, PARAMETERS[kind])
    if model is None:
        unnamed = RemoteModel(found, transport)
        names = server.models if server else unnamed.models()
        found = OpenAI(_choose(names, None, unnamed.where, kind), kind, PARAMETERS[kind])
    return RemoteModel(found, transport, policy=_policy(base_url, server, found.model))


def _policy(base_url: str, server: Server | None, model: str) -> Policy | None:
    """None where prompts surely stay on this machine, by what the server there answered itself."""
    if server is None or not is_loopback(base_url) or is_of_a_cloud(model):
        return Policy("ask")
    if server.kind == "Ollama":  # of its models, those that it has here
        return None if {model, f"{model}:latest"} & {*server.models} else Policy("ask")
    return None if server.kind in STAYING else Policy("ask")


def _choose(names: tuple[str, ...], name: str | None, where: str, kind: str) -> str:
    """The one model of that name, or the only one there is."""
    fitting = [each for each in names if name in (None, each, each.rpartition("/")[2])]
    if len(fitting) == 1:
        return fitting[0]
    if name is not None and kind == "transformers serve":
        return name  # it opens whatever folder or hub model it is asked for
    asked = "several models, or none" if name is None else f"no model {name!r}"
    known = ", ".join(map(repr, names)) or "none that it lists"
    raise LabError(f"{where} has {asked}.", f"Name one of these: {known}.")
