"""From an address to a model of the server that answers there."""

from labkit.backends.guard.policy import Policy
from labkit.errors import LabError

from . import discovery
from .addresses import checked_address, is_loopback, server_root
from .client import CONNECT_TIMEOUT_S, READ_TIMEOUT_S, ServerModel
from .parameters import DIALECTS


def connect(
    address: str,
    model: str | None = None,
    *,
    api_key: str | None = None,
    kind: str | None = None,
    connect_timeout_s: float = CONNECT_TIMEOUT_S,
    read_timeout_s: float = READ_TIMEOUT_S,
) -> "ServerModel":
    """A model of a server, ready to be asked, as ``labkit.load`` gives one of this machine.

    Prompts go to that address and nowhere else; on the loopback they stay on this machine, unless
    the server sends them on, as Ollama does for the models of its cloud. Where they may leave, a
    prompt in which a secret or personal data is found waits for your decision: see ``policy``.

    Args:
        address: such as ``"http://127.0.0.1:8080"``; ``/v1`` is added where it has no path.
        model: the name that the server has for it; None: the only one it has.
        api_key: sent to that server; None: none, whatever the environment holds.
        kind: one of `KINDS`, which decides the settings it takes; None: found out by asking.
        connect_timeout_s: how long to wait for a connection.
        read_timeout_s: how long the server may send nothing.
    Raises:
        ValueError: no such address or kind.
        LabError: nobody answers there, or the model must be named.
    """
    base_url = checked_address(address)
    if model is not None and (not isinstance(model, str) or not model.strip()):
        raise ValueError(f"model must be a name that the server has, or None; got {model!r}")
    if kind is not None and kind not in DIALECTS:
        raise ValueError(f"kind must be one of {', '.join(DIALECTS)}, or None; got {kind!r}")
    timeouts = connect_timeout_s, read_timeout_s
    found = ServerModel(base_url, model, kind or "OpenAI-compatible", api_key, timeouts)
    server = _listening(base_url, connect_timeout_s) if kind is None else None
    found.policy = None if _stays(base_url, server, model) else Policy("ask")
    if server:
        found.kind = server.kind
    if model is None:
        found.model = _only_model(found, server.models if server else found.models())
    return found


KINDS = tuple(DIALECTS)


def _listening(base_url: str, timeout_s: float) -> discovery.Server | None:
    """Which server listens there; only one on the loopback is asked more than it need be."""
    if not is_loopback(base_url):
        return None
    return discovery.identify(server_root(base_url), timeout_s)


def _stays(base_url: str, server: discovery.Server | None, model: str | None) -> bool:
    """Whether prompts stay on this machine; of Ollama's models those do that it lists as here."""
    is_ollama = server is not None and server.kind == "Ollama"
    passed_on = is_ollama and model and not {model, f"{model}:latest"} & {*server.models}
    return is_loopback(base_url) and not passed_on


def _only_model(server: ServerModel, names: tuple[str, ...]) -> str:
    if len(names) != 1:
        told = ", ".join(map(repr, names)) or "none that it tells of"
        raise LabError(
            f"{server.where} has several models, or none: {told}.",
            "Name one: labkit.connect(address, model).",
        )
    return names[0]
