"""Out of memory while a model computes: a sentence, and the memory is free again."""

import functools
import gc
import inspect
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from labkit.errors import LabError
from labkit.models.machine import full_memory

HINT = (
    "Ask for fewer tokens or fewer rows at once, close other programs that use this memory, or "
    "take a smaller model."
)


def frees_memory(function: Callable) -> Callable:
    """Decorates a function, or a generator, that computes on a device.

    If the device's memory does not suffice, a `LabError` says so, and what the function had
    allocated is free again: no frame of it is left that refers to a tensor.
    """
    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def generate(*args, **kwargs) -> Iterator[Any]:
            with _out_of_memory_as_error():
                yield from function(*args, **kwargs)

        return generate

    @functools.wraps(function)
    def call(*args, **kwargs):
        with _out_of_memory_as_error():
            return function(*args, **kwargs)

    return call


@contextmanager
def _out_of_memory_as_error() -> Iterator[None]:
    try:
        yield
        return
    except (RuntimeError, MemoryError, OSError) as error:
        memory = full_memory(error)
        if not memory:
            raise
        # The frames hold the cache and the activations, as long as anyone holds the error.
        traceback.clear_frames(error.__traceback__)
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    raise LabError(f"{memory} is full: there was no room for more.", HINT) from None
