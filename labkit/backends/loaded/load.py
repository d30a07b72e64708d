"""`load`: a model in torch in this process, on a shared server, or in llama.cpp without torch."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from labkit.models.machine import has_torch

if TYPE_CHECKING:
    from labkit.backends.local.model import LocalModel
    from labkit.backends.served.model import ServedModel

SERVER = "LABKIT_SERVER"


def load(
    name: str | Path = "smollm2-135m",
    *,
    server: str | None = None,
    device: str | None = None,
    dtype: str | None = None,
    packed: bool | None = None,
    accept_terms: bool = False,
) -> "LocalModel | ServedModel":
    """Loads a model into memory, and downloads it first if it is not on this machine.

    Where a server is named, or the environment's ``LABKIT_SERVER``, the model is a served one:
    nothing is loaded here, and torch is not imported. Where torch is not installed (the light
    set-up), the model runs in llama.cpp in this process. Both write, give all their scores and
    have their own tokenizer; their weights are out of reach.

    Args:
        name: a short name (``python3 -m labkit models list``), a hub id such as ``"owner/name"``,
            or the path of a folder or of a .gguf file.
        server: the address of a server of llama.cpp or vLLM that has the model.
        device: ``"cuda"``, ``"mps"`` or ``"cpu"``; by default the first of these that is present.
        dtype: ``"float32"``, ``"bfloat16"`` or ``"float16"``; by default chosen by the rule of
            ``labkit.models.memory_plan.plan``.
        packed: whether layers on a CPU compute from a packed second copy of their weights; by
            default what was faster on this machine, measured at the first load.
        accept_terms: True if you have read and accept the model's terms of use, where it has any.
    Raises:
        LabError: unknown name, no network, too little memory or disk, damaged or pickled weights,
            a device that torch does not have here; or the server does not answer, or has another
            model.
        ValueError: unknown device or dtype, a choice that a server has made, or a name
            that is neither a text nor a path.
    """
    if not isinstance(name, str | Path):
        raise ValueError(f"name must be a model's name or path; got {name!r}")
    if server is not None and not isinstance(server, str):
        raise ValueError(f"server must be its address, or None; got {server!r}")
    chosen = {"device": device, "dtype": dtype, "packed": packed}
    is_chosen = any(value is not None for value in chosen.values())
    address = server or (None if is_chosen else os.environ.get(SERVER))
    if not address and has_torch():
        from labkit.backends.local.model import load as load_here

        return load_here(name, accept_terms=accept_terms, **chosen)
    for argument, value in chosen.items():
        if value is not None:
            where = f"the server at {address}" if address else "llama.cpp, without torch,"
            raise ValueError(f"{argument} must be left at None: {where} decides it; got {value!r}")
    if address:
        from labkit.backends.served.open import open_served

        return open_served(name, address, accept_terms=accept_terms)
    from labkit.backends.served.open import open_in_process

    return open_in_process(name, accept_terms=accept_terms)
