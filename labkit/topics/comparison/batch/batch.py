"""Many prompts to several backends: a few at once, rate limits obeyed, nothing asked twice."""

import queue
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from labkit.backends.generate import Backend, make_reply
from labkit.backends.generate import stream as stream_from
from labkit.backends.prompts import Messages
from labkit.backends.reply import Reply, Stream
from labkit.backends.settings import Settings
from labkit.checks import check_whole
from labkit.errors import BusyError, LabError
from labkit.topics.comparison.side_by_side.cost_estimate import told_before

from .journal import Journal, open_journal
from .scheduler import Turns
from .table import BatchTable, Job, Row, make_jobs, make_row

TRIES = 5
LONGEST_WAIT_S = 120.0  # a server that wants longer is left alone; its questions wait in the file
LONGEST_PAUSE_S = 60.0  # where a server names no time
PATIENCE_S = 2.0  # how long a stopped model may take to write the token it is at
TICK_S = 0.1
HERE, NAME = "this process", "labkit batch"

Backends = Sequence[Backend] | Mapping[str, Backend]


def run_batch(
    prompts: Sequence[str | Messages],
    backends: Backends,
    *,
    at_once: int = 1,
    file: str | Path | None = None,
    raw: bool = False,
    **settings,
) -> BatchTable:
    """Every prompt to every backend, as a table of answers with their numbers.

    Interrupting it (the notebook's stop button, Ctrl-C) stops it and gives the table as it is.
    With a `file`, each answer is on the disk as soon as it is there, and the same call goes on
    where it was interrupted, by whatever: only what has no answer yet is asked.

    A server that is asked too much says so (status 429) and when to come back (Retry-After); it
    is asked again then, and not before. In between the others are asked.

    Args:
        prompts: texts, or chat messages.
        backends: a list, or names of your own for each: ``{"here": local, "far": cloud}``.
        at_once: at most so many questions are under way. Models in this process get one at a
            time whatever this says, for they would slow each other down.
        file: where the answers are kept, such as ``"answers.jsonl"``; None: in memory alone.
        raw: go on with the texts as they stand, with chat models too.
        settings: the same for all: see ``labkit.backends.settings.Settings``.
    Raises:
        ValueError: no prompt, no backend, two of one name, or a setting out of bounds.
        LabError: the file is no file of a batch, or cannot be written to.
    """
    from tqdm.auto import tqdm

    batch = Batch(prompts, backends, at_once=at_once, file=file, raw=raw, **settings)
    moves = batch.run()
    with tqdm(total=batch.total, unit="answer", desc="batch", leave=False) as bar:
        try:
            for message in moves:
                bar.n = batch.ended
                bar.set_postfix_str(message, refresh=message != bar.postfix)
        except KeyboardInterrupt:
            pass
        finally:
            moves.close()
    return batch.table


