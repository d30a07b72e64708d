"""Memory of a process above what it shares with others of its kind."""

import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import psutil

PRIVATE = re.compile(r"^(?:Private_Dirty|SwapPss): +(\d+) kB$", re.MULTILINE)


def private_mb(pid: int) -> float:
    """MB of pages that a process, and the children that it keeps, have written (Linux).

    Pages of files that they only read, such as libraries, are shared with every other process of
    the kind, and not counted.
    """
    kept = [each for each in _children(pid) if _network(each) == _network(pid)]
    return sum(map(_private_kib, [pid, *kept])) * 1024 / 1e6


def cut_off_mb(pid: int) -> float:
    """The same of its children without a network, which end after seconds.

    Those of an offline proof, and programs in the sandbox.
    """
    cut_off = [each for each in _children(pid) if _network(each) != _network(pid)]
    return sum(map(_private_kib, cut_off)) * 1024 / 1e6


def _children(pid: int) -> list[int]:
    try:
        return [each.pid for each in psutil.Process(pid).children(recursive=True)]
    except psutil.Error:  # it has ended
        return []


def _network(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/net")
    except OSError:  # it has ended
        return ""


def _private_kib(pid: int) -> int:
    try:
        described = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:  # it has ended
        return 0
    return sum(map(int, PRIVATE.findall(described)))


@contextmanager
def largest(sample: Callable[[], float], every_s: float = 0.5) -> Iterator[Callable[[], float]]:
    """Samples while its block runs; gives a function that returns the largest until then.

    Two samples in a row have to reach it: a process that has just been started, and is about to
    leave the network, is not one that is kept.
    """
    found, done = [sample()], threading.Event()

    def watch() -> None:
        while not done.wait(every_s):
            found.append(sample())

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield lambda: max(map(min, pairwise([*found, found[-1]])))
    finally:
        done.set()
        thread.join()
