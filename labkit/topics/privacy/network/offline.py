"""No network: `offline` for this process, by an audit hook; `run_offline` for another program."""

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


def offline(*, loopback: bool = True) -> NetworkWatch:
    """Switches off the network for this process's Python code, inside its ``with``.

    Code that tries to leave gets an error as if there were no answer, and is listed in the
    ``log``. The lab's own open connections are closed. It does not stop other connections that are
    open already, which the log lists with their traffic, native code or child processes;
    `run_offline` does.

    Args:
        loopback: whether to allow what stays on this machine, such as your own model server.
    Returns:
        A context manager, as for `labkit.watch_network`.
    """
    if not isinstance(loopback, bool):
        raise ValueError(f"loopback must be True or False; got {loopback!r}")
    return NetworkWatch(refuse=True, loopback=loopback)


@dataclass(frozen=True, slots=True, repr=False)
class OfflineRun:
    """A command that ran without a network (measured).

    Attributes:
        command: the command that ran.
        status: its exit status, 0 for success.
        output: its printed output, errors included.
        elapsed_s: its running time in seconds.
    """

    command: tuple[str, ...]
    status: int
    output: str
    elapsed_s: float

    @property
    def summary(self) -> str:
        """How it ended, in one line."""
        ended = "succeeded" if self.status == 0 else f"ended with status {self.status}"
        return (
            f"{Path(self.command[0]).name} {ended} after {self.elapsed_s:.1f} s in a separate "
            "network namespace, which has only its own loopback (measured)"
        )

    def __repr__(self) -> str:
        return f"{self.output.rstrip()}\n— {self.summary}"


def run_offline(command: Sequence[str], *, timeout_s: float = 600) -> OfflineRun:
    """Runs a program to which the Linux kernel gives no network, native code included.

    It has its own loopback: servers within the program work, those outside do not answer.

    Args:
        command: the program and its arguments; ``"python"`` is that of this environment.
        timeout_s: the time limit in seconds.
    Raises:
        LabError: the system is not Linux, it forbids such namespaces, or time ran out.
        ValueError: no command.
    """
    if isinstance(command, str) or not command:
        raise ValueError(f'command must be a list such as ["python", "-V"]; got {command!r}')
    command = tuple(sys.executable if each == "python" else str(each) for each in command)
    if not sys.platform.startswith("linux"):
        raise LabError("Only Linux has network namespaces.", _HINT)
    began = time.perf_counter()
    ran = _run(command, timeout_s)
    if ran.returncode == CANNOT:
        raise LabError(f"The kernel refuses: {ran.stdout.strip()}.", _HINT)
    return OfflineRun(command, ran.returncode, ran.stdout, time.perf_counter() - began)


_HINT = (
    "On Linux, an administrator can allow user namespaces: see user_namespaces(7). Without them, "
    "labkit.offline() still stops this process's Python code; or unplug the cable."
)


def _run(command: tuple[str, ...], timeout_s: float) -> subprocess.CompletedProcess:
    # labkit is found whether it is installed or run from its checkout.
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    try:
        return subprocess.run(
            [sys.executable, "-m", "labkit.topics.privacy.network.network_namespace", *command],
            # Libraries would otherwise try the network first, and wait for it.
            env=os.environ | {"HF_HUB_OFFLINE": "1", "PYTHONPATH": path},
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
            f"{command[0]} had not ended after {timeout_s:g} s.", "Give it more time: timeout_s=…."
        ) from None
