"""Who may be asked now: at most so many at once, and no server before the time that it named."""

import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping

from .table import BatchJob


class Scheduler:
    """The questions that are still to be asked, handed out to threads.

    Args:
        jobs: in the order in which they are to be asked.
        places: of each backend, the name of what it shares with others that cannot be asked at
            the same time, and how many may be asked there at once.

    Attributes:
        stopped: backends that are not asked any further, and why.
        closed: whether all are to stop.
    """

    def __init__(self, jobs: Iterable[BatchJob], places: Mapping[str, tuple[str, int]]):
        self._places = places
        self._waiting: dict[str, deque[BatchJob]] = {name: deque() for name in places}
        for job in jobs:
            self._waiting[job.backend].append(job)
        self._running = {place: 0 for place, _ in places.values()}
        self._ready_at = dict.fromkeys(places, 0.0)
        self._changed = threading.Condition()
        self.closed = False
        self.stopped: dict[str, str] = {}

    def take(self) -> BatchJob | None:
        """The next question that may be asked, when it may be asked; None: no more."""
        with self._changed:
            while not self.closed:
                now = time.monotonic()
                job = self._next(now)
                if job:
                    self._running[self._places[job.backend][0]] += 1
                    return job
                if not any(self._waiting.values()) and not any(self._running.values()):
                    return None
                self._changed.wait(self._until_ready(now))
            return None

    def done(self, job: BatchJob) -> None:
        """That question has its answer."""
        self._leave(job)

    def again(self, job: BatchJob, wait_s: float) -> None:
        """Puts a question back; nobody asks that backend before so many seconds have passed."""
        with self._changed:
            self._ready_at[job.backend] = max(
                self._ready_at[job.backend], time.monotonic() + wait_s
            )
            if job.backend not in self.stopped:
                self._waiting[job.backend].appendleft(job)
        self._leave(job)

    def give_up(self, backend: str, why: str) -> None:
        """Asks that backend nothing more."""
        with self._changed:
            self.stopped.setdefault(backend, why)
            self._waiting[backend].clear()

    def close(self) -> None:
        """Hands out nothing more."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()

    def _leave(self, job: BatchJob) -> None:
        with self._changed:
            self._running[self._places[job.backend][0]] -= 1
            self._changed.notify_all()

    def _next(self, now: float) -> BatchJob | None:
        """The first question whose backend may be asked now; called with the lock held."""
        free = [
            jobs
            for backend, jobs in self._waiting.items()
            if jobs and self._ready_at[backend] <= now and self._has_room(backend)
        ]
        return min(free, key=lambda jobs: jobs[0].place).popleft() if free else None

    def _has_room(self, backend: str) -> bool:
        place, most = self._places[backend]
        return self._running[place] < most

    def _until_ready(self, now: float) -> float | None:
        """Seconds until a backend may be asked again that has room; None: wait for a change."""
        times = [
            self._ready_at[backend] - now
            for backend, jobs in self._waiting.items()
            if jobs and self._ready_at[backend] > now
        ]
        return min(times, default=None)
