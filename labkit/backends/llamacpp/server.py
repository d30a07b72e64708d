"""llama.cpp's own server, for other programs here: OpenAI's interface and ``/infill``."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.checks import check_whole
from labkit.errors import LabError
from labkit.models.machine import inspect_machine

from .engine import ask_server, import_xllamacpp, open_server, server_parameters
from .infill import find_fim_tokens
from .model import get_gguf
from .trial import require_survivable

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
        origin: a page that may ask it from a browser; None: no page may.
        context: the most tokens of prompt and answer together, 256 or more.
    Raises:
        LabError: llama.cpp is missing or cannot read the file.
        ValueError: context is out of range.
    """
    check_whole("context", context, 256)
    xllamacpp = import_xllamacpp()
    require_survivable(file)
    parameters = server_parameters(xllamacpp, file, inspect_machine().cores, context)
    parameters.hostnames, parameters.port = [host], port
    parameters.api_keys = [key] if key else []
    parameters.model_alias, parameters.n_cache_reuse = {file.stem}, REUSED
    parameters.endpoint_slots = False  # it shows everyone what others have sent
    # By default llama.cpp answers any page that is open in the browser; now only its own.
    parameters.cors_origins = origin or f"http://{host}:{port}"
    parameters.cors_origins_explicit = True
    server = open_server(xllamacpp, parameters)
    address = server.listening_address.replace("0.0.0.0", "127.0.0.1")
    tokens = find_fim_tokens(lambda path, body: ask_server(address, key, path, body))
    return ServedFile(address, tokens is not None, server)
