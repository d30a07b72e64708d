"""Temporary overrides of how a model runs: its number of threads, its dtype."""

import gc
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from weakref import WeakKeyDictionary

import torch

from labkit.errors import LabError

from .model import LocalModel, load

_COPIES: WeakKeyDictionary[LocalModel, LocalModel] = WeakKeyDictionary()  # of `reading_copy`


def thread_count() -> int:
    """Number of CPU threads that torch uses."""
    return torch.get_num_threads()


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Sets the number of threads inside a with block."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def own_threads(model: LocalModel) -> AbstractContextManager[None]:
    """Inside a with block, the number of threads that a model was found to run best with."""
    return threads(model.tuning.threads if model.tuning else thread_count())


def load_beside(name: str | Path, **how) -> LocalModel:
    """`load` without its effect on the models that are loaded already: their number of threads."""
    with threads(thread_count()):
        return load(name, **how)


@contextmanager
def loaded_in(model: LocalModel, dtype: str) -> Iterator[LocalModel]:
    """A second copy of a model in another dtype, loaded inside a with block.

    Raises:
        LabError: too little memory for both, or an adapter that the copy would not have.
    """
    require_no_adapter(model, f"A copy in {dtype}")
    other = load_beside(model.source, device=model.plan.device, dtype=dtype)
    try:
        yield other
    finally:
        del other  # the caller's reference ends with its with block
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def has_adapter(model: LocalModel) -> bool:
    """Whether a model was tuned by weights beside its own, which its files do not hold."""
    return any("lora_" in name for name, _ in model.model.named_parameters())


def require_no_adapter(model: LocalModel, what: str) -> None:
    """Raises a LabError if what is made from the files of a model would lack its adapter."""
    if has_adapter(model):
        raise LabError(
            f"{what} is made from the files of {model.name}, which do not hold its adapter.",
            "Keep it first, and load what was kept: lab.control.keep_model(tuning, "
            '"my-model"), then lab.load("my-model").',
        )


def require_cpu_threads(model: LocalModel) -> int:
    """Number of threads to compare a single one with.

    Raises:
        LabError: the model does not run on the CPU, or torch has one thread only.
    """
    if model.plan.device != "cpu":
        raise LabError(f"{model.name} runs on {model.plan.device}, where CPU threads do no work.")
    if thread_count() < 2:
        raise LabError("torch has one thread here, so there is nothing to compare.")
    return thread_count()


def reading_copy(model: LocalModel, dtype: str | None = None) -> LocalModel:
    """The model itself, or a copy of it in another number format, kept as long as the model is.

    Args:
        model: from ``labkit.load``.
        dtype: number format; None: bfloat16 where that was measured to read prompts faster on
            this machine and there is memory for it, else the model's own. One with an adapter
            is read as it is.
    Raises:
        LabError: too little memory for a copy in `dtype`, or an adapter that it would not have.
    """
    own = model.plan.needs.dtype
    wanted = dtype or (model.tuning.reading_dtype if model.tuning else own)
    if wanted == own or (dtype is None and (own != "float32" or has_adapter(model))):
        return model
    require_no_adapter(model, f"A copy in {wanted}")
    known = _COPIES.get(model)
    if known is None or known.plan.needs.dtype != wanted:
        try:
            known = _COPIES[model] = load_beside(
                model.folder, device=model.plan.device, dtype=wanted, accept_terms=True
            )
        except LabError:
            if dtype:
                raise
            return model
    return known
