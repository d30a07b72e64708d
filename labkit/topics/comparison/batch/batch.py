"""`run_batch`: many prompts to several backends, within rate limits, and resumable."""

import queue
import random
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from labkit.backends.capabilities import runs_here
from labkit.backends.generate import Backend, collect, make_reply
from labkit.backends.generate import stream as stream_from
from labkit.backends.prompts import Messages
from labkit.backends.reply import Reply, Stream
from labkit.backends.settings import Settings
from labkit.checks import check_whole, checked_path
from labkit.errors import BusyError, LabError
from labkit.filesystem.read import read_file
from labkit.interrupts.cell import progress
from labkit.topics.comparison.side_by_side.concurrent import (
    Backends,
    is_name,
    join_threads,
    unexpected,
)
from labkit.topics.comparison.side_by_side.cost_estimate import cost_sentences
from labkit.topics.comparison.side_by_side.settings_variant import own_settings

from .job import BatchJob, make_jobs
from .journal import LARGEST_JOURNAL, Journal, newest_rows, open_journal
from .scheduler import Scheduler
from .table import BatchRow, BatchTable, make_row

TRIES = 5
LONGEST_WAIT_S = 120.0  # a server that asks for more is given up; its jobs stay open in the file
LONGEST_PAUSE_S = 60.0  # where a server names no time
PATIENCE_S = 2.0  # for a stopped model to finish its token
TICK_S = 0.1
HERE, NAME = "this process", "labkit batch"


def run_batch(
    prompts: Sequence[str | Messages],
    backends: Backends,
    *,
    max_concurrent: int = 1,
    file: str | Path | None = None,
    raw: bool = False,
    **settings,
) -> BatchTable:
    """Every prompt to every backend, as a table of answers with their numbers.

    Interrupting it (the notebook's stop button, Ctrl-C) stops it and returns the answers so far.
    With a `file`, each answer is on disk as soon as it is complete, and the same call resumes
    after any interruption: only prompts without an answer are sent again.

    A server over its rate limit says so (status 429), and when to try again (Retry-After); the
    retry comes then and not before. Meanwhile the other backends continue.

    Args:
        prompts: texts, or chat messages.
        backends: a list, or a dict with your own names: ``{"local": local, "cloud": cloud}``.
        max_concurrent: the most requests at a time. Models in this process always get one at a
            time, because they would slow each other down.
        file: the file for the answers, such as ``"answers.jsonl"``; None: in memory only.
        raw: continue the texts without the chat template, with chat models too.
        settings: the same for all: see ``labkit.backends.settings.Settings``.
    Raises:
        ValueError: no prompt, no backend, two with the same name, or a setting out of range.
        LabError: the file is not a batch file, or cannot be written to.
    """
    options = {"max_concurrent": max_concurrent, "file": file, "raw": raw, **settings}
    batch = BatchRun(prompts, backends, **options)
    with (
        progress(total=batch.total, unit="answer", desc="batch") as bar,
        suppress(KeyboardInterrupt),
        closing(batch.run()) as updates,
    ):
        for message in updates:
            bar.n = batch.ended
            bar.set_postfix_str(message, refresh=message != bar.postfix)
    return batch.table


