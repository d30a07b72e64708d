"""Starting llama.cpp in this process, and asking its server."""

import json
import urllib.request
from pathlib import Path
from typing import Any

from labkit.errors import LabError

from .file_template import is_of_catalogue

BATCH = 512  # the most that it computes at once in any case
# What llama.cpp's own numbers hold: a context, its LLAMA_MAX_SEQ, and its GGML_MAX_N_THREADS.
MOST_CONTEXT, MOST_SLOTS, MOST_THREADS = 2**31 - 1, 256, 512


def import_xllamacpp() -> Any:
    """The package; a LabError if it is missing."""
    try:
        import xllamacpp
    except ImportError:
        raise LabError(
            "llama.cpp is not installed: the package xllamacpp is missing.",
            "pip install xllamacpp, or with the lab: pip install '.[llamacpp]'.",
        ) from None
    return xllamacpp


def ask_server(
    address: str, key: str, path: str, body: dict[str, Any] | None = None
) -> dict[str, Any]:
    """What a server of llama.cpp answers, past any proxy; without a body it is a GET."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    asked = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address + path, asked, headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as answer:
        return json.load(answer)


def server_parameters(
    xllamacpp: Any, file: Path, threads: int, context: int, slots: int = 1
) -> Any:
    """llama.cpp's parameters for one model that answers up to `slots` requests at once."""
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(file)
    parameters.n_ctx, parameters.n_parallel, parameters.verbosity = context, slots, 0
    parameters.n_batch = BATCH  # tokens of a prompt that it reads before it looks whether to stop
    parameters.kv_unified = True  # if not, each slot would have its part of the context
    # llama.cpp counts the machine's cores; in a container it would start too many threads,
    # which wait for each other: seconds a token were seen instead of milliseconds.
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads
    if not is_of_catalogue(file):
        parameters.chat_template = "chatml"
    return parameters


def open_server(xllamacpp: Any, parameters: Any) -> Any:
    """llama.cpp's server with a model; a LabError if it cannot open the file with its context."""
    try:
        return xllamacpp.Server(parameters)
    except (RuntimeError, ValueError) as error:
        raise LabError(
            f"llama.cpp cannot read {parameters.model.path}: {error}",
            "The file is damaged, or of an architecture that this llama.cpp does not know. Or the "
            f"memory does not suffice for {parameters.n_ctx:,} tokens: choose a smaller context.",
        ) from None
