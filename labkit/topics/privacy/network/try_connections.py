"""Tries to connect by three methods, and prints the result of each as JSON.

    python -m labkit.topics.privacy.network.try_connections ADDRESS PORT [ADDRESS PORT …]

The methods are Python's socket, Python in a child process, and the C library called directly,
which no audit hook of Python sees. Uses only the standard library.
"""

import ctypes
import json
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Callable

from labkit.backends.prompts import check_text
from labkit.checks import check_whole

CONNECTED = "connected"
TIMEOUT_S = 5
_MODULE = "labkit.topics.privacy.network.try_connections"


def try_connection(address: str, port: int) -> str:
    """Tries to connect with Python's socket module, and sends nothing.

    Args:
        address: a host name or an IP address.
        port: the port.
    Returns:
        ``"connected"``, or the system's error message.
    """
    check_text(address, "address")
    check_whole("port", port, 0, 65535)
    try:
        socket.create_connection((address, port), TIMEOUT_S).close()
    except OSError as error:
        return error.strerror or str(error)
    except UnicodeError:  # of the encoding of names
        return "no name of a machine has this form"
    return CONNECTED


def _by_child_process(address: str, port: int) -> str:
    code = f"from {_MODULE} import try_connection; print(try_connection({address!r}, {port}))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return ran.stdout.strip() or ran.stderr.strip().splitlines()[-1]


def _by_c_library(address: str, port: int) -> str:
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
    "a child process": _by_child_process,
    "a native library (the C library's connect)": _by_c_library,
}


def main(targets: list[str]) -> None:
    """Tries each target by each method."""
    pairs = list(zip(targets[::2], map(int, targets[1::2]), strict=True))
    results = {name: [connect(*pair) for pair in pairs] for name, connect in METHODS.items()}
    print(json.dumps(results))


if __name__ == "__main__":
    main(sys.argv[1:])
