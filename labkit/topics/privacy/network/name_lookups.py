"""Name lookups inside a socket's own methods, reported before they are made.

``connect((name, port))`` looks the name up in C: without an audit event, and before the event of
the connection. While there is a watch, these methods report the lookup first.
"""

import functools
import ipaddress
import socket
import sys
from collections.abc import Callable
from typing import Any

_METHODS = ("connect", "connect_ex", "sendto", "sendmsg", "bind")
_WITHOUT_A_SERVER = ("", "localhost", "<broadcast>")
_replaced: list[tuple[type, str, Any]] = []


def needs_server(host: Any) -> bool:
    """Whether a name server may be asked for a host: not for a number, nor this machine's name.

    >>> needs_server("example.com"), needs_server("127.0.0.1"), needs_server("fe80::1%eth0")
    (True, False, False)
    """
    name = host.decode("ascii", "replace") if isinstance(host, bytes | bytearray) else host
    if not isinstance(name, str) or name in _WITHOUT_A_SERVER:
        return False
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return True
    return False


def report() -> None:
    """Reports the lookups of sockets from now on."""
    for name in _METHODS:
        if hasattr(socket.socket, name):
            _replaced.append((socket.socket, name, vars(socket.socket).get(name)))
            setattr(socket.socket, name, _reporting(getattr(socket.socket, name)))


def end_report() -> None:
    """Gives sockets their own methods back."""
    while _replaced:
        owner, name, own = _replaced.pop()
        if own is None:  # inherited
            delattr(owner, name)
        else:
            setattr(owner, name, own)


def _reporting(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def reporting(sock: socket.socket, *args: Any) -> Any:
        address = args[-1] if args else None
        is_inet = sock.family in (socket.AF_INET, socket.AF_INET6)
        if is_inet and isinstance(address, tuple) and address and needs_server(address[0]):
            sys.audit("socket.getaddrinfo", *address[:2], sock.family, sock.type, sock.proto)
        return method(sock, *args)

    return reporting
