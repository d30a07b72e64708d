"""Tries to connect in three ways, and prints what came of each as JSON.

    python -m labkit.topics.privacy.network.connection_probe ADDRESS PORT [ADDRESS PORT …]

Python's own socket, Python in a child process, and the C library called directly, which no audit
hook of Python hears of. Standard library alone.
"""

import ctypes
import json
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Callable

CONNECTED = "connected"
TIMEOUT_S = 5


def try_connection(address: str, port: int) -> str:
    """Through Python's socket module."""
    try:
        socket.create_connection((address, port), TIMEOUT_S).close()
    except OSError as error:
        return error.strerror or str(error)
    return CONNECTED


def by_child(address: str, port: int) -> str:
    """Through a child process of its own."""
    code = f"from labkit.privacy import tries; print(tries.by_python({address!r}, {port}))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return told.stdout.strip() or told.stderr.strip().splitlines()[-1]


def by_native(address: str, port: int) -> str:
    """Through the C library's ``connect``, past Python."""
    libc = ctypes.CDLL(None, use_errno=True)
    number = libc.socket(socket.AF_INET, socket.SOCK_STREAM, 0)
    try:
        name = struct.pack("=H", socket.AF_INET) + struct.pack("!H", port)
        name += socket.inet_aton(address) + bytes(8)
        failed = libc.connect(number, name, len(name))
        return os.strerror(ctypes.get_errno()) if failed else CONNECTED
    finally:
        libc.close(number)


METHODS: dict[str, Callable[[str, int], str]] = {
    "Python's socket": try_connection,
    "a child process": by_child,
    "a native library (the C library's connect)": by_native,
}


def main(targets: list[str]) -> None:
    """Each way to each target."""
    pairs = list(zip(targets[::2], map(int, targets[1::2]), strict=True))
    told = {probe: [connect(*pair) for pair in pairs] for probe, connect in METHODS.items()}
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1:])
