"""Connections that were tried: by whom, to where, how much, and what a look cannot show."""

import ipaddress
from dataclasses import dataclass

# What neither way of looking sees; said wherever an empty list is shown.
CANNOT_SEE = (
    "a connection of native code, or of another program that this one starts, which opens and "
    "closes between two looks at the system's table",
    "what another program sends for this one: a proxy, a VPN, a service that ran before",
    "sockets within this machine that have no address (unix sockets, pipes)",
    "name lookups that native code or such a program makes",
)
# Said too where connections are refused.
CANNOT_HOLD = "refusing holds this process's Python code, no native code and no other program"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One connection that was tried, or one name that was looked up.

    Attributes:
        what: ``"connection"``, ``"lookup"`` (a name server is asked for a number) or
            ``"datagrams"`` (UDP).
        host: the name that was asked for, where there was one.
        address: the number, or None for a lookup.
        port: of the other side.
        process: ``"this process"``, or a child's name and number.
        library: the installed package whose code connected, with file and line; None where it was
            none, or native code.
        asked_by: the notebook cell or the file, with its line, that set it going; None if unknown.
        seen_by: ``"audit hook"`` (Python told before it happened), ``"system table"`` (the
            operating system lists it), or both.
        refused: whether it was stopped before it happened.
        bytes_sent: payload handed to the network, before which encryption may stand; None where
            it is unknown. As last seen: more may have followed.
        bytes_received: the same, the other way.
        elapsed_s: seconds from the beginning of the watch.
    """

    what: str
    host: str | None
    address: str | None
    port: int | None
    process: str
    library: str | None
    caller: str | None
    seen_by: str
    refused: bool
    bytes_sent: int | None
    bytes_received: int | None
    elapsed_s: float

    @property
    def is_local(self) -> bool:
        """Whether it stays on this machine; what a name stands for is not guessed."""
        return is_loopback(self.address or self.host)

    @property
    def target(self) -> str:
        """Where it went, for a sentence."""
        number = f"[{self.address}]" if ":" in (self.address or "") else self.address
        named = f"{self.host} ({number})" if self.host and number else self.host or number
        return f"{named}, port {self.port}" if self.port is not None else f"{named}"


def is_loopback(host: str | None) -> bool:
    """Whether an address is on this machine by its very spelling; no name is looked up.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("192.0.2.1")
    (True, True, False)
    """
    try:
        number = ipaddress.ip_address((host or "").partition("%")[0])
    except ValueError:
        return host == "localhost"
    number = getattr(number, "ipv4_mapped", None) or number
    return number.is_loopback


@dataclass(frozen=True, slots=True, repr=False)
class NetworkLog:
    """What was tried over the network while it was watched (measured).

    Attributes:
        attempts: in the order in which they were first seen.
        elapsed_s: how long was watched, in seconds.
        looks: how often the operating system's table was read.
        children: names of the programs that this process started meanwhile.
        cannot_see: what may have happened all the same.
    """

    attempts: tuple[Attempt, ...]
    elapsed_s: float
    looks: int
    children: tuple[str, ...]
    cannot_see: tuple[str, ...] = CANNOT_SEE

    @property
    def leaving(self) -> tuple[Attempt, ...]:
        """Those that would leave this machine."""
        return tuple(attempt for attempt in self.attempts if not attempt.is_local)

    @property
    def refused(self) -> tuple[Attempt, ...]:
        """Those that were stopped."""
        return tuple(attempt for attempt in self.attempts if attempt.refused)

    @property
    def summary(self) -> str:
        """How many connections were tried, in a line."""
        count, away = len(self.attempts), len(self.leaving)
        told = "no connection was tried" if not count else f"{count} tried, {away} off the machine"
        refused = f", {len(self.refused)} refused" if self.refused else ""
        return (
            f"network: {told}{refused} in {self.elapsed_s:.1f} s "
            f"(measured: audit hook, and {self.looks} looks at the system's table)"
        )

    def __repr__(self) -> str:
        rows = [f"  {each.target}, {each.caller or each.process}" for each in self.attempts]
        return "\n".join([self.summary, *rows])