class BatchRun:
    """A running batch: `run` does the work, `table` holds the answers so far.

    Its arguments are those of `run_batch`.

    Attributes:
        total: number of answers in the whole batch.
        ended: number of answers that are complete or have failed.
        table: the answers so far.
    """

    def __init__(
        self,
        prompts: Sequence[str | Messages],
        backends: Backends,
        *,
        max_concurrent: int = 1,
        file: str | Path | None = None,
        raw: bool = False,
        **settings,
    ):
        check_whole("max_concurrent", max_concurrent)
        self._settings, self._options = Settings(**settings), {"raw": raw, **settings}
        self._backends = named(backends)
        # A variant's own settings are part of what its answers are known by.
        each = {name: Settings(**own_settings(b, settings)) for name, b in self._backends.items()}
        self._jobs = make_jobs(prompts, each, raw=raw)
        self._max_concurrent = max_concurrent
        self._file = None if file is None else checked_path("file", file)
        self._rows: dict[str, BatchRow] = {}
        self._news: queue.SimpleQueue[tuple[BatchJob, BatchRow | str]] = queue.SimpleQueue()
        self._tries, self._waited = Counter(), Counter()
        self._scheduler, self._streams = Scheduler((), {}), {}
        self.total = len(self._jobs)

    @property
    def costs(self) -> tuple[str, ...]:
        """What would be sent to providers, and its highest price, for the jobs without answer."""
        prompts = {
            name: [job.prompt for job in self._open() if job.backend == name]
            for name in self._backends
        }
        return cost_sentences(self._backends, prompts, self._settings.max_tokens)

    @property
    def ended(self) -> int:
        """Number of answers that are complete or have failed."""
        return sum(job.key in self._rows for job in self._jobs)

    @property
    def table(self) -> BatchTable:
        """The answers so far: prompt by prompt, backends in the given order."""
        rows = [
            replace(self._rows[job.key], prompt_index=job.prompt_index, setting=job.setting)
            for job in self._jobs
            if job.key in self._rows
        ]
        missing = self.total - sum(row.answered for row in rows)
        stopped = tuple(self._scheduler.stopped.values())
        return BatchTable(tuple(self._backends), tuple(rows), missing, stopped)

    def resume(self) -> None:
        """Takes the answers that the file has already; `run` says what is wrong with it."""
        if self._file is not None:
            with suppress(LabError):
                content = read_file(self._file, LARGEST_JOURNAL)
                self._keep(newest_rows(Path(self._file), content))

    def _keep(self, rows: Mapping[str, BatchRow]) -> None:
        """Keeps the answers to these jobs; what failed or was stopped is sent again."""
        answered = {key: row for key, row in rows.items() if row.answered}
        self._rows = {
            job.key: answered[key]
            for job in self._jobs
            for key in (*job.earlier_keys, job.key)
            if key in answered
        }

    def _open(self) -> list[BatchJob]:
        rows = self._rows
        return [job for job in self._jobs if job.key not in rows or not rows[job.key].answered]

    def run(self) -> Iterator[str]:
        """Runs the jobs without answer; yields the progress in words, several times a second.

        Leaving the loop stops all models.

        Raises:
            LabError: the file cannot be used.
        """
        with open_journal(self._file) as journal:
            self._keep({**self._rows, **journal.rows})
            done, pending = self.ended, self._open()
            self._scheduler = Scheduler(pending, self._pools())
            self._tries, self._waited = Counter(), Counter()
            threads = self._start(min(self._max_concurrent, len(pending)))
            try:
                yield f"{done} of {self.total} were done before" if done else "started"
                while any(thread.is_alive() for thread in threads) or not self._news.empty():
                    yield self._receive(journal)
            finally:
                self._stop(threads, journal)

    def _pools(self) -> dict[str, tuple[str, int]]:
        """Models in this process take turns; a server takes requests from all threads at once."""
        return {
            name: (HERE, 1) if runs_here(backend) else (name, self._max_concurrent)
            for name, backend in self._backends.items()
        }

    def _start(self, workers: int) -> list[threading.Thread]:
        work = {"target": self._work, "args": (self._scheduler,), "daemon": True, "name": NAME}
        threads = [threading.Thread(**work) for _ in range(workers)]
        for thread in threads:
            thread.start()
        return threads

    def _stop(self, threads: list[threading.Thread], journal: Journal) -> None:
        self._scheduler.close()
        for running in tuple(self._streams.values()):
            running.close()
        join_threads(threads, PATIENCE_S)
        while not self._news.empty():
            self._receive(journal)

    def _receive(self, journal: Journal) -> str:
        """Waits briefly for a row or a message of a worker; only here the file is written."""
        with suppress(queue.Empty):
            job, news = self._news.get(timeout=TICK_S)
            if isinstance(news, str):
                return news
            self._rows[job.key] = news
            journal.add(news)
        return f"{self.ended} of {self.total}"

    def _work(self, scheduler: Scheduler) -> None:
        while (job := scheduler.take()) is not None:
            self._tries[job.key] += 1
            asked_at = datetime.now(UTC).isoformat(timespec="milliseconds")
            try:
                reply = self._ask(job, scheduler)
            except BusyError as error:
                if self._wait(job, error, scheduler):
                    continue
                failed = Stream(self._settings, finish="failed", error=str(error))
                reply = make_reply(self._backends[job.backend].name, job.prompt, failed, ())
            if reply.steps or reply.finish != "interrupted":
                tried = {"tries": self._tries[job.key], "waited_s": float(self._waited[job.key])}
                self._news.put((job, make_row(job, reply, asked_at=asked_at, **tried)))
            scheduler.done(job)

    def _ask(self, job: BatchJob, scheduler: Scheduler) -> Reply:
        """The reply, complete, stopped or failed.

        Raises:
            BusyError: the server asks for a later retry.
        """
        backend, steps, running = self._backends[job.backend], [], Stream(self._settings)
        try:
            running = stream_from(backend, job.prompt, **self._options)
            self._streams[job.key] = running
            if not scheduler.closed:
                collect(running, steps.append, lambda: scheduler.closed)
        except BusyError:
            raise
        except (LabError, ValueError) as error:
            running.note(finish="failed", error=str(error))
        except Exception as error:  # the others continue; its message might quote a header
            running.note(finish="failed", error=unexpected(job.backend, error))
        finally:
            self._streams.pop(job.key, None)
        return make_reply(backend.name, job.prompt, running, steps)

    def _wait(self, job: BatchJob, error: BusyError, scheduler: Scheduler) -> bool:
        """Puts the job back for later; False where it has had enough tries."""
        tries = self._tries[job.key]
        wait_s = error.retry_after_s
        if wait_s is None:  # "full jitter": Brooker, AWS Architecture Blog, 2015
            wait_s = random.uniform(0.5, 1) * min(LONGEST_PAUSE_S, 2.0**tries)
        if wait_s > LONGEST_WAIT_S:
            why = f"{job.backend} asks for a pause of {wait_s:,.0f} s and gets no further requests."
            scheduler.give_up(job.backend, why)
            return False
        if tries >= TRIES:
            return False
        self._waited[job.key] += wait_s
        self._news.put((job, f"{job.backend} is retried in {wait_s:.0f} s"))
        scheduler.retry(job, wait_s)
        return True


def named(backends: Backends) -> dict[str, Backend]:
    """Each backend by its name, which identifies its answers in a file.

    Raises:
        ValueError: no backend, two with the same name, or a name that is not a text.
    """
    found: dict[str, Backend] = {}
    if isinstance(backends, Mapping):
        found = dict(backends)
    elif isinstance(backends, Sequence):
        found = {getattr(each, "name", ""): each for each in backends}
    good = all(is_name(name) and isinstance(each, Backend) for name, each in found.items())
    if not found or not good or len(found) != len(backends):
        raise ValueError(
            "backends must be one or more, each with its own name, such as "
            f'{{"local": local, "cloud": cloud}}; got {backends!r}'
        )
    return found
