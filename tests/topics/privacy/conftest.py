"""Listeners on the loopback, and whether this kernel gives a network namespace."""

import contextlib
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def listener():
    """A listener that takes whatever comes, reads it, and answers ``hello``."""
    server = socket.create_server(("127.0.0.1", 0), backlog=16)
    connections = []

    def take():
        with contextlib.suppress(OSError):
            while True:
                connection, _ = server.accept()
                connections.append(connection)
                connection.sendall(b"hello")

    threading.Thread(target=take, daemon=True).start()
    yield server.getsockname()
    server.close()
    for connection in connections:
        connection.close()


@pytest.fixture(scope="session")
def namespace():
    """Skips where the kernel forbids network namespaces."""
    command = [
        sys.executable,
        "-m",
        "labkit.topics.privacy.network.network_namespace",
        sys.executable,
        "-c",
        "print('in')",
    ]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if ran.returncode:
        pytest.skip(f"no network namespace here: {ran.stderr.strip()}")
