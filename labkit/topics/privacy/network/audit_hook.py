"""Python's audit events, which report every connection of Python code before it is made.

An audit hook cannot be removed, so the process has only one, set at the first watch, which does
nothing while there is no watch. An exception in it stops the connection.

Source: docs.python.org, "Audit events table"; PEP 578.
"""

import errno
import ipaddress
import os
import socket
import sys
import sysconfig
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from .connection_log import Attempt, is_loopback

_STDLIB = tuple({sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib")})
_SITE = tuple({sysconfig.get_path(name) + os.sep for name in ("purelib", "platlib")})
_HERE = str(Path(__file__).parent) + os.sep
_LAB = str(Path(__file__).parents[3]) + os.sep
_ROOT = str(Path(__file__).resolve().parents[4]) + os.sep
REFUSED = "labkit refused this connection: the network is switched off here"


Listener = Callable[[Attempt], bool]  # returns whether to refuse
_listeners: list[tuple[Listener, Callable[[str], None]]] = []
_installed = threading.Lock()
_last_lookup = threading.local()  # the last name that this thread looked up, and its port
_is_set = False


def listen(listener: Listener, on_child: Callable[[str], None]) -> Callable[[], None]:
    """Calls the listeners from now on; returns a function that ends it."""
    global _is_set
    with _installed:
        if not _is_set:
            sys.addaudithook(_hook)
            _is_set = True
    both = listener, on_child
    _listeners.append(both)
    return partial(_listeners.remove, both)


# Events of a program's start, and the program's name; None: the first argument is its path.
_PROGRAMS = {
    "subprocess.Popen": None,
    "os.posix_spawn": None,
    "os.exec": None,
    "os.system": "a shell",
    "os.fork": "a copy of this process",
    "os.forkpty": "a copy of this process",
}


def _hook(name: str, args: tuple) -> None:
    if not _listeners:
        return
    if name.startswith("socket."):
        read = _READERS.get(name)
        if read and (event := read(*args)) and any([refuses(event) for refuses, _ in _listeners]):
            raise _refusal(event)
    elif name in _PROGRAMS:
        for _, on_child in _listeners:
            on_child(_PROGRAMS[name] or Path(str(args[0])).name)


def _refusal(event: Attempt) -> OSError:
    """An error that libraries know how to handle."""
    if event.kind == "lookup":
        return socket.gaierror(socket.EAI_FAIL, REFUSED)
    return ConnectionRefusedError(errno.ECONNREFUSED, REFUSED)


def _on_connect(sock: socket.socket, address: Any, kind: str = "connection") -> Attempt | None:
    """None for sockets without an address, and for the socket pairs of Windows."""
    if not isinstance(address, tuple) or "socketpair" in sys._getframe(2).f_code.co_name:
        return None
    number, port = str(address[0]), address[1]
    name, name_port = getattr(_last_lookup, "name", (None, None))
    host = name if name_port == port and name != number else None
    return Attempt(kind, host, number, port, **_callers())


def _on_lookup(host: Any, port: Any = None, *more: Any) -> Attempt | None:
    """None where no name server is needed: a number, an empty name, this machine's own name."""
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    port = int(port) if str(port).isdecimal() else None
    _last_lookup.name = (name, port)
    if not name or name == "localhost" or _is_number(name):
        return None
    return Attempt("lookup", name, None, port, **_callers())


def _on_send(sock: socket.socket, address: Any) -> Attempt | None:
    return _on_connect(sock, address, "datagrams") if address else None


def _on_reverse(address: Any) -> Attempt | None:
    """A lookup of the name of a number; None for this machine's own."""
    number = str(address[0] if isinstance(address, tuple) else address)
    return None if is_loopback(number) else Attempt("lookup", number, None, None, **_callers())


_READERS: dict[str, Callable[..., Attempt | None]] = {
    "socket.connect": _on_connect,
    "socket.sendto": _on_send,
    "socket.sendmsg": _on_send,
    "socket.getaddrinfo": _on_lookup,
    "socket.gethostbyname": _on_lookup,
    "socket.gethostbyaddr": _on_reverse,
    "socket.getnameinfo": _on_reverse,
}


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _callers() -> dict[str, str | None]:
    """The innermost package that connects, and the outermost code outside of all packages.

    Anything further out, such as the notebook's kernel, only runs that code. The lab's own code
    counts only where there is no other, as in one of its threads.
    """
    library = caller = lab = None
    frame = sys._getframe(3)
    while frame:
        file = frame.f_code.co_filename
        if file.startswith(_SITE):
            if not (library or caller or lab):
                library = _package_line(file, frame.f_lineno)
        elif not file.startswith((*_STDLIB, _HERE, "<")):
            line = _source_line(file, frame.f_lineno)
            lab, caller = (line, caller) if file.startswith(_LAB) else (lab, line)
        frame = frame.f_back
    return {"library": library, "caller": caller or lab}


def _package_line(file: str, line: int) -> str:
    inside = next(file[len(site) :] for site in _SITE if file.startswith(site))
    return f"{Path(inside).as_posix()}, line {line}"


def _source_line(file: str, line: int) -> str:
    """A notebook cell by its number, any other file by its name."""
    if ipython := sys.modules.get("IPython"):
        shell = ipython.get_ipython()
        if cell := shell and shell.compile.format_code_name(file):
            return f"notebook cell {cell[1].removeprefix('In')}, line {line}"
    name = file.removeprefix(_ROOT) if file.startswith(_ROOT) else Path(file).name
    return f"{name}, line {line}"
