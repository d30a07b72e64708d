"""`watch_network`: every connection that this process and its children try, and refusing them."""

import threading
import time
from dataclasses import replace

from . import audit_hook
from .connection_log import CANNOT_HOLD, CANNOT_SEE, Attempt, NetworkLog, is_loopback
from .connection_table import ConnectionRow, read_table

LOOK_S = 0.05


def watch_network(*, refuse: bool = False) -> "NetworkWatch":
    """Records every connection that is tried inside its ``with``.

    Two ways of looking are put together. Python's audit hook tells of each connection of Python
    code before it happens, and can stop it. The operating system's table, read every
    `LOOK_S` seconds, lists those of native code and of child processes too, while they stand.

    Args:
        refuse: stop each connection of this process's Python code, those to its own loopback too;
            the library that tried sees an error as if nobody had answered. Native code and child
            processes are not held: `run_offline` does that.
    Returns:
        A context manager; its ``log`` is a `NetworkLog`, during the watch and after it.
    """
    return NetworkWatch(refuse=refuse)


class NetworkWatch:
    """A watch over the network; see `watch_network`.

    Attributes:
        refuse: whether connections are refused.
        loopback: whether those to this machine's own loopback are let through even so.
    """

    def __init__(self, *, refuse: bool, loopback: bool = False):
        if not isinstance(refuse, bool):
            raise ValueError(f"refuse must be True or False; got {refuse!r}")
        self.refuse, self.loopback = refuse, loopback
        self._attempts: list[Attempt] = []
        self._rows: dict[tuple, int] = {}  # a row of the table: its place among the attempts
        self._before: set[tuple] = set()
        self._children: list[str] = []
        self._lock, self._done = threading.Lock(), threading.ConnectionEvent()
        self._looks, self._began, self._ended = 0, None, None

    def __enter__(self) -> "NetworkWatch":
        if self._began is not None:
            raise ValueError("a watch is for one 'with'; make another: labkit.watch_network()")
        self._began = time.perf_counter()
        self._before = {row.key for row in read_table()}
        self._stop = audit_hook.listen(self._on_event, self._children.append)
        self._looker = threading.Thread(target=self._look_again, daemon=True)
        self._looker.start()
        return self

    def __exit__(self, *error) -> None:
        self._stop()
        self._done.set()
        self._looker.join()
        self._look()
        self._ended = time.perf_counter()

    @property
    def log(self) -> NetworkLog:
        """What was seen so far."""
        end = self._ended or time.perf_counter()
        with self._lock:
            return NetworkLog(
                tuple(self._attempts),
                end - (self._began or end),
                self._looks,
                tuple(self._children),
                (*CANNOT_SEE, CANNOT_HOLD) if self.refuse else CANNOT_SEE,
            )

    @property
    def summary(self) -> str:
        """See `NetworkLog`."""
        return self.log.summary

    def __repr__(self) -> str:
        return repr(self.log)

    def _on_event(self, event: audit_hook.ConnectionEvent) -> bool:
        refused = self.refuse and not (self.loopback and is_loopback(event.address or event.host))
        attempt = Attempt(
            event.what,
            event.host,
            event.address,
            event.port,
            "this process",
            event.library,
            event.caller,
            "audit hook",
            refused,
            None,
            None,
            time.perf_counter() - self._began,
        )
        with self._lock:
            if not self._is_more_of_the_same(attempt):
                self._attempts.append(attempt)
        return refused

    def _is_more_of_the_same(self, attempt: Attempt) -> bool:
        """Datagrams to one place are one attempt, however many there are."""
        return attempt.what == "datagrams" and any(
            (each.what, each.address, each.port) == ("datagrams", attempt.address, attempt.port)
            for each in self._attempts
        )

    def _look_again(self) -> None:
        while not self._done.wait(LOOK_S):
            self._look()

    def _look(self) -> None:
        rows = read_table()
        with self._lock:
            self._looks += 1
            for row in rows:
                if row.key not in self._before:
                    self._take(row)

    def _take(self, row: ConnectionRow) -> None:
        """A row of the table: more about an attempt that is known, or one that nobody told of."""
        place = self._rows.get(row.key)
        if place is None:
            place = self._rows[row.key] = self._place_of(row)
        known = self._attempts[place]
        if row.bytes_sent is not None:
            known = replace(known, bytes_sent=row.bytes_sent, bytes_received=row.bytes_received)
        self._attempts[place] = known

    def _place_of(self, row: ConnectionRow) -> int:
        taken = set(self._rows.values())
        for place, each in enumerate(self._attempts):
            same = (each.address, each.port, each.process) == (*row.remote[:2], row.process)
            if same and place not in taken:
                self._attempts[place] = replace(each, seen_by="audit hook and system table")
                return place
        what = "datagrams" if row.is_udp else "connection"
        elapsed_s = time.perf_counter() - self._began
        self._attempts.append(
            Attempt(
                what, None, *row.remote[:2], row.process, None, None, "system table", False,
                None, None, elapsed_s,
            )
        )  # fmt: skip
        return len(self._attempts) - 1
