"""Real servers on the loopback, one of them to be killed; and servers that wait for each other."""

import json
import os
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import labkit

LLAMA = """
import sys, time, xllamacpp
parameters = xllamacpp.CommonParams()
parameters.model.path, parameters.model_alias = sys.argv[1], {"smollm2"}
parameters.n_ctx, parameters.n_parallel, parameters.verbosity = 2048, 2, 0
parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
parameters.hostnames, parameters.port = ["127.0.0.1"], int(sys.argv[2])
server = xllamacpp.Server(parameters)
print(server.listening_address, flush=True)
time.sleep(3600)
"""


@pytest.fixture(scope="session")
def local(smollm2):
    """The real model in llama.cpp, in this process."""
    pytest.importorskip("xllamacpp", reason="pip install 'labkit[llamacpp]'")
    model = labkit.load_llamacpp(smollm2.gguf_file, threads=1)
    yield model
    model.close()


@pytest.fixture
def llama_process(smollm2):
    """llama.cpp's own server in a process of its own, which a test may kill."""
    pytest.importorskip("xllamacpp", reason="pip install 'labkit[llamacpp]'")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-c", LLAMA, str(smollm2.gguf_file), str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ))
    address = process.stdout.readline().strip()
    assert address, "llama.cpp's server did not start"
    yield process, labkit.connect(address, "smollm2", kind="llama.cpp")
    process.kill()
    process.wait(20)


class Relay:
    """Real HTTP servers that speak OpenAI's API and write their words only in turn.

    The first writes its second word when the second has written its first, and so on: a caller
    that asks them one after the other waits forever. With `automatic` False, a test sets the turn.
    """

    def __init__(self, words, patience_s=30):
        self.words, self.patience_s = words, patience_s
        self.turn, self.moved, self.automatic = 0, threading.Condition(), True
        self.asked = []
        self.servers = []

    def wait_for(self, turn):
        with self.moved:
            return self.moved.wait_for(lambda: self.turn == turn, self.patience_s)

    def next(self):
        with self.moved:
            self.turn += 1
            self.moved.notify_all()

    def backend(self, number, of):
        relay = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                relay.asked.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.end_headers()
                for index, word in enumerate(relay.words):
                    if not relay.wait_for(index * of + number):
                        return
                    self.send({"delta": {"content": f"{word}{number} "}})
                    if relay.automatic:
                        relay.next()
                self.send({"delta": {}, "finish_reason": "stop"})

            def send(self, choice):
                chunk = {"choices": [{"index": 0, **choice}]}
                self.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
                self.wfile.flush()

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        self.servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        model = labkit.connect(address, f"m{number}", kind="OpenAI-compatible")
        model.policy = None  # of a server of no known kind it is "ask"; this one passes nothing on
        return model


@pytest.fixture
def make_relay():
    """``make_relay(words, patience_s)``; its servers are stopped at the end."""
    relays = []

    def make(*words, patience_s=30):
        relays.append(Relay(words, patience_s))
        return relays[-1]

    yield make
    for relay in relays:
        for server in relay.servers:
            server.shutdown()
            server.server_close()
