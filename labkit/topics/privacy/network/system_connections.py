"""The operating system's table of connections, for this process and its children."""

import contextlib
import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import psutil

# Offsets in Linux's struct tcp_info (linux/tcp.h).
_BYTES_SENT = 200  # followed by bytes_retrans
_BYTES_RECEIVED = 128
_LEAST_LENGTH = 216


@dataclass(frozen=True, slots=True)
class ConnectionRow:
    """A connection that the operating system lists.

    Attributes:
        process: ``"this process"``, or a child's name and process id.
        local: the local address and port.
        remote: the remote address and port.
        is_udp: whether it is a connected UDP socket.
        bytes_sent: bytes sent so far, None if unknown.
        bytes_received: bytes received so far, None if unknown.
    """

    process: str
    local: tuple[str, int]
    remote: tuple[str, int]
    is_udp: bool
    bytes_sent: int | None
    bytes_received: int | None

    @property
    def key(self) -> tuple:
        """Identifies the connection."""
        return self.process, self.local, self.remote, self.is_udp


def read_table() -> tuple[ConnectionRow, ...]:
    """Every connection that this process or one of its children opened.

    A connection to a port on which the same process listens was opened by another program.
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
    except psutil.Error:  # it has ended, or access is denied
        return
    listening = {each.laddr.port for each in found if each.status == psutil.CONN_LISTEN}
    for each in found:
        if each.raddr and each.laddr.port not in listening:
            udp = each.type == socket.SOCK_DGRAM
            counts = None, None
            if name == "this process" and not udp and each.fd >= 0:
                counts = _byte_counts(each.fd, tuple(each.raddr))
            yield ConnectionRow(name, tuple(each.laddr), tuple(each.raddr), udp, *counts)


def _byte_counts(descriptor: int, remote: tuple[str, int]) -> tuple[int | None, int | None]:
    """The bytes sent and received over a connection of this process; known only on Linux."""
    if not hasattr(socket, "TCP_INFO") or not os.path.isdir("/proc/self/fd"):
        return None, None
    with contextlib.suppress(OSError):
        # A duplicate descriptor, so that the connection's owner cannot close it meanwhile.
        with socket.socket(fileno=os.dup(descriptor)) as sock:
            info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
            is_same = sock.getpeername()[:2] == remote
        if is_same and len(info) >= _LEAST_LENGTH:  # less from a kernel older than 4.19
            sent, retransmitted = struct.unpack_from("QQ", info, _BYTES_SENT)
            return sent - retransmitted, struct.unpack_from("Q", info, _BYTES_RECEIVED)[0]
    return None, None