class Batch:
    """A batch as it runs: `run` does the work, `table` is what there is so far.

    Args are those of `run_batch`.

    Attributes:
        total: how many answers there are to be.
        ended: how many are there, or have failed.
        table: the answers so far.
    """

    def __init__(
        self,
        prompts: Sequence[str | Messages],
        backends: Backends,
        *,
        at_once: int = 1,
        file: str | Path | None = None,
        raw: bool = False,
        **settings,
    ):
        check_whole("at_once", at_once)
        self._settings, self._asked = Settings(**settings), {"raw": raw, **settings}
        self._backends = named(backends)
        told = {"raw": raw, **asdict(self._settings)}
        self._jobs = make_jobs(prompts, tuple(self._backends), told)
        self._at_once, self._file = at_once, file
        self._rows: dict[str, Row] = {}
        self._news: queue.SimpleQueue[tuple[Job, Row | str]] = queue.SimpleQueue()
        self._tries, self._waited = Counter(), Counter()
        self._turns, self._streams = Turns((), {}), {}
        self.total = len(self._jobs)

    @property
    def before(self) -> tuple[str, ...]:
        """What providers would be sent, and cost at most, for what has no answer yet."""
        to_ask = [job for job in self._jobs if job.key not in self._rows]
        prompts = {
            name: [job.prompt for job in to_ask if job.backend == name] for name in self._backends
        }
        return told_before(self._backends, prompts, self._settings.max_tokens)

    @property
    def ended(self) -> int:
        """How many answers are there, or have failed."""
        return sum(job.key in self._rows for job in self._jobs)

    @property
    def table(self) -> BatchTable:
        """The answers so far: prompt by prompt, backends in the order in which they were given."""
        rows = [
            replace(self._rows[job.key], place=job.place)
            for job in self._jobs
            if job.key in self._rows
        ]
        missing = self.total - sum(row.answered for row in rows)
        stopped = tuple(self._turns.stopped.values())
        return BatchTable(tuple(self._backends), tuple(rows), missing, stopped)

    def run(self) -> Iterator[str]:
        """Asks what has no answer yet; yields, again and again, how it stands in words.

        Leaving the loop stops all models.

        Raises:
            LabError: about the file.
        """
        with open_journal(self._file) as journal:
            there = {**self._rows, **journal.rows}
            known = {key: row for key, row in there.items() if row.answered}
            self._rows = {job.key: known[job.key] for job in self._jobs if job.key in known}
            to_ask = [job for job in self._jobs if job.key not in known]
            self._turns = Turns(to_ask, self._places())
            self._tries, self._waited = Counter(), Counter()
            threads = self._start(min(self._at_once, len(to_ask)))
            try:
                yield f"{self.ended} of {self.total} were there already" if known else "asking"
                while any(thread.is_alive() for thread in threads) or not self._news.empty():
                    yield self._hear(journal)
            finally:
                self._stop(threads, journal)

    def _places(self) -> dict[str, tuple[str, int]]:
        """Models of this process take turns; a server may be asked by all threads at once."""
        return {
            name: (name, self._at_once) if _elsewhere(backend) else (HERE, 1)
            for name, backend in self._backends.items()
        }

    def _start(self, workers: int) -> list[threading.Thread]:
        work = {"target": self._work, "args": (self._turns,), "daemon": True, "name": NAME}
        threads = [threading.Thread(**work) for _ in range(workers)]
        for thread in threads:
            thread.start()
        return threads

    def _stop(self, threads: list[threading.Thread], journal: Journal) -> None:
        self._turns.close()
        for running in tuple(self._streams.values()):
            with suppress(ValueError):  # a model of this process ends with the token it is at
                running.close()
        end = time.monotonic() + PATIENCE_S
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))
        while not self._news.empty():
            self._hear(journal)

    def _hear(self, journal: Journal) -> str:
        """Takes in one piece of news, if there is any soon; the file is written here alone."""
        stands = f"{self.ended} of {self.total}"
        try:
            job, told = self._news.get(timeout=TICK_S)
        except queue.Empty:
            return stands
        if isinstance(told, str):
            return told
        self._rows[job.key] = told
        journal.add(told)
        return f"{self.ended} of {self.total}"

    def _work(self, turns: Turns) -> None:
        while (job := turns.take()) is not None:
            self._tries[job.key] += 1
            asked_at = datetime.now(UTC).isoformat(timespec="milliseconds")
            try:
                reply = self._ask(job, turns)
            except BusyError as error:
                if self._wait(job, error, turns):
                    continue
                reply = self._failed(job, error)
            if reply.steps or reply.finish != "interrupted":
                tried = {"tries": self._tries[job.key], "waited_s": float(self._waited[job.key])}
                self._news.put((job, make_row(job, reply, asked_at=asked_at, **tried)))
            turns.done(job)

    def _ask(self, job: Job, turns: Turns) -> Reply:
        """The reply, whatever became of it.

        Raises:
            BusyError: the server wants to be asked later.
        """
        backend, steps, running = self._backends[job.backend], [], Stream(self._settings)
        try:
            running = stream_from(backend, job.prompt, **self._asked)
            self._streams[job.key] = running
            for step in running if not turns.closed else ():
                steps.append(step)
                if turns.closed:
                    running.close()
                    break
        except BusyError as error:
            if not steps:
                raise
            running.finish, running.error = "failed", error
        except (LabError, ValueError) as error:
            told = error if isinstance(error, LabError) else LabError(str(error))
            running.finish, running.error = "failed", told
        except Exception as error:  # the others go on; its own words might hold a header
            running.finish = "failed"
            running.error = LabError(
                f"{job.backend} failed: {type(error).__name__}.",
                "Ask it alone, with labkit.generate, to see where.",
            )
        finally:
            self._streams.pop(job.key, None)
        return make_reply(backend.name, job.prompt, running, steps)

    def _failed(self, job: Job, error: LabError) -> Reply:
        running = Stream(self._settings, finish="failed", error=error)
        return make_reply(self._backends[job.backend].name, job.prompt, running, ())

    def _wait(self, job: Job, error: BusyError, turns: Turns) -> bool:
        """Puts the question back for later; False where it has been asked often enough."""
        tries = self._tries[job.key]
        wait_s = error.retry_after_s
        if wait_s is None:  # "full jitter": Brooker, AWS Architecture Blog, 2015
            wait_s = random.uniform(0.5, 1) * min(LONGEST_PAUSE_S, 2.0**tries)
        if wait_s > LONGEST_WAIT_S:
            why = f"{job.backend} wants to be left alone for {wait_s:,.0f} s and is asked no more."
            turns.give_up(job.backend, why)
            return False
        if tries >= TRIES:
            return False
        self._waited[job.key] += wait_s
        self._news.put((job, f"{job.backend} is asked again in {wait_s:.0f} s"))
        turns.again(job, wait_s)
        return True


def named(backends: Backends) -> dict[str, Backend]:
    """Each backend by its name, by which its answers are known again in a file.

    Raises:
        ValueError: none, or two of one name.
    """
    found: dict[str, Backend] = {}
    if isinstance(backends, Mapping):
        found = dict(backends)
    elif isinstance(backends, Sequence):
        found = {getattr(each, "name", ""): each for each in backends}
    good = all(hasattr(each, "stream") for each in found.values())
    if not found or not good or len(found) != len(backends):
        raise ValueError(
            "backends must be one or more, each with a name of its own, such as "
            f'{{"here": local, "far": cloud}}; got {backends!r}'
        )
    return found


def _elsewhere(backend: Backend) -> bool:
    """Whether it computes in another process, so that several questions may be under way."""
    inner = getattr(backend, "backend", backend)
    return hasattr(inner, "base_url") or hasattr(inner, "where")
