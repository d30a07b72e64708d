"""`watch_network`: records every connection of this process and its children, or refuses them."""

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from labkit.interrupts.delayed import delayed_interrupts
from labkit.lab_book.entry import BookEntry

from . import audit_hook
from .connection_log import (
    CANNOT_REFUSE,
    CANNOT_SEE,
    Attempt,
    NetworkLog,
    StandingConnection,
    is_loopback,
)
from .system_connections import ConnectionRow, read_table

READ_S = 0.05
TABLE = "system table"


def watch_network(*, refuse: bool = False) -> "NetworkWatch":
    """Records every connection that is attempted inside its ``with``.

    It combines two sources. Python's audit hook reports each connection of Python code in advance,
    and can stop it. The operating system's table, read every `READ_S` seconds, lists those of
    native code and child processes too, while they are open. What was open before is listed apart,
    with its traffic.

    Args:
        refuse: whether to stop each connection of this process's Python code, even to the
            loopback; the library gets an error as if there were no answer. The lab's own open
            connections are closed; others that are open, native code and child processes are not
            stopped: `run_offline` does that.
    Returns:
        A context manager; its ``log`` is a `NetworkLog`, during the watch and after it.
    """
    return NetworkWatch(refuse=refuse)


class NetworkWatch:
    """A watch over the network; see `watch_network`.

    Attributes:
        refuse: whether connections are refused.
        loopback: whether those to this machine's loopback are allowed even so.
    """

    def __init__(self, *, refuse: bool, loopback: bool = False):
        if not isinstance(refuse, bool):
            raise ValueError(f"refuse must be True or False; got {refuse!r}")
        self.refuse, self.loopback = refuse, loopback
        self._attempts: list[Attempt] = []
        self._rows: dict[tuple, int] = {}  # key of a table row: index of its attempt
        # Each row at the beginning, and at the last reading.
        self._before: dict[tuple, tuple[ConnectionRow, ConnectionRow]] = {}
        self._children: list[str] = []
        self._lock, self._done = threading.Lock(), threading.Event()
        self._reads, self._began, self._ended = 0, None, None

    def __enter__(self) -> "NetworkWatch":
        if self._began is not None:
            raise ValueError("a watch is for one 'with'; create another: lab.watch_network()")
        self._began = time.perf_counter()
        self._before = {row.key: (row, row) for row in read_table()}
        with delayed_interrupts():  # what would go on listening, and refusing, without an end
            self._stop = audit_hook.listen(self._on_event, self._on_program)
            if self.refuse:
                _close_own_connections(lambda address: self.loopback and is_loopback(address))
            self._reader = threading.Thread(target=self._read_repeatedly, daemon=True)
            self._reader.start()
        return self

    def __exit__(self, *error) -> None:
        self._stop()
        self._done.set()
        self._reader.join()
        self._read()
        self._ended = time.perf_counter()

    @property
    def log(self) -> NetworkLog:
        """The log so far."""
        end = self._ended or time.perf_counter()
        with self._lock:
            return NetworkLog(
                tuple(self._attempts),
                end - (self._began or end),
                self._reads,
                tuple(self._children),
                CANNOT_SEE + CANNOT_REFUSE if self.refuse else CANNOT_SEE,
                tuple(_standing(*rows) for rows in self._before.values()),
            )

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """How many connections were tried, and how many led off the machine."""
        return self.log.book_entries

    @property
    def summary(self) -> str:
        """See `NetworkLog`."""
        return self.log.summary

    def __repr__(self) -> str:
        return repr(self.log)

    def _on_event(self, event: Attempt) -> bool:
        refused = self.refuse and not (self.loopback and event.is_local)
        elapsed_s = time.perf_counter() - self._began
        attempt = replace(event, refused=refused, elapsed_s=elapsed_s)
        with self._lock:
            if not self._repeats_datagram(attempt):
                self._attempts.append(attempt)
        return refused

    def _on_program(self, name: str) -> bool:
        self._children.append(name)
        return self.refuse

    def _repeats_datagram(self, attempt: Attempt) -> bool:
        """All datagrams to one address are one attempt."""
        return attempt.kind == "datagrams" and any(
            (each.kind, each.address, each.port) == ("datagrams", attempt.address, attempt.port)
            for each in self._attempts
        )

    def _read_repeatedly(self) -> None:
        while not self._done.wait(READ_S):
            self._read()

    def _read(self) -> None:
        rows = read_table()
        with self._lock:
            self._reads += 1
            for row in rows:
                if row.key in self._before:
                    self._before[row.key] = self._before[row.key][0], row
                else:
                    self._add(row)

    def _add(self, row: ConnectionRow) -> None:
        """Adds a row of the table to its attempt, or as a new attempt that had no audit event."""
        index = self._rows.get(row.key)
        if index is None:
            index = self._rows[row.key] = self._find_attempt(row)
        if row.bytes_sent is not None:
            self._attempts[index] = replace(
                self._attempts[index], bytes_sent=row.bytes_sent, bytes_received=row.bytes_received
            )

    def _find_attempt(self, row: ConnectionRow) -> int:
        taken = set(self._rows.values())
        for index, each in enumerate(self._attempts):
            same = (each.port, each.process) == (row.remote[1], row.process)
            is_open = each.address in (None, row.remote[0]) and each.kind != "lookup"
            if same and is_open and not each.refused and index not in taken:
                self._attempts[index] = replace(each, seen_by=f"{each.seen_by} and {TABLE}")
                return index
        kind = "datagrams" if row.is_udp else "connection"
        elapsed_s = time.perf_counter() - self._began
        seen = {"process": row.process, "seen_by": TABLE, "elapsed_s": elapsed_s}
        self._attempts.append(Attempt(kind, None, *row.remote[:2], **seen))
        return len(self._attempts) - 1


def _close_own_connections(keeps: Callable[[str], bool]) -> None:
    """Closes those that the lab's clients, and the hub's, hold open to use them again."""
    from labkit.backends.remote.http.tracer import hang_up

    hang_up(keeps)
    if hub := sys.modules.get("huggingface_hub"):
        hub.close_session()


def _standing(first: ConnectionRow, last: ConnectionRow) -> StandingConnection:
    sent, received = (
        None if before is None or after is None else after - before
        for before, after in (
            (first.bytes_sent, last.bytes_sent),
            (first.bytes_received, last.bytes_received),
        )
    )
    return StandingConnection(first.process, *first.remote[:2], sent, received)
