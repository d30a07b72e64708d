"""Several requests to one server at the same time, each in a thread of its own."""

import queue
import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any, TypeVar

from labkit.backends.reply import Step, Stream

T = TypeVar("T")
_END = object()


def run_rows(streams: Sequence[Stream], most: int) -> Generator[tuple[int, Step]]:
    """The steps of streams as they come, with the stream's number; `most` of them run at once.

    Leaving the loop stops those that run.
    """
    try:
        yield from _in_threads(streams, most)
    finally:
        for stream in streams:
            stream.close()


def in_parallel(
    function: Callable[[Any], T], arguments: Iterable[Any], most: int
) -> Generator[tuple[int, T]]:
    """What a function returns for each argument, with its number, as they are done.

    Leaving the loop begins no other call; those that run are not waited for.
    """
    yield from _in_threads([map(function, (each,)) for each in arguments], most)


def _in_threads(sources: Sequence[Iterable[T]], most: int) -> Generator[tuple[int, T]]:
    """What iterables give as it comes, with each one's number; `most` of them are read at once.

    Leaving the loop begins no other; who leaves it ends those that run.
    """
    came: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()
    waiting = iter(enumerate(sources))
    lock, stopped = threading.Lock(), threading.Event()

    def work() -> None:
        while not stopped.is_set():
            with lock:
                number, source = next(waiting, (None, None))
            if number is None or source is None:
                return
            try:
                for value in source:
                    came.put((number, value))
            except BaseException as error:  # raised where the values are read
                came.put((number, error))
            came.put((number, _END))

    # As daemons they do not keep a Python that ends waiting for a server.
    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(most, len(sources)))]
    for thread in threads:
        thread.start()
    try:
        left = len(sources)
        while left:
            number, value = came.get()
            if isinstance(value, BaseException):
                raise value
            left -= value is _END
            if value is not _END:
                yield number, value
    finally:
        stopped.set()
