"""Keeps a class running: starts its hub and its model server, and restarts what ends."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import filelock

from labkit.errors import LabError
from labkit.filesystem.write import write_text
from labkit.install.checkout import ROOT
from labkit.sandbox.kernel import die_with_parent

from .hub_client import ask_hub, ask_model
from .settings import ClassSettings, class_command

READY_S, STOP_S = 180, 30
MOST_STOPS = 32  # learners' servers that are stopped at once
MOST_ENDS, WITHIN_S = 5, 60  # that often in that time, and it is not restarted any more
# As Ctrl-C ends it; the second, which Windows lacks, comes when a terminal is closed.
ENDS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
# The hub, which may end without a connection being lost, comes last.
PARTS = ("tokenizer_server", "model_server", "proxy", "hub")


def run(settings: ClassSettings, ready: Callable[[], None]) -> None:
    """Runs the class until SIGTERM or Ctrl-C; then stops the learners' servers, and all else.

    Args:
        settings: the class.
        ready: called once, when learners can come.
    Raises:
        LabError: it runs already, or a part of it does not start.
    """
    with _only_one(settings):
        parts: dict[str, ClassProcess] = {}
        try:
            for name in PARTS:
                if name != "model_server" or not settings.server:
                    parts[name] = ClassProcess(name, settings)
                if name == "proxy":  # which the hub looks for
                    parts[name].wait_until_ready()
            for part in parts.values():
                part.wait_until_ready()
            ready()
            while True:
                for part in parts.values():
                    part.restart_if_ended()
                time.sleep(0.5)
        finally:
            with _uninterrupted():
                _stop(settings, parts)


class ClassProcess:
    """One process of the class.

    Attributes:
        name: of its module, and of its log.
    """

    def __init__(self, name: str, settings: ClassSettings):
        self.name, self._settings = name, settings
        self._ends: deque[float] = deque(maxlen=MOST_ENDS)
        self._start()

    @property
    def log(self) -> Path:
        """What it prints."""
        return self._settings.path / f"{self.name}.log"

    def _start(self) -> None:
        paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", f"labkit.classroom.{self.name}", self._settings.folder],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))},
                start_new_session=True,  # Ctrl-C reaches this process alone
                preexec_fn=die_with_parent if sys.platform.startswith("linux") else None,
            )

    def wait_until_ready(self) -> None:
        """Raises LabError if it does not answer in time."""
        for _ in range(READY_S * 5):
            with contextlib.suppress(OSError):
                CHECKS[self.name](self._settings)
                if self.process.poll() is None:  # or else another program has answered
                    return
            if self.process.poll() is not None:
                break
            time.sleep(0.2)
        raise LabError(f"The {self.words} of the class did not start.", f"Read {self.log}.")

    @property
    def words(self) -> str:
        """Its name in a sentence."""
        return self.name.replace("_", " ")

    def restart_if_ended(self) -> None:
        """Starts it again, unless it ends too often: then a LabError."""
        if self.process.poll() is None:
            return
        self._ends.append(time.monotonic())
        if len(self._ends) == MOST_ENDS and self._ends[-1] - self._ends[0] < WITHIN_S:
            raise LabError(f"The {self.words} ended {MOST_ENDS} times.", f"Read {self.log}.")
        print(f"The {self.words} ended and is started again.", flush=True)
        self._start()

    def stop(self) -> None:
        """Ends it."""
        self.process.terminate()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _reach(port: int) -> None:
    socket.create_connection(("127.0.0.1", port), timeout=5).close()


CHECKS: dict[str, Callable[[ClassSettings], object]] = {
    "model_server": lambda settings: ask_model(settings, "/health"),
    "tokenizer_server": lambda settings: _reach(settings.tokenizer_port),
    "proxy": lambda settings: _reach(settings.proxy_port),
    "hub": lambda settings: ask_hub(settings, "/"),
}


def require_stopped(settings: ClassSettings) -> None:
    """Raises LabError where the class runs already."""
    _lock(settings).release()


def _lock(settings: ClassSettings) -> filelock.BaseFileLock:
    lock = filelock.FileLock(settings.path / ".running.lock")
    try:
        lock.acquire(timeout=0.1)
    except filelock.Timeout:
        raise LabError(
            f"The class in {settings.folder} runs already.",
            f"See: {class_command(settings.path, 'status')}. To change it: class stop, then start.",
        ) from None
    return lock


@contextlib.contextmanager
def _only_one(settings: ClassSettings) -> Iterator[None]:
    """Holds the class's lock, with this process's number beside it."""
    lock = _lock(settings)
    for each in ENDS:
        signal.signal(each, signal.default_int_handler)
    number = settings.path / "supervisor.pid"
    try:
        write_text(number, str(os.getpid()))
        yield
    finally:
        number.unlink(missing_ok=True)
        lock.release()


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """A second Ctrl-C does not leave half of the class behind."""
    before = {each: signal.signal(each, signal.SIG_IGN) for each in (signal.SIGINT, *ENDS)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _stop(settings: ClassSettings, parts: dict[str, ClassProcess]) -> None:
    """The learners' servers first, by the hub; then the hub, its proxy and the model."""
    with contextlib.suppress(OSError):
        active = partial(ask_hub, settings, "/users?state=active")
        _stop_servers(settings, [user["name"] for user in active()], active)
    for part in reversed(parts.values()):
        part.stop()


def _stop_servers(settings: ClassSettings, names: list[str], left: Callable[[], object]) -> None:
    """Stops learners' servers, and waits until none is left."""
    with ThreadPoolExecutor(MOST_STOPS) as pool:  # each takes seconds
        list(pool.map(partial(_stop_server, settings), names))
    deadline = time.monotonic() + STOP_S
    while left() and time.monotonic() < deadline:
        time.sleep(0.3)


def _stop_server(settings: ClassSettings, name: str) -> None:
    with contextlib.suppress(OSError):  # it is waited for below
        ask_hub(settings, f"/users/{name}/server", method="DELETE")


def log_out(settings: ClassSettings, name: str) -> None:
    """Has the hub forget whom it let in by that name; the learner's files stay.

    Raises:
        OSError: the hub does not answer.
    """
    try:
        ask_hub(settings, f"/users/{name}")
    except urllib.error.HTTPError:  # it has let nobody in by that name
        return
    _stop_servers(settings, [name], lambda: ask_hub(settings, f"/users/{name}")["server"])
    ask_hub(settings, f"/users/{name}", method="DELETE")  # with all cookies and tokens


def stop(settings: ClassSettings) -> bool:
    """Has the class end, and waits for it; whether it ran."""
    lock = filelock.FileLock(settings.path / ".running.lock")
    try:
        with lock.acquire(timeout=0.1):
            return False
    except filelock.Timeout:
        os.kill(int((settings.path / "supervisor.pid").read_text()), signal.SIGTERM)
    with lock.acquire(timeout=3 * STOP_S):
        return True
