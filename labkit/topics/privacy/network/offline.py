"""The network off: for this process by Python's audit hook, for another by the Linux kernel."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from labkit.errors import LabError

from .network_namespace import CANNOT
from .network_watch import NetworkWatch

ROOT = Path(__file__).resolve().parents[4]
# Libraries that would otherwise try the network first, and wait for it.
_ENVIRONMENT = {"HF_HUB_OFFLINE": "1"}


def offline(*, loopback: bool = True) -> NetworkWatch:
    """Switches the network off for the Python code of this process, inside its ``with``.

    Whatever tries to leave sees an error as if nobody had answered, and is listed in the ``log``.
    It does not hold native code, nor child processes; `run_offline` does.

    Args:
        loopback: let through what stays on this machine, such as a model server of your own.
    Returns:
        A context manager as of `labkit.watch_network`.
    """
    if not isinstance(loopback, bool):
        raise ValueError(f"loopback must be True or False; got {loopback!r}")
    return NetworkWatch(refuse=True, loopback=loopback)


@dataclass(frozen=True, slots=True, repr=False)
class OfflineRun:
    """A command that ran where there was no network (measured).

    Attributes:
        command: what ran.
        status: its exit status: 0 if all went well.
        output: what it printed, errors too.
        elapsed_s: seconds that it took.
    """

    command: tuple[str, ...]
    status: int
    output: str
    elapsed_s: float

    @property
    def summary(self) -> str:
        """How it ended, in a line."""
        ended = "ran to its end" if self.status == 0 else f"ended with status {self.status}"
        return (
            f"{Path(self.command[0]).name} {ended} in {self.elapsed_s:.1f} s, in a network "
            f"namespace of its own: only its own loopback to send to (measured)"
        )

    def __repr__(self) -> str:
        return f"{self.output.rstrip()}\n— {self.summary}"


def run_offline(command: Sequence[str], *, timeout_s: float = 600) -> OfflineRun:
    """Runs a program where the Linux kernel gives it no network, native code included.

    It gets a loopback of its own: servers within the program work, those outside do not answer.

    Args:
        command: the program and its arguments; ``"python"`` is this environment's own.
        timeout_s: after how many seconds it is ended.
    Raises:
        LabError: no Linux, no such namespace allowed, or it took too long.
        ValueError: no command.
    """
    if isinstance(command, str) or not command:
        raise ValueError(f'command must be such as ["python", "-V"]; got {command!r}')
    command = tuple(sys.executable if each == "python" else str(each) for each in command)
    _require_linux()
    began = time.perf_counter()
    ran = _run(command, timeout_s)
    if ran.returncode == CANNOT:
        raise LabError(f"The kernel refuses: {ran.stdout.strip()}.", _MEND)
    return OfflineRun(command, ran.returncode, ran.stdout, time.perf_counter() - began)


_MEND = (
    "Where it is off, an administrator can allow user namespaces: see user_namespaces(7). Without "
    "one, labkit.offline() still holds this process's Python code; or pull the plug."
)


def _require_linux() -> None:
    if not sys.platform.startswith("linux"):
        raise LabError("Only Linux has network namespaces.", _MEND)


def _run(command: tuple[str, ...], timeout_s: float) -> subprocess.CompletedProcess:
    # labkit is found whether it is installed or run from its checkout.
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    try:
        return subprocess.run(
            [sys.executable, "-m", "labkit.topics.privacy.network.network_namespace", *command],
            env=os.environ | _ENVIRONMENT | {"PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise LabError(
            f"{command[0]} had not ended after {timeout_s:g} s.", "Give it longer: timeout_s=…."
        ) from None
