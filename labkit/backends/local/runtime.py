"""The same model, run otherwise: with other threads, in another dtype."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from labkit.errors import LabError

from .model import LocalModel, load


def thread_count() -> int:
    """How many threads torch computes with."""
    return torch.get_num_threads()


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Computes with so many threads meanwhile."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def loaded_in(model: LocalModel, dtype: str) -> Iterator[LocalModel]:
    """The same weights in another dtype, in memory meanwhile.

    Raises:
        LabError: if there is no room for both.
    """
    other = load(model.name, device=model.plan.device, dtype=dtype)
    try:
        yield other
    finally:
        del other  # the caller's name for it is gone with its with block
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def require_cpu_threads(model: LocalModel) -> int:
    """How many threads there are to compare one with.

    Raises:
        LabError: where the model does not run on the CPU, or has one thread only.
    """
    if model.plan.device != "cpu":
        raise LabError(f"{model.name} runs on {model.plan.device}: its threads do not compute.")
    if thread_count() < 2:
        raise LabError("torch has one thread here: there is nothing to compare it with.")
    return thread_count()
