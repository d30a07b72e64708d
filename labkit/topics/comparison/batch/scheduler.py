"""Which request may start now: limits on concurrency, and the times that busy servers named."""

import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping

from .job import BatchJob


class Scheduler:
    """Hands the pending jobs of a batch to threads.

    Args:
        jobs: the jobs in the order in which they should start.
        pools: for each backend, the pool that it shares with others, and how many jobs may run in
            that pool at once.

    Attributes:
        stopped: backends that get no further jobs, and why.
        closed: whether all threads should stop.
    """

    def __init__(self, jobs: Iterable[BatchJob], pools: Mapping[str, tuple[str, int]]):
        self._pools = pools
        self._waiting: dict[str, deque[BatchJob]] = {name: deque() for name in pools}
        for job in jobs:
            self._waiting[job.backend].append(job)
        self._running = {pool: 0 for pool, _ in pools.values()}
        self._ready_at = dict.fromkeys(pools, 0.0)
        self._changed = threading.Condition()
        self.closed = False
        self.stopped: dict[str, str] = {}

    def take(self) -> BatchJob | None:
        """Waits for the next job that may start; None: there are no more."""
        with self._changed:
            while not self.closed:
                now = time.monotonic()
                job = self._next(now)
                if job:
                    self._running[self._pools[job.backend][0]] += 1
                    return job
                if not any(self._waiting.values()) and not any(self._running.values()):
                    return None
                self._changed.wait(self._until_ready(now))
            return None

    def done(self, job: BatchJob) -> None:
        """Marks a job as finished."""
        with self._changed:
            self._running[self._pools[job.backend][0]] -= 1
            self._changed.notify_all()

    def retry(self, job: BatchJob, wait_s: float) -> None:
        """Puts a job back; its backend gets no job for that many seconds."""
        with self._changed:
            ready_at = time.monotonic() + wait_s
            self._ready_at[job.backend] = max(self._ready_at[job.backend], ready_at)
            if job.backend not in self.stopped:
                self._waiting[job.backend].appendleft(job)
        self.done(job)

    def give_up(self, backend: str, why: str) -> None:
        """Drops all further jobs of a backend."""
        with self._changed:
            self.stopped.setdefault(backend, why)
            self._waiting[backend].clear()

    def close(self) -> None:
        """Hands out no further jobs."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()

    def _next(self, now: float) -> BatchJob | None:
        """The first job whose backend is ready; the caller holds the lock."""
        free = [
            jobs
            for backend, (pool, limit) in self._pools.items()
            if (jobs := self._waiting[backend])
            and self._ready_at[backend] <= now
            and self._running[pool] < limit
        ]
        return min(free, key=lambda jobs: jobs[0].prompt_index).popleft() if free else None

    def _until_ready(self, now: float) -> float | None:
        """Seconds until the next waiting backend is ready; None: wait for a change."""
        times = [
            self._ready_at[backend] - now
            for backend, jobs in self._waiting.items()
            if jobs and self._ready_at[backend] > now
        ]
        return min(times, default=None)
