"""The tokenizers that a class shares, in a process of their own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from labkit.classroom.settings import free_port


@contextmanager
def serving_tokenizers() -> Iterator[str]:
    """Gives their address, and ends them afterwards; a kernel waits until they are there."""
    port = free_port()
    command = [sys.executable, "-m", "labkit.classroom.tokenizer_server", str(port)]
    with subprocess.Popen(command) as process:
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
