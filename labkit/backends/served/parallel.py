"""Several requests to one server at the same time, each in a thread of its own."""

import queue
import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from typing import Any, TypeVar

from labkit.backends.reply import Step, Stream

T = TypeVar("T")


def run_rows(streams: Sequence[Stream], most: int) -> Generator[tuple[int, Step]]:
    """The steps of streams as they come, with the stream's number; `most` of them run at once.

    Leaving the loop stops those that run.
    """
    came: queue.SimpleQueue[tuple[int, Step | BaseException | None]] = queue.SimpleQueue()
    waiting = iter(enumerate(streams))
    lock, stopped = threading.Lock(), threading.Event()

    def work() -> None:
        while not stopped.is_set():
            with lock:
                number, stream = next(waiting, (None, None))
            if number is None or stream is None:
                return
            try:
                with closing(stream):
                    for step in stream:
                        came.put((number, step))
                        if stopped.is_set():
                            return
            except BaseException as error:  # raised where the steps are read
                came.put((number, error))
            came.put((number, None))

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(most, len(streams)))]
    for thread in threads:
        thread.start()
    try:
        left = len(streams)
        while left:
            number, step = came.get()
            if isinstance(step, BaseException):
                raise step
            left -= step is None
            if step is not None:
                yield number, step
    finally:
        stopped.set()
        for stream in streams:
            stream.close()


def in_parallel(
    function: Callable[[Any], T], arguments: Iterable[Any], most: int
) -> Generator[tuple[int, T]]:
    """What a function returns for each argument, with its number, as they are done."""
    pool = ThreadPoolExecutor(most)
    try:
        futures = {pool.submit(function, each): n for n, each in enumerate(arguments)}
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
