"""Several backends answer at the same time, each in its own thread, so that none waits."""

import queue
import threading
import time
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, count

from labkit.backends.capabilities import check_backend
from labkit.backends.generate import Backend, collect, make_reply
from labkit.backends.generate import stream as stream_from
from labkit.backends.prompts import Messages, checked_prompt
from labkit.backends.reply import Reply, Step, Stream
from labkit.backends.settings import Settings
from labkit.backends.steps import join_steps
from labkit.errors import LabError
from labkit.formatting import CONTROL

TICK_S = 0.05  # between checks of Stop while nothing arrives
MOMENT_S = 0.2  # for a stopped model to finish its token, before its stream is closed
PATIENCE_S = 2.0  # to wait for its thread after that; the thread is left to end on its own

Backends = Sequence[Backend] | Mapping[str, Backend]


@dataclass(slots=True)
class Column:
    """One backend's progress; only its own thread writes here.

    Attributes:
        name: the column's heading.
        backend: the backend that answers.
        steps: the steps so far.
        stream: its answer; None before the request, or where the backend refused it.
        error: the error that ended it, or None.
        started_s: seconds from the start of the run to its request; None before it.
        ended: whether nothing more will come.
    """

    name: str
    backend: Backend
    steps: list[Step] = field(default_factory=list)
    stream: Stream | None = None
    error: str | None = None
    started_s: float | None = None
    ended: bool = False

    @property
    def text(self) -> str:
        """The answer so far."""
        return join_steps(tuple(self.steps))[1]

    @property
    def thinking(self) -> str:
        """What it has thought so far."""
        return join_steps(tuple(self.steps))[0]


class ConcurrentRun:
    """One prompt, several backends: `updates` yields whenever one of them has written something.

    Args:
        prompt: a text, or chat messages.
        backends: a list, or a dict with your own names.
        raw: continue the text without the chat template, with chat models too.
        sequential: one after another, so that none slows another down.
        settings: the same for all: temperature, max_tokens, seed …

    Attributes:
        columns: one for each backend, in the given order.

    Raises:
        ValueError: no backends, or a prompt or setting that is out of range.
    """

    def __init__(
        self,
        prompt: str | Messages,
        backends: Backends,
        *,
        raw: bool = False,
        sequential: bool = False,
        **settings,
    ):
        checked_prompt(prompt, raw=raw)
        self._settings, self._options = Settings(**settings), {"raw": raw, **settings}
        self.prompt, self.sequential = prompt, sequential
        self.columns = tuple(Column(name, each) for name, each in name_each(backends).items())
        self._arrivals: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._began = 0.0

    def updates(self) -> Iterator[int | None]:
        """The number of the column that wrote something or ended; None after a while without any.

        Leaving the loop stops all models.
        """
        self._began = time.perf_counter()
        threads = self._start()
        try:
            while not all(column.ended for column in self.columns):
                try:
                    yield self._arrivals.get(timeout=TICK_S)
                except queue.Empty:
                    yield None
        finally:
            self._stop(threads)

    def _stop(self, threads: Sequence[threading.Thread]) -> None:
        """Each stops at its next token; the stream of one that waits for its server is closed."""
        self._stopping.set()
        join_threads(threads, MOMENT_S)
        for column in self.columns:
            if column.stream and not column.ended:
                column.stream.close()
        join_threads(threads, PATIENCE_S)

    @property
    def replies(self) -> tuple[Reply, ...]:
        """What each has written so far; a column that has not ended counts as interrupted."""
        return tuple(self._reply(column) for column in self.columns)

    def _reply(self, column: Column) -> Reply:
        running = column.stream or Stream(self._settings)
        if column.error:
            running.note(finish="failed", error=column.error)
        return make_reply(column.backend.name, self.prompt, running, tuple(column.steps))

    def _start(self) -> list[threading.Thread]:
        """One thread for each column, which begin together; or one for all, in turn."""
        numbered = list(enumerate(self.columns))
        shares = [numbered] if self.sequential else [[each] for each in numbered]
        work = {"target": self._work, "daemon": True}
        gate = threading.Barrier(len(shares))
        threads = [threading.Thread(args=(gate, share), **work) for share in shares]
        for thread in threads:
            thread.start()
        return threads

    def _work(self, gate: threading.Barrier, share: Sequence[tuple[int, Column]]) -> None:
        gate.wait()
        for number, column in share:
            try:
                if not self._stopping.is_set():
                    self._ask(number, column)
            except (LabError, ValueError) as error:
                column.error = str(error)
            except Exception as error:  # the other columns continue, whatever it is
                column.error = unexpected(column.name, error)
            finally:
                column.ended = True
                self._arrivals.put(number)

    def _ask(self, number: int, column: Column) -> None:
        column.started_s = time.perf_counter() - self._began
        column.stream = stream_from(column.backend, self.prompt, **self._options)

        def take(step: Step) -> None:
            column.steps.append(step)
            self._arrivals.put(number)

        collect(column.stream, take, self._stopping.is_set)
        column.error = column.stream.error


def unexpected(name: str, error: Exception) -> str:
    """What is said of an error of a library; its message may quote a header, and so a key."""
    problem = f"{name} failed: {type(error).__name__}."
    return str(LabError(problem, "Call lab.generate on it alone to see where."))


def join_threads(threads: Sequence[threading.Thread], within_s: float) -> None:
    """Waits for threads to end, for at most that many seconds in all."""
    end = time.monotonic() + within_s
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))


def name_each(backends: Backends) -> dict[str, Backend]:
    """Each backend under its own name; of several with the same name, the later are numbered.

    Raises:
        ValueError: no backends, what is not a backend, or a name that is not a text.
    """
    named: dict[str, Backend] = {}
    if isinstance(backends, Mapping):
        named = dict(backends)
    elif isinstance(backends, Sequence) and not isinstance(backends, str):
        for each in backends:
            check_backend("each of backends", each)
            named[free_name(each.name, named)] = each
    if not named or not all(map(is_name, named)):
        raise ValueError(
            "backends must be a list of at least one backend, such as [local, cloud], or a dict of "
            f'them with their names, such as {{"local": local}}; got {backends!r}'
        )
    for name, each in named.items():
        check_backend(f"backends[{name!r}]", each)
    return named


def free_name(name: str, taken: Container[str]) -> str:
    """The name, or the first of ``name (2)``, ``name (3)`` … that is not taken."""
    numbered = (f"{name} ({number})" for number in count(2))
    return next(each for each in chain([name], numbered) if each not in taken)


def is_name(value: object) -> bool:
    """Whether a value names a backend: a text of more than spaces, without control characters."""
    return isinstance(value, str) and bool(value.strip()) and not CONTROL.search(value)
