"""Real servers on the loopback, started once, and one that fails in the middle of an answer."""

import contextlib
import io
import logging
import socket
import threading
import time

import pytest

from labkit.backends.remote import api_keys
from labkit.backends.remote.discovery import Server

from .loopback import CLIENTS, free_port, read_request
from .tls_server import Planted, Proxy, SecureServer


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


@pytest.fixture
def planted(tmp_path, capfd, monkeypatch):
    """A key; after the test it is searched for in all that was printed, logged, told and kept."""
    monkeypatch.setattr(api_keys, "_entered", {})
    monkeypatch.setattr(api_keys, "_given", [])
    logged, root = io.StringIO(), logging.getLogger()
    handler = logging.StreamHandler(logged)
    monkeypatch.setattr(root, "level", logging.DEBUG)
    root.addHandler(handler)
    planted = Planted()
    yield planted
    root.removeHandler(handler)
    planted.check(logged.getvalue(), *capfd.readouterr(), folder=tmp_path)


@pytest.fixture
def provider(planted, tmp_path, monkeypatch):
    """``provider(name, host=…)``: a server with TLS that our client trusts, and the planted key."""
    servers = []

    def start(name="openai", **options):
        from labkit.backends.cloud.providers import PROVIDERS

        server = SecureServer(**options)
        servers.append(server)
        bundle = tmp_path / "authority.pem"
        server.authority.cert_pem.write_to_path(bundle, append=True)
        monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
        monkeypatch.setenv(PROVIDERS[name].key_names[0], planted.key)
        return server

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def proxy(monkeypatch):
    """``proxy(port, refusal)`` is a real one: it leads every CONNECT to that port, or refuses."""
    running = []

    def start(port, refusal=None):
        running.append(Proxy(port, refusal))
        own = f"127.0.0.1:{running[-1].port}"
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:its-own-password@{own}")
        monkeypatch.setenv("NO_PROXY", "")
        return own, running[-1].asked

    yield start
    for each in running:
        each.close()
