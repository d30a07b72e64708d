"""The tokenizers that a class shares, so that not each of thirty kernels holds all nine.

``python -m labkit.classroom.tokenizer_server FOLDER`` is the one of that class; a port in the
folder's place makes one for kernels that have the address in ``LABKIT_TOKENIZERS``. It answers on
the loopback: ``GET /NAME`` gives a tokenizer's vocabulary, ``POST /NAME`` calls a method of it (see
`labkit.models.tokenizers.shared`).
"""

import functools
import json
import sys
import threading
from collections import defaultdict
from http.server import BaseHTTPRequestHandler

from labkit.errors import LabError
from labkit.models.tokenizers.catalogue import TOKENIZERS
from labkit.models.tokenizers.open import open_here
from labkit.models.tokenizers.shared import LARGEST, METHODS, pack

from .bounded_server import BoundedServer
from .settings import read_settings

PATIENCE_S = 60  # that a question may take to come
_locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)


def open_server(port: int) -> BoundedServer:
    """The server, which answers in ``serve_forever``."""
    return BoundedServer(("127.0.0.1", port), _TokenizerHandler)


@functools.cache
def _vocabulary(name: str) -> bytes:
    return pack(open_here(name))


def _call(name: str, question: bytes) -> bytes:
    asked = json.loads(question)
    if asked["method"] not in METHODS:
        raise ValueError(f"method must be one of {METHODS}; got {asked['method']!r}")
    method = getattr(open_here(name), asked["method"])
    return json.dumps(method(*asked["arguments"], **asked["named"])).encode()


class _TokenizerHandler(BaseHTTPRequestHandler):
    timeout = PATIENCE_S

    def do_GET(self):
        """A tokenizer's vocabulary."""
        self._answer(_vocabulary)

    def do_POST(self):
        """What one of its methods gives."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > LARGEST:  # no kernel of the lab's asks so
            self.close_connection = True
            return self.send_error(413)
        question = self.rfile.read(int(length))
        self._answer(lambda name: _call(name, question))

    def _answer(self, compute):
        name = self.path.removeprefix("/")
        if name not in TOKENIZERS:
            return self._send(404, f"The class shares no tokenizer {name!r}.")
        try:
            with _locks[name]:  # tokenizers' settings change from call to call
                content = compute(name)
        except LabError as error:
            return self._send(400, str(error))
        except Exception as error:
            return self._send(400, f"The shared tokenizers cannot do that: {error}")
        self._send(200, content)

    def _send(self, status: int, content: bytes | str):
        content = content.encode() if isinstance(content, str) else content
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format, *args):
        """Nobody reads along."""


if __name__ == "__main__":
    where = sys.argv[1]
    port = int(where) if where.isdecimal() else read_settings(where).tokenizer_port
    open_server(port).serve_forever()
