"""Several backends asked at once, each in a thread of its own, so that none waits for another."""

import queue
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from labkit.backends.generate import Backend, make_reply
from labkit.backends.generate import stream as stream_from
from labkit.backends.prompts import Messages, checked_prompt
from labkit.backends.reply import Reply, Step, Stream
from labkit.backends.settings import Settings
from labkit.errors import LabError

TICK_S = 0.05  # how often Stop is looked at while nothing arrives
MOMENT_S = 0.2  # how long a stopped model has for the token it is at, before it is hung up on
PATIENCE_S = 2.0  # and how long it is waited for then; its thread ends by itself

Backends = Sequence[Backend] | Mapping[str, Backend]


@dataclass(slots=True)
class Column:
    """One backend's part, as it stands; its own thread alone writes here.

    Attributes:
        name: what the column is called.
        backend: who is asked.
        steps: what came so far.
        stream: its answer; None before it was asked, or where it refused the request.
        error: what went wrong, or None.
        asked_s: seconds from the start of the race until it was asked.
        ended: whether nothing more will come.
    """

    name: str
    backend: Backend
    steps: list[Step] = field(default_factory=list)
    stream: Stream | None = None
    error: LabError | None = None
    started_s: float | None = None
    ended: bool = False

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(step.text for step in tuple(self.steps))


class ConcurrentRun:
    """One prompt, several backends: `run` yields whenever one of them has written something.

    Args:
        prompt: a text, or chat messages.
        backends: several, or names of your own for each.
        raw: go on with the text as it stands, with chat models too.
        in_turn: one after another, for times that do not disturb each other.
        settings: the same for all: temperature, max_tokens, seed …

    Attributes:
        lanes: one for each backend, in their order.

    Raises:
        ValueError: no backends, or a prompt or setting out of bounds.
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
        self._settings, self._asked = Settings(**settings), {"raw": raw, **settings}
        self.prompt, self.sequential = prompt, sequential
        self.columns = tuple(Column(name, each) for name, each in name_each(backends).items())
        self._arrivals: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._began = 0.0

    def run(self) -> Iterator[int | None]:
        """The number of the lane that wrote something or ended; None where nothing came for long.

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
        """Each stops with its next token; one that waits for its server is hung up on."""
        self._stopping.set()
        _join(threads, MOMENT_S)
        for column in self.columns:
            if column.stream and not column.ended:
                with suppress(ValueError):  # a model of this process, busy with a token
                    column.stream.close()
        _join(threads, PATIENCE_S)

    @property
    def replies(self) -> tuple[Reply, ...]:
        """What each has written so far; a lane that has not ended counts as interrupted."""
        return tuple(self._reply(column) for column in self.columns)

    def _reply(self, column: Column) -> Reply:
        running = column.stream or Stream(self._settings)
        if column.error:
            running.finish, running.error = "failed", column.error
        return make_reply(column.backend.name, self.prompt, running, tuple(column.steps))

    def _start(self) -> list[threading.Thread]:
        """All threads, which begin together once the last of them is there, or in turn."""
        threads, gate, before = [], threading.Barrier(len(self.columns)), threading.Event()
        before.set()
        for number, column in enumerate(self.columns):
            end = threading.Event()
            ready = before.wait if self.sequential else gate.wait
            work = (number, column, ready, end)
            threads.append(threading.Thread(target=self._go, args=work, daemon=True))
            before = end
        for thread in threads:
            thread.start()
        return threads

    def _go(self, number: int, column: Column, ready, end: threading.Event) -> None:
        ready()
        try:
            if not self._stopping.is_set():
                self._ask(number, column)
        except (LabError, ValueError) as error:
            column.error = error if isinstance(error, LabError) else LabError(str(error))
        except Exception as error:  # whatever it is, the other lanes go on
            # Its own words are left out: a library's may hold a header, and so a key.
            column.error = LabError(
                f"{column.name} failed: {type(error).__name__}.",
                "Ask it alone, with labkit.generate, to see where.",
            )
        finally:
            column.ended = True
            end.set()
            self._arrivals.put(number)

    def _ask(self, number: int, column: Column) -> None:
        column.started_s = time.perf_counter() - self._began
        column.stream = stream_from(column.backend, self.prompt, **self._asked)
        try:
            for step in column.stream:
                if self._stopping.is_set():
                    return
                column.steps.append(step)
                self._arrivals.put(number)
        finally:
            column.stream.close()


def _join(threads: Sequence[threading.Thread], within_s: float) -> None:
    end = time.monotonic() + within_s
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))


def name_each(backends: Backends) -> dict[str, Backend]:
    """Each backend under a name of its own; of several with one name, the later are numbered."""
    if isinstance(backends, Mapping):
        named = dict(backends)
    else:
        named = {}
        for each in backends if isinstance(backends, Sequence) else ():
            alike = sum(other.name == each.name for other in named.values())
            named[f"{each.name} ({alike + 1})" if alike else each.name] = each
    if not named:
        raise ValueError(
            f"backends must be a list of one backend or more, such as [local, cloud]; "
            f"got {backends!r}"
        )
    return named
