"""A real HTTP server with OpenAI's API that refuses as many requests as a test wants."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import labkit


class BusyServer:
    """Answers each prompt with its own words, and records the prompts and their times.

    Args:
        refusals: the first responses: a status and headers each. After them it answers.
        gate: an answer waits for this event …
        free: … once so many were given.
    """

    def __init__(self, refusals=(), *, gate=None, free=0, name="busy"):
        self.asked, self.concurrent, self.most_concurrent = [], 0, 0
        self._refusals, self._gate, self._free, self.given = list(refusals), gate, free, 0
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                outer._answer(self)

            def log_message(self, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{self._server.server_port}/v1"
        self.model = labkit.connect(address, name, kind="OpenAI-compatible", api_key="none")
        self.model.policy = None  # it passes nothing on

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._server.shutdown()
        self._server.server_close()

    @property
    def prompts(self):
        """The prompts it received, refused or not."""
        return [prompt for prompt, _ in self.asked]

    def _next_refusal(self, prompt):
        with self._lock:
            self.asked.append((prompt, time.monotonic()))
            return self._refusals.pop(0) if self._refusals else None

    def _answer(self, request):
        body = json.loads(request.rfile.read(int(request.headers["Content-Length"])))
        prompt = body["messages"][-1]["content"]
        refusal = self._next_refusal(prompt)
        if refusal:
            self._refuse(request, *refusal)
            return
        with self._lock:
            self.concurrent += 1
            self.most_concurrent = max(self.most_concurrent, self.concurrent)
            self.given += 1
            waits = self._gate and self.given > self._free
        if waits:
            self._gate.wait(30)
        self._write(request, f"You asked: {prompt}", body)
        with self._lock:
            self.concurrent -= 1

    def _refuse(self, request, status, headers):
        body = json.dumps({"error": {"message": "slow down"}}).encode()
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def _write(self, request, text, body):
        request.send_response(200)
        request.send_header("Content-Type", "text/event-stream")
        request.end_headers()
        chunks = [{"delta": {"content": word + " "}} for word in text.split()]
        usage = {"prompt_tokens": 7, "completion_tokens": len(chunks)}
        events = [{"choices": [{"index": 0, **chunk}]} for chunk in chunks]
        events += [
            {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
            {"choices": [], "usage": usage},
        ]
        for event in events:
            request.wfile.write(b"data: " + json.dumps(event).encode() + b"\n\n")
        request.wfile.write(b"data: [DONE]\n\n")
