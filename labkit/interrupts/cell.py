"""The stop button ends a cell: what came is kept and shown, and no further work of it begins."""

import signal
import threading
from typing import Any

_runs, _is_stopped = threading.Event(), threading.Event()


def note_stop() -> None:
    """The cell that runs is to end; a script has no cells, and goes on."""
    if _runs.is_set() and threading.current_thread() is threading.main_thread():
        _is_stopped.set()


def begin_work() -> None:
    """Asked by every verb before it has a model work.

    Raises:
        KeyboardInterrupt: the notebook's cell that runs was stopped already.
    """
    if _is_stopped.is_set() and threading.current_thread() is threading.main_thread():
        raise KeyboardInterrupt


def progress(*args: Any, **options: Any) -> Any:
    """Tqdm's progress bar, for work that begins now; it vanishes at its end.

    Args:
        args: of tqdm.
        options: of tqdm.
    Raises:
        KeyboardInterrupt: the notebook's cell that runs was stopped already.
    """
    from tqdm.auto import tqdm

    begin_work()
    return tqdm(*args, leave=False, **options)


def watch(shell: Any) -> None:
    """Has the shell of a notebook note which of its cells are stopped.

    Args:
        shell: IPython's.
    """
    shell.events.register("pre_run_cell", _begin)
    shell.events.register("post_run_cell", _end)


def _begin(_info: Any) -> None:
    _runs.set()
    _is_stopped.clear()
    in_main = threading.current_thread() is threading.main_thread()
    # The kernel sets this handler before each cell, and its own after it.
    if in_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _stop)


def _end(_result: Any) -> None:
    _runs.clear()
    _is_stopped.clear()


def _stop(number: int, frame: Any) -> None:
    note_stop()
    signal.default_int_handler(number, frame)
