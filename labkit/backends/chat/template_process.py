"""Chat templates in a process of their own, which ends where one takes too long or too much.

A template is a program: its loops may have no end, one expression of it may write 10 GB, and its
macros may call themselves. The process is started once and stays; a text takes a fraction of a
millisecond.
"""

import atexit
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from labkit.errors import LabError

LIMIT_S = 3
MEMORY_BYTES = 1 << 30  # where the system can limit it: Linux
MOST_CHARACTERS = 10_000_000  # of a text, beyond those that are given

_SCRIPT = Path(__file__).with_name("template_script.py")
_ANOTHER = "Take the same model from its publisher, or another model."


class TemplateProcess:
    """Runs templates, one at a time; starts its process when it is needed, and again if it ended.

    Args:
        limit_s: the most seconds that a template may take.
    """

    def __init__(self, limit_s: float = LIMIT_S):
        self._limit_s, self._lock = limit_s, threading.Lock()
        self._running: subprocess.Popen | None = None
        self._is_ready = False
        self._owner = 0  # a fork would share the pipes
        self._is_late = False

    def render(self, name: str, template: str, variables: dict[str, Any]) -> str:
        """The text that a template writes.

        Args:
            name: the model's, for the sentence.
            template: its text.
            variables: its variables, as JSON has them.
        Raises:
            LabError: it is stopped at a limit, refused, or fails.
        """
        given = json.dumps(variables, default=str)
        most = MOST_CHARACTERS + 4 * len(given)
        answer = self._ask(name, {"template": template, "variables": variables, "most": most})
        return answer["text"]

    def variables(self, name: str, template: str) -> frozenset[str]:
        """The names of the variables that a template reads; errors as of `render`."""
        return frozenset(self._ask(name, {"template": template})["names"])

    def start(self) -> None:
        """Starts the process, so that the first text does not wait for it."""
        with self._lock:
            self._start()

    def close(self) -> None:
        """Ends the process."""
        with self._lock:
            self._end()

    def _ask(self, name: str, asked: dict[str, Any]) -> dict[str, Any]:
        line = json.dumps(asked, default=str).encode() + b"\n"
        with self._lock:
            answered = self._exchange(line)
            is_late = self._is_late
        if not answered:
            reason = f"takes longer than {self._limit_s:g} s" if is_late else "ended its process"
            raise LabError(f"The chat template of {name} was stopped: it {reason}.", _ANOTHER)
        answer = json.loads(answered)
        if "error" in answer:
            raise _error(name, answer["kind"], answer["error"])
        return answer

    def _exchange(self, line: bytes) -> bytes:
        """The line that answers; empty if the process ended, on its own or at the limit."""
        process = self._start()
        assert process.stdin and process.stdout
        self._is_ready = self._is_ready or bool(process.stdout.readline())
        self._is_late = False
        timer = threading.Timer(self._limit_s, self._stop_late, (process,))
        timer.daemon = True
        timer.start()
        answered = b""
        try:
            process.stdin.write(line)
            process.stdin.flush()
            answered = process.stdout.readline()
        except OSError:  # it has ended
            pass
        finally:
            timer.cancel()
            if not answered.endswith(b"\n"):  # or the caller was interrupted
                self._end()
                answered = b""
        return answered

    def _stop_late(self, process: subprocess.Popen) -> None:
        self._is_late = True
        process.kill()

    def _start(self) -> subprocess.Popen:
        if self._running and (self._running.poll() is not None or self._owner != os.getpid()):
            self._end()
        if self._running is None:
            command = [sys.executable, "-P", str(_SCRIPT), str(MEMORY_BYTES), str(LIMIT_S)]
            pipe = subprocess.PIPE
            self._running = subprocess.Popen(
                command,
                stdin=pipe,
                stdout=pipe,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # a notebook's Stop is meant for the notebook alone
            )
            self._owner, self._is_ready = os.getpid(), False
        return self._running

    def _end(self) -> None:
        if self._running and self._owner == os.getpid():
            self._running.kill()
            self._running.communicate()
        self._running = None


TEMPLATES = TemplateProcess()
atexit.register(TEMPLATES.close)


def _error(name: str, kind: str, message: str) -> LabError:
    """The sentence for what went wrong in a template."""
    if kind == "SecurityError":
        return LabError(
            f"The chat template of {name} is refused: it asks for what no template needs: "
            f"{message}",
            _ANOTHER,
        )
    stopped = {
        "LookupError": "writes a text that is far too long",
        "MemoryError": f"takes more than {MEMORY_BYTES >> 30} GiB of memory",
        "RecursionError": "calls itself without end",
        "UnicodeEncodeError": "writes characters that no encoding has",
    }
    if kind in stopped:
        return LabError(f"The chat template of {name} was stopped: it {stopped[kind]}.", _ANOTHER)
    return LabError(f"The chat template of {name} refuses these messages: {message}")
