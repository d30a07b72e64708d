"""One user's share of a server that many use: a lock for each request that it may answer at once.

The locks are files in the user's home, so they hold for all kernels together; the system frees
those of a process that ends, however it ends.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import filelock

from labkit.interrupts.cell import progress

GLANCE_S = 0.05  # how often who waits looks for a free slot
SILENT_S = 0.5  # a wait as short as that is not said
WAITING = "waiting for a free slot …"

_says = threading.Lock()  # one line, however many threads wait


@dataclass(frozen=True, slots=True)
class Share:
    """The requests that one user may have at one server at once, over all their processes here.

    Attributes:
        folder: of the locks.
        count: the most requests at once.
    """

    folder: Path
    count: int

    def take(self, stopped: threading.Event) -> Callable[[], object] | None:
        """Waits for a free slot, and says so.

        Args:
            stopped: ends the wait.
        Returns:
            What frees the slot again; None: the wait was ended.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = self._wait(stopped, SILENT_S)
            if lock is None:
                with _waiting_line():
                    lock = self._wait(stopped)
        except OSError:  # a home that cannot be written to: nothing is bounded
            return lambda: None
        return None if lock is None else lock.release

    def _wait(
        self, stopped: threading.Event, most_s: float = float("inf")
    ) -> filelock.BaseFileLock | None:
        until = time.monotonic() + most_s
        while True:
            for number in range(self.count):
                # Any thread may release it.
                lock = filelock.FileLock(self.folder / f"{number}.lock", thread_local=False)
                with suppress(filelock.Timeout):
                    lock.acquire(timeout=0)
                    return lock
            if time.monotonic() > until or stopped.wait(GLANCE_S):
                return None


@contextmanager
def _waiting_line() -> Iterator[None]:
    if not _says.acquire(blocking=False):
        yield
        return
    try:
        with progress(total=1, desc=WAITING, bar_format="{desc} {elapsed}"):
            yield
    finally:
        _says.release()
