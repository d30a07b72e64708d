"""The tokenizers that a class shares, in a process of their own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

SERVE = """
from labkit.classroom.tokenizer_server import open_server
server = open_server(0)
print("http://127.0.0.1:%d" % server.server_address[1], flush=True)
server.serve_forever()
"""


@contextmanager
def serving_tokenizers() -> Iterator[str]:
    """Gives their address, and ends them afterwards."""
    with subprocess.Popen([sys.executable, "-c", SERVE], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            yield process.stdout.readline().decode().strip()
        finally:
            process.terminate()
