"""From an address to a `ServedModel`; or from a GGUF file, in llama.cpp in this process."""

import os
import re
from functools import partial
from pathlib import Path
from typing import Any

from labkit.backends.guard.policy import Policy
from labkit.backends.llamacpp.model import load_llamacpp
from labkit.backends.remote.addresses import checked_address
from labkit.backends.remote.api_keys import Secret, use_key
from labkit.backends.remote.connect import EXAMPLE
from labkit.backends.remote.discovery import OWNERS, is_loopback, server_root
from labkit.backends.remote.model import RemoteModel
from labkit.backends.remote.protocols.events import checked
from labkit.backends.remote.protocols.parameters import PARAMETERS
from labkit.backends.remote.share import Share
from labkit.backends.remote.transport import Transport
from labkit.errors import LabError
from labkit.models.catalogue import CATALOGUE
from labkit.models.entry import WheelSource

from .files import ModelFiles, find_files
from .model import ServedModel
from .token_api import KINDS, TokenProtocol

SERVER = "LABKIT_SERVER"  # the environment's name for the address of the shared server
KEY = "LABKIT_SERVER_KEY"  # and for the key that it wants, if any
SLOTS = 4  # of an engine in this process
SHARE = 4  # of a shared server's slots one user takes 1/SHARE at most, in all kernels together
UNKNOWN_SLOTS = 16  # vLLM takes as many requests as its memory holds
READ_TIMEOUT_S = 600.0  # the questions of a whole class may be in front
LARGEST_SCORES = 64_000_000  # bytes of JSON: all scores of a vocabulary of 250,000 are 27 MB


def open_served(
    name: str | Path, address: str, *, api_key: str | None = None, accept_terms: bool = False
) -> ServedModel:
    """A model of a server, with all its tokens and scores.

    Args:
        name: the model's short name, or the path of its folder or GGUF file here; its tokenizer is
            read from its own files.
        address: such as ``"http://127.0.0.1:8080"``.
        api_key: sent to that server; None: the one in ``LABKIT_SERVER_KEY``, if any.
        accept_terms: as for ``labkit.load``.
    Raises:
        LabError: nobody answers there, the server is of another kind, or has another model.
        ValueError: not an address.
    """
    root = server_root(checked_address(address, EXAMPLE))
    files = find_files(str(name), accept_terms=accept_terms)
    key = api_key or os.environ.get(KEY)
    made = partial(
        _remote,
        files,
        root,
        use_key(key) if key else None,
        None if is_loopback(root) else Policy("ask"),
    )
    asked = made("", "OpenAI-compatible")
    models = asked.ask(_listed)
    owners = {str(model.get("owned_by")) for model in models}
    kind = next((OWNERS[owner] for owner in owners if OWNERS.get(owner) in KINDS), None)
    if kind is None:
        raise LabError(
            f"The server at {root} is not of {' or '.join(KINDS)}, which alone give all scores.",
            f"Start one of them, or load the model in this process: unset {SERVER}.",
        )
    props = {}
    if kind == "llama.cpp":
        props = asked.ask(lambda client: _properties(client, root))
    named = [model for model in models if model.get("id")]
    model = _choose(named, props.get("model_path"), str(name), files, root)
    settings = _part(props, "default_generation_settings") or model
    context = _count(settings.get("n_ctx")) or _count(model.get("max_model_len"))
    if context is None:
        raise LabError(
            f"The server at {root} does not say how many tokens it takes.",
            f"Start a newer one, or load the model in this process: unset {SERVER}.",
        )
    slots = _count(props.get("total_slots")) or UNKNOWN_SLOTS
    share = Share(_locks_folder(root), min(slots, max(2, slots // SHARE)))  # two are compared
    return ServedModel(
        files,
        made(model["id"], kind, share=share),
        context=context,
        vocabulary=_count(_part(model, "meta").get("n_vocab")) or files.config.vocab_size,
        parallel=share.count,
    )


def _listed(client: Any) -> list[dict[str, Any]]:
    """A server's models; Ollama without any lists ``null``."""
    listing = checked(dict[str, Any], client.get("/models", cast_to=object))
    return checked(list[dict[str, Any]], listing.get("data") or [])


def _properties(client: Any, root: str) -> dict[str, Any]:
    """What a server of llama.cpp says of itself."""
    return checked(dict[str, Any], client.get(f"{root}/props", cast_to=object))


def _part(of: dict[str, Any], name: str) -> dict[str, Any]:
    """An object within another; empty where it is not one."""
    value = of.get(name)
    return value if isinstance(value, dict) else {}


def _count(value: Any) -> int | None:
    """A number of a server's; None where it does not give one."""
    return value if isinstance(value, int) and value > 0 else None


def _locks_folder(root: str) -> Path:
    """In the user's own home, also where all share the lab's home."""
    import platformdirs

    return platformdirs.user_cache_path("labkit-slots") / re.sub(r"\W+", "-", root)


def open_in_process(name: str | Path, *, accept_terms: bool = False) -> ServedModel:
    """A model in llama.cpp in this process: as a served one, without torch.

    Raises:
        LabError: llama.cpp is missing, or the model has no GGUF file.
    """
    engine = load_llamacpp(name, slots=SLOTS, accept_terms=accept_terms)
    address, key = engine.listening
    files = find_files(str(name))
    return ServedModel(
        files,
        _remote(files, address, use_key(key), None, str(engine.gguf_file), "llama.cpp"),
        context=engine.context,
        vocabulary=engine.vocabulary,
        parallel=SLOTS,
        engine=engine,
    )


def _remote(
    files: ModelFiles,
    root: str,
    key: Secret | None,
    policy: Policy | None,
    model: str,
    kind: str,
    share: Share | None = None,
) -> RemoteModel:
    protocol = TokenProtocol(model, kind, PARAMETERS[kind], tokenizer=files.tokenizer)
    transport = Transport(
        f"{root}/v1", key, read_timeout_s=READ_TIMEOUT_S, largest_event=LARGEST_SCORES, share=share
    )
    return RemoteModel(protocol, transport, policy=policy)


def _choose(
    models: list[dict[str, Any]], path: str | None, name: str, files: ModelFiles, root: str
) -> dict[str, Any]:
    """The server's model of that name: by its name there, or by the path that it was loaded from.

    The catalogue's file of llama.cpp, and the folder that vLLM reads, count as the model itself.
    """
    entry = CATALOGUE.get(files.name)
    source = entry.source.file_name if entry and isinstance(entry.source, WheelSource) else name
    for model in models:
        known = [Path(str(each)) for each in (model["id"], path) if each]
        if any({name, files.name} & {*each.parts} or each.name == source for each in known):
            return model
    ids = ", ".join(str(model["id"]) for model in models) or "no model"
    raise LabError(
        f"The server at {root} has {ids}, and not {name}.",
        f"Load that one, or load {name} in this process: unset {SERVER}.",
    )
