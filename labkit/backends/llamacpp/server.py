"""llama.cpp's own server, for other programs here: OpenAI's interface and ``/infill``."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from labkit.checks import check_whole
from labkit.errors import LabError
from labkit.models.machine import inspect_machine

from .engine import MOST_CONTEXT, ask_server, import_xllamacpp, open_server, server_parameters
from .infill import find_fim_tokens
from .model import get_gguf
from .trial import require_survivable

DEFAULT_PORTS = {"http": ":80", "https": ":443"}  # which no browser names in an origin
REUSED = 256  # tokens of a piece that is kept where text before it changed; llama.vscode's own


@dataclass(frozen=True, slots=True)
class ServedFile:
    """A server that answers as long as this object is kept.

    Attributes:
        address: of the server.
        fills: whether its model was made to fill in the middle.
        server: of llama.cpp.
    """

    address: str
    fills: bool
    server: Any


def served_file(model: str) -> Path:
    """The GGUF file of a model, by name, by path, or by the folder that it was kept in.

    Raises:
        LabError: it has no GGUF file.
    """
    folder = Path(os.path.expanduser(model))
    if not os.path.isdir(folder):
        return get_gguf(model)
    found = sorted(folder.glob("*.gguf")) or sorted(folder.glob("gguf/*.gguf"))
    # What `keep_model` writes for transformers stands beside the same model as GGUF.
    found = found or sorted(folder.resolve().parent.glob("gguf/*.gguf"))
    if not found:
        raise LabError(
            f"There is no GGUF file in {folder} or beside it, and llama.cpp reads no other.",
            "lab.control.keep_model writes one; `models list` shows what can be served.",
        )
    return found[0]


def serve_file(
    file: Path, host: str, port: int, key: str, origin: str | None, context: int
) -> ServedFile:
    """Starts a server and returns when it answers.

    Args:
        file: a GGUF file.
        host: the address of this machine that it listens on.
        port: a free port.
        key: that every request has to carry; "": none.
        origin: the address of a page that may ask it from a browser; None: no page may.
        context: the most tokens of prompt and answer together, 256 or more.
    Raises:
        LabError: llama.cpp is missing or cannot read the file, the memory does not suffice for the
            context, or the origin is not the address of a page.
        ValueError: context is out of range.
    """
    check_whole("context", context, 256, MOST_CONTEXT)
    page = page_origin(origin) if origin is not None else f"http://{host}:{port}"
    xllamacpp = import_xllamacpp()
    require_survivable(file)
    parameters = server_parameters(xllamacpp, file, inspect_machine().cores, context)
    parameters.hostnames, parameters.port = [host], port
    parameters.api_keys = [key] if key else []
    parameters.model_alias, parameters.n_cache_reuse = {file.stem}, REUSED
    parameters.endpoint_slots = False  # it shows everyone what others have sent
    # By default llama.cpp answers any page that is open in the browser; now only its own.
    parameters.cors_origins, parameters.cors_origins_explicit = page, True
    server = open_server(xllamacpp, parameters)
    address = server.listening_address.replace("0.0.0.0", "127.0.0.1")
    tokens = find_fim_tokens(lambda path, body: ask_server(address, key, path, body))
    return ServedFile(address, tokens is not None, server)


def page_origin(address: str) -> str:
    """What a browser sends as the origin of the page at an address.

    Raises:
        LabError: no page has such an address.

    >>> page_origin("http://127.0.0.1:8888/lab?token=1")
    'http://127.0.0.1:8888'
    """
    try:
        parts = urlsplit(address.strip())
        default, host, _ = DEFAULT_PORTS[parts.scheme], parts.hostname or "", parts.port
        if not re.fullmatch(r"[a-z0-9.:_-]+", host):
            raise ValueError
    except (KeyError, ValueError):
        raise LabError(
            f"{address!r} is not the address of a page.",
            "Name it as the browser shows it, such as http://127.0.0.1:8888.",
        ) from None
    netloc = parts.netloc.rpartition("@")[2].lower()
    return f"{parts.scheme}://{netloc.removesuffix(default).removesuffix(':')}"
