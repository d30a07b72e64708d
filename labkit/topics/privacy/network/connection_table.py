"""The operating system's own table of connections, of this process and its children."""

import contextlib
import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import psutil

_BYTES_SENT = 200  # where Linux's struct tcp_info has bytes_sent, bytes_retrans (linux/tcp.h)
_BYTES_RECEIVED = 128
_LONG_ENOUGH = 216


@dataclass(frozen=True, slots=True)
class ConnectionRow:
    """A connection that the operating system lists.

    Attributes:
        process: ``"this process"``, or a child's name and number.
        local: address and port of this side.
        remote: address and port of the other.
        is_udp: whether it is a UDP socket that was given a fixed other side.
        bytes_sent: payload sent so far, None where it is unknown.
        bytes_received: the same, the other way.
    """

    process: str
    local: tuple[str, int]
    remote: tuple[str, int]
    is_udp: bool
    bytes_sent: int | None
    bytes_received: int | None

    @property
    def key(self) -> tuple:
        """What tells it from every other."""
        return self.process, self.local, self.remote, self.is_udp


def read_table() -> tuple[ConnectionRow, ...]:
    """Every connection of this process and its children that one of them opened.

    A connection to a port at which the same process listens was opened by somebody else.
    """
    me = psutil.Process()
    rows = list(_rows(me, "this process"))
    for child in me.children(recursive=True):
        with contextlib.suppress(psutil.Error):
            rows += _rows(child, f"{child.name()} ({child.pid})")
    return tuple(rows)


def _rows(process: psutil.Process, name: str) -> Iterator[ConnectionRow]:
    try:
        found = process.net_connections(kind="inet")
    except psutil.Error:  # it has ended, or is not ours to look into
        return
    listening = {each.laddr.port for each in found if each.status == psutil.CONN_LISTEN}
    for each in found:
        if each.raddr and each.laddr.port not in listening:
            udp = each.type == socket.SOCK_DGRAM
            sent = None, None
            if name == "this process" and not udp and each.fd >= 0:
                sent = _bytes_of(each.fd, tuple(each.raddr))
            yield ConnectionRow(name, tuple(each.laddr), tuple(each.raddr), udp, *sent)


def _bytes_of(number: int, remote: tuple[str, int]) -> tuple[int | None, int | None]:
    """How much went over a connection of this process; known on Linux alone."""
    if not hasattr(socket, "TCP_INFO") or not os.path.isdir("/proc/self/fd"):
        return None, None
    try:
        # A second handle for a moment, so that the connection's owner cannot take it away.
        with socket.socket(fileno=os.dup(number)) as sock:
            if sock.getpeername()[:2] != remote:
                return None, None
            told = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    except OSError:
        return None, None
    if len(told) < _LONG_ENOUGH:  # a kernel older than 4.19
        return None, None
    sent, again = struct.unpack_from("QQ", told, _BYTES_SENT)
    (received,) = struct.unpack_from("Q", told, _BYTES_RECEIVED)
    return sent - again, received
