"""What tests of servers on the loopback share: ports, requests, and events as bytes."""

import json
import os
import socket
import time
import urllib.error
import urllib.request
from contextlib import suppress

CLIENTS = 30  # that a llama.cpp server has a place for
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
PORTS = iter(range(20_000 + 500 * WORKER, 20_500 + 500 * WORKER))


def free_port():
    """A port that nobody else is given, for a server that wants to be told one.

    llama.cpp's server shares its port with whoever asks for it too, so that a port out of the
    system's own range could be taken twice: these lie below it, another range for each worker.
    """
    for port in PORTS:
        with suppress(OSError), socket.create_server(("127.0.0.1", port), reuse_port=False):
            return port
    raise OSError("no port is free")


def get(url, timeout=10):
    with urllib.request.urlopen(url, timeout=timeout) as answer:
        return answer.read().decode()


def until(test, seconds, pause=0.05):
    """Waits until that is true; False if it never is."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if test():
                return True
        except (OSError, urllib.error.URLError):
            pass
        time.sleep(pause)
    return False


def event(**chunk):
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def piece(text, **more):
    return event(choices=[{"index": 0, "delta": {"content": text}, **more}])


def read_request(connection):
    """The JSON of a request's body; a ConnectionError where the client leaves before its end."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += _more(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
    while len(body) < int(lengths[0].split(b":")[1]):
        body += _more(connection)
    return json.loads(body)


def _more(connection):
    """What comes next: nothing, at once and again and again, once the other side has left."""
    if came := connection.recv(65536):
        return came
    raise ConnectionResetError("the client left before its request was whole")
