"""Suggestions while somebody types: only the newest request counts, older ones are cancelled."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from labkit.backends.llamacpp.model import LlamaCppModel
from labkit.backends.reply import Stream
from labkit.errors import LabError
from labkit.topics.assistant.completion.complete import Completion, collect, open_stream

Watch = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True, slots=True)
class Request:
    """The code at a cursor.

    Attributes:
        number: rises with each request.
        before, after: the code before the cursor and after it.
    """

    number: int
    before: str
    after: str


class Suggester:
    """Completes the newest request in a thread of its own.

    Args:
        model: from ``labkit.load_llamacpp``.
        method: how it is asked.
        done: called with each request that was completed, and the suggestion, or the sentence that
            says what is wrong with it.
        watch: makes a context manager for the time of each suggestion, whose ``log`` has the
            ``attempts`` to connect, as that of ``lab.watch_network``; None: not watched.

    Attributes:
        superseded: number of requests that a newer one ended.
        completed: number of requests that were completed.
        connections: where to and by what this process tried to connect meanwhile; None: it was not
            watched.
    """

    def __init__(
        self,
        model: LlamaCppModel,
        method: str,
        done: Callable[[Request, Completion | str], None],
        watch: Watch | None = None,
    ):
        self._model, self._method, self._done, self._watch = model, method, done, watch
        self.superseded = self.completed = 0
        self.connections: list[str] | None = None if watch is None else []
        self._changed = threading.Condition()
        self._next: Request | None = None
        self._stream: Stream | None = None
        self._thread: threading.Thread | None = None

    def ask(self, request: Request) -> None:
        """Has the model complete it, and ends what it does for an older one."""
        with self._changed:
            self.superseded += bool(self._next) + bool(self._stream)
            self._next, stream = request, self._stream
            self._stream = None
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, daemon=True)
                self._thread.start()
            self._changed.notify_all()
        if stream:
            stream.close()

    def wait(self, timeout_s: float) -> bool:
        """Waits until nothing is to be done; whether that was so in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self._thread is None, timeout_s)

    def _work(self) -> None:
        while True:
            with self._changed:
                request, self._next = self._next, None
                if request is None:
                    self._thread = None
                    self._changed.notify_all()
                    return
            result = self._complete(request)
            if result is not None:
                self._done(request, result)

    def _complete(self, request: Request) -> Completion | str | None:
        """The suggestion, or a sentence; None if it was superseded."""
        try:
            with self._watch() if self._watch else nullcontext() as watched:
                done = self._suggestion(request)
        except (ValueError, LabError) as error:
            return str(error)
        except Exception as error:  # the thread goes on: the next key may be better
            return f"Something went wrong: {type(error).__name__}: {error}"
        if watched is not None and self.connections is not None:
            tried = watched.log.attempts
            self.connections += [f"{e.target}, {e.caller or e.process}" for e in tried]
        self.completed += done is not None
        return done

    def _suggestion(self, request: Request) -> Completion | None:
        stream = open_stream(self._model, request.before, request.after, method=self._method)
        with self._changed:
            if self._next:  # it came meanwhile
                self.superseded += 1
                return None
            self._stream = stream
        try:
            done = collect(self._model, stream, request.before, method=self._method, block=False)
        finally:
            with self._changed:
                was_superseded, self._stream = self._stream is not stream, None
        return None if was_superseded else done
