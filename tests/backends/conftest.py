"""Real servers on the loopback, started once, and one that fails in the middle of an answer."""

import contextlib
import json
import socket
import threading
import time
import urllib.error
import urllib.request

import pytest

from labkit.backends.servers import Server

CLIENTS = 30


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


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


@pytest.fixture(scope="session")
def gguf_file(smollm2):
    return smollm2.gguf_file


@pytest.fixture(scope="session")
def llama_server(gguf_file):
    """llama.cpp's own server, with a place for each of `CLIENTS`."""
    xllamacpp = pytest.importorskip("xllamacpp", reason="pip install 'labkit[llamacpp]'")
    from labkit.models.machine import inspect_machine

    parameters = xllamacpp.CommonParams()
    parameters.model.path, parameters.model_alias = str(gguf_file), {"smollm2"}
    parameters.n_ctx, parameters.n_parallel, parameters.verbosity = 512 * CLIENTS, CLIENTS, 0
    cores = inspect_machine().cores
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = cores
    parameters.n_threads_http = CLIENTS + 2
    parameters.hostnames, parameters.port = ["127.0.0.1"], free_port()
    parameters.endpoint_metrics = True
    server = xllamacpp.Server(parameters)  # stops when nothing refers to it any more
    yield Server("llama.cpp", server.listening_address, ("smollm2",))
    del server


def event(**chunk):
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def piece(text, **more):
    return event(choices=[{"index": 0, "delta": {"content": text}, **more}])


@pytest.fixture
def scripted():
    """``scripted(*parts)`` listens, and answers one request with these bytes, then hangs up.

    A number among the parts is a pause in seconds.
    """
    listeners = []

    def listen(*parts, head=b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"):
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        asked = []

        def serve():
            connection, _ = listener.accept()
            with connection, contextlib.suppress(ConnectionError):  # hung up on
                asked.append(read_request(connection))
                for part in (head, *parts):
                    time.sleep(part) if isinstance(part, int | float) else connection.sendall(part)

        threading.Thread(target=serve, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}", asked

    yield listen
    for listener in listeners:
        listener.close()


def read_request(connection):
    """The JSON of a request's body."""
    told = b""
    while b"\r\n\r\n" not in told:
        told += connection.recv(65536)
    head, _, body = told.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
    while len(body) < int(lengths[0].split(b":")[1]):
        body += connection.recv(65536)
    return json.loads(body)
