"""Python's audit events, which report every connection of Python code before it is made.

An audit hook cannot be removed, so the process has only one, set at the first watch, which does
nothing while there is no watch. An exception in it stops the connection.

Source: docs.python.org, "Audit events table"; PEP 578.
"""

import errno
import os
import socket
import sys
import sysconfig
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from . import name_lookups
from .connection_log import Attempt, is_loopback

_STDLIB = tuple({sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib")})
_SITE = tuple({sysconfig.get_path(name) + os.sep for name in ("purelib", "platlib")})
_HERE = str(Path(__file__).parent) + os.sep
_LAB = str(Path(__file__).parents[3]) + os.sep
_ROOT = str(Path(__file__).resolve().parents[4]) + os.sep
INTERPRETER = "another Python interpreter in this process"
REFUSED = "labkit refused this connection: the network is switched off here"


Listener = Callable[[Attempt], bool]  # returns whether to refuse
_listeners: list[tuple[Listener, Callable[[str], bool]]] = []
_changing = threading.Lock()
_last_lookup = threading.local()  # the last name that this thread looked up, and its port
_is_set = False


def listen(listener: Listener, on_program: Callable[[str], bool]) -> Callable[[], None]:
    """Calls the listeners from now on; returns a function that ends it.

    Args:
        listener: called with each attempt.
        on_program: called with the name of each program, and of each further Python interpreter in
            this process, which has no audit hook; returns whether to refuse the latter.
    """
    global _is_set
    both = listener, on_program
    with _changing:
        if not _is_set:
            sys.addaudithook(_hook)
            _is_set = True
        if not _listeners:
            name_lookups.report()
        _listeners.append(both)
    return partial(_end, both)


def _end(both: tuple[Listener, Callable[[str], bool]]) -> None:
    with _changing:
        _listeners.remove(both)
        if not _listeners:
            name_lookups.end_report()


# Events of a program's start, and the program's name; None: the first argument is its path.
_PROGRAMS = {
    "subprocess.Popen": None,
    "os.posix_spawn": None,
    "os.exec": None,
    "os.system": "a shell",
    "os.fork": "a copy of this process",
    "os.forkpty": "a copy of this process",
}
_INTERPRETER = "cpython.PyInterpreterState_New"
# The functions that connect a pair of sockets over the loopback, on Windows.
_PAIRS = [
    pair.__code__
    for name in ("socketpair", "_fallback_socketpair")
    if hasattr(pair := getattr(socket, name, None), "__code__")
]


def _hook(name: str, args: tuple) -> None:
    if not _listeners:
        return
    if name.startswith("socket."):
        read = _READERS.get(name)
        if read and (event := read(*args)) and any([refuses(event) for refuses, _ in _listeners]):
            raise _refusal(event)
    elif name in _PROGRAMS:
        for _, on_program in _listeners:
            on_program(_PROGRAMS[name] or Path(str(args[0])).name)
    elif name == _INTERPRETER and any([refuses(INTERPRETER) for _, refuses in _listeners]):
        raise PermissionError(errno.EACCES, REFUSED)


def _refusal(event: Attempt) -> OSError:
    """An error that libraries know how to handle."""
    if event.kind == "lookup":
        _last_lookup.name = (None, None)  # whatever is connected to next, it is not its address
        return socket.gaierror(socket.EAI_FAIL, REFUSED)
    return ConnectionRefusedError(errno.ECONNREFUSED, REFUSED)


def _on_connect(sock: socket.socket, address: Any, kind: str = "connection") -> Attempt | None:
    """None for sockets without an address, and for the socket pairs of Windows."""
    if not isinstance(address, tuple):
        return None
    address = tuple(map(_plain, tuple.__iter__(address)))
    if _is_pair(address):
        return None
    number, port = str(address[0]), address[1]
    if name_lookups.needs_server(address[0]) or number == "localhost":
        return Attempt(kind, number, None, port, **_callers())
    name, name_port = getattr(_last_lookup, "name", (None, None))
    host = name if name_port == port and name != number else None
    return Attempt(kind, host, number, port, **_callers())


def _plain(value: Any) -> Any:
    """What the system reads of a value, whatever a class of its own says."""
    return str.__str__(value) if isinstance(value, str) else value


def _is_pair(address: tuple) -> bool:
    frame = sys._getframe(3)
    while frame and frame.f_code.co_filename.startswith(_HERE):
        frame = frame.f_back
    is_own = frame and any(frame.f_code is code for code in _PAIRS)
    return bool(is_own) and is_loopback(str(address[0]))


def _on_lookup(host: Any, port: Any = None, *more: Any) -> Attempt | None:
    """None where no name server is needed: a number, an empty name, this machine's own name."""
    name = host.decode("ascii", "replace") if isinstance(host, bytes | bytearray) else host
    port = int(port) if str(port).isdecimal() else None
    _last_lookup.name = (name, port)
    if not name_lookups.needs_server(name):
        return None
    return Attempt("lookup", name, None, port, **_callers())


def _on_send(sock: socket.socket, address: Any) -> Attempt | None:
    return _on_connect(sock, address, "datagrams") if address else None


def _on_bind(sock: socket.socket, address: Any) -> Attempt | None:
    """A packet socket sends without any further event; None for all others."""
    is_packet = sock.family == getattr(socket, "AF_PACKET", None)
    return _on_connect(sock, address, "datagrams") if is_packet else None


def _on_reverse(address: Any) -> Attempt | None:
    """A lookup of the name of a number; None for this machine's own."""
    number = str(address[0] if isinstance(address, tuple) else address)
    return None if is_loopback(number) else Attempt("lookup", number, None, None, **_callers())


_READERS: dict[str, Callable[..., Attempt | None]] = {
    "socket.connect": _on_connect,
    "socket.bind": _on_bind,
    "socket.sendto": _on_send,
    "socket.sendmsg": _on_send,
    "socket.getaddrinfo": _on_lookup,
    "socket.gethostbyname": _on_lookup,
    "socket.gethostbyaddr": _on_reverse,
    "socket.getnameinfo": _on_reverse,
}


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
