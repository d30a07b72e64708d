"""Interrupts that wait until what runs is whole."""

import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .cell import note_stop


@contextmanager
def delayed_interrupts() -> Iterator[None]:
    """An interrupt that comes meanwhile arrives right after the block.

    Only the main thread is interrupted, so that in any other there is nothing to do.

    >>> with delayed_interrupts():
    ...     pass
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came = _Came()
    before = signal.signal(signal.SIGINT, came)
    try:
        yield
    finally:
        _restore(before)
        if came and isinstance(before, _Came):  # of a block around this one, which is to have it
            before(signal.SIGINT, None)
        elif came:
            _interrupt_soon()


def _restore(before: Any) -> None:
    """The handler that was there; Python cannot set again, nor name, one that it did not set."""
    signal.signal(signal.SIGINT, signal.default_int_handler if before is None else before)


class _Came(list):
    """A handler that keeps each interrupt."""

    def __call__(self, number: int, frame: object) -> None:
        self.append(number)


@contextmanager
def noted_interrupts() -> Iterator[Callable[[], bool]]:
    """Interrupts that come meanwhile are noted and end nothing: the block asks, and ends itself.

    >>> with noted_interrupts() as was_interrupted:
    ...     was_interrupted()
    False
    """
    came = _Came()
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = signal.signal(signal.SIGINT, came)
    try:
        yield lambda: bool(came)
    finally:
        _restore(before)
        if came:
            note_stop()


POLL_S = 0.02  # seconds between two looks at what the main thread runs


def _interrupt_soon() -> None:
    timer = threading.Timer(POLL_S, _interrupt)
    timer.daemon = True
    timer.start()


def _interrupt() -> None:
    if _ends_an_import():
        _interrupt_soon()
    elif hasattr(signal, "pthread_kill"):  # which ends a wait, too
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:
        signal.raise_signal(signal.SIGINT)


def _ends_an_import() -> bool:
    """Whether the main thread is between the end of a block and the end of the import around it.

    An interrupt there would take the module out again: Python forgets one whose loader raised.
    """
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    modules = [each.f_globals.get("__name__", "") for each, _ in traceback.walk_stack(frame)]
    return modules[0].startswith("importlib.") or f"{__package__}.imports" in modules
