"""Attempted connections: by which code, where to, how many bytes, and what remains unseen."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from labkit.formatting import number_of
from labkit.lab_book.entry import BookEntry

# What neither source can show; listed wherever an empty list is shown.
CANNOT_SEE = (
    "a connection of native code, of another Python interpreter in this process, or of a program "
    "that this process starts, which opens and closes between two reads of the system's table",
    "bytes that go after the last read of the system's table; all bytes of a connection that opens "
    "and closes between two reads of it",
    "what another program sends for this one: a proxy, a VPN, a service that was already running",
    "what is sent over a connection that another program opened to this one",
    "sockets within this machine that have no address (unix sockets, pipes)",
    "name lookups of native code, of such an interpreter, or of such a program",
)
# Listed too where connections are refused.
CANNOT_REFUSE = (
    "refusing affects only this process's Python code, no native code, no other program",
    "what was open before stays open, but for the lab's own connections: it is listed with its "
    "traffic, and is not refused",
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempted connection, or one name lookup.

    Attributes:
        kind: ``"connection"``, ``"lookup"`` (at a name server) or ``"datagrams"`` (UDP).
        host: the host name, where there was one.
        address: the IP address, or None for a lookup.
        port: the remote port.
        process: ``"this process"``, or a child's name and process id.
        library: the installed package whose code connected, with file and line; None for other
            code and native code.
        caller: the notebook cell or the file, with its line, that caused it; None if unknown.
        seen_by: ``"audit hook"`` (reported by Python in advance), ``"system table"`` (listed by
            the operating system), or both.
        refused: whether it was stopped in advance.
        bytes_sent: bytes handed to the network, after any encryption; None if unknown. This is the
            last reading: more may have followed.
        bytes_received: bytes that came back, by the same reading.
        elapsed_s: seconds from the start of the watch.
    """

    kind: str
    host: str | None
    address: str | None
    port: int | None
    process: str = "this process"
    library: str | None = None
    caller: str | None = None
    seen_by: str = "audit hook"
    refused: bool = False
    bytes_sent: int | None = None
    bytes_received: int | None = None
    elapsed_s: float = 0.0

    @property
    def is_local(self) -> bool:
        """Whether it stays on this machine; host names are not resolved."""
        return is_loopback(self.address or self.host)

    @property
    def target(self) -> str:
        """Host name, address and port as text."""
        number = f"[{self.address}]" if ":" in (self.address or "") else self.address
        named = f"{self.host} ({number})" if self.host and number else self.host or number
        return f"{named}, port {self.port}" if self.port is not None else f"{named}"


def is_loopback(host: str | None) -> bool:
    """Whether an address is this machine's by its spelling; no name is looked up.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("192.0.2.1")
    (True, True, False)
    """
    try:
        number = ipaddress.ip_address((host or "").partition("%")[0])
    except ValueError:
        return host == "localhost"
    number = getattr(number, "ipv4_mapped", None) or number
    return number.is_loopback or number.is_unspecified  # 0.0.0.0, where to connect is to oneself


@dataclass(frozen=True, slots=True)
class StandingConnection:
    """A connection that was open before a watch began: what is sent over it causes no event.

    Attributes:
        process: ``"this process"``, or a child's name and process id.
        address: the remote IP address.
        port: the remote port.
        bytes_sent: bytes sent during the watch, by its last reading; None if unknown.
        bytes_received: bytes that came back, by the same reading.
    """

    process: str
    address: str
    port: int
    bytes_sent: int | None
    bytes_received: int | None

    @property
    def is_local(self) -> bool:
        """Whether it stays on this machine."""
        return is_loopback(self.address)


@dataclass(frozen=True, slots=True, repr=False)
class NetworkLog:
    """The connections that were attempted during a watch (measured).

    Attributes:
        attempts: the attempts in the order in which they were first seen.
        elapsed_s: the length of the watch in seconds.
        reads: number of times that the operating system's table was read.
        children: names of the programs that this process started meanwhile.
        cannot_see: a list of what may have happened unseen.
        standing: the connections that were open before.
    """

    attempts: tuple[Attempt, ...]
    elapsed_s: float
    reads: int
    children: tuple[str, ...]
    cannot_see: tuple[str, ...] = CANNOT_SEE
    standing: tuple[StandingConnection, ...] = ()

    @property
    def leaving(self) -> tuple[Attempt, ...]:
        """The attempts to leave this machine."""
        return tuple(attempt for attempt in self.attempts if not attempt.is_local)

    @property
    def refused(self) -> tuple[Attempt, ...]:
        """The attempts that were stopped."""
        return tuple(attempt for attempt in self.attempts if attempt.refused)

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """How many connections were tried, led off the machine, and were refused."""
        tried, away, refused = map(_connections, (self.attempts, self.leaving, self.refused))
        return (
            BookEntry("connections_tried", "connections tried", tried),
            BookEntry("connections_away", "connections to other machines", away),
            BookEntry("connections_refused", "connections refused", refused),
        )

    @property
    def summary(self) -> str:
        """The number of attempts, in one line."""
        count, away = _connections(self.attempts), _connections(self.leaving)
        result = f"{count} tried, {away} to other machines" if count else "no connection was tried"
        if lookups := len(self.attempts) - count:
            result += f", {number_of(lookups, 'name')} looked up"
        refused = f", {len(self.refused)} refused" if self.refused else ""
        return (
            f"network: {result}{refused}{self._standing()} in {self.elapsed_s:.1f} s "
            f"(measured: audit hook, and {self.reads} reads of the system's table; "
            "cannot_see lists what they miss)"
        )

    def _standing(self) -> str:
        """The connections off the machine that were open before, and their traffic."""
        away = [each.bytes_sent for each in self.standing if not each.is_local]
        if not away:
            return ""
        known = sum(count or 0 for count in away)
        unknown = f", unknown for {away.count(None)}" if None in away else ""
        return f", {len(away)} off the machine open before ({known:,} bytes sent{unknown})"

    def __repr__(self) -> str:
        rows = [f"  {each.target}, {each.caller or each.process}" for each in self.attempts]
        rows += [f"  open before: {each.address}, port {each.port}" for each in self.standing]
        unseen = [f"  cannot see: {each}" for each in self.cannot_see]
        return "\n".join([self.summary, *rows, *unseen])


def _connections(attempts: Iterable[Attempt]) -> int:
    """How many of them are no lookup of a name."""
    return sum(each.kind != "lookup" for each in attempts)
