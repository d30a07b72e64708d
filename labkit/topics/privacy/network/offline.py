"""No network: `offline` for this process, by an audit hook; `run_offline` for another program."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

from labkit.checks import check_number
from labkit.errors import LabError

from .network_namespace import REPORT
from .network_watch import NetworkWatch

LONGEST_OUTPUT, PIECE = 10_000_000, 1 << 20  # bytes
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
        output: its printed output, errors included; of more than 10 MB, the end.
        elapsed_s: its running time in seconds.
        in_reach: what of this machine it was not cut off from.
    """

    command: tuple[str, ...]
    status: int
    output: str
    elapsed_s: float
    in_reach: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """How it ended, in one line."""
        ended = "succeeded" if self.status == 0 else f"ended with status {self.status}"
        return (
            f"{Path(self.command[0]).name} {ended} after {self.elapsed_s:.1f} s in a separate "
            "network namespace, which has only its own loopback (measured). Still in reach: "
            f"{'; '.join(self.in_reach)}"
        )

    def __repr__(self) -> str:
        return f"{self.output.rstrip()}\n— {self.summary}"


def run_offline(command: Sequence[str], *, timeout_s: float = 600) -> OfflineRun:
    """Runs a program to which the Linux kernel gives no network, native code included.

    It has its own loopback: servers within the program work, those outside do not answer. Unix
    sockets are refused, its own too: another program could be asked to connect over one.

    Args:
        command: the program and its arguments; ``"python"`` is that of this environment.
        timeout_s: the time limit in seconds.
    Raises:
        LabError: the system is not Linux, it forbids such namespaces, or time ran out.
        ValueError: no command, or no such time.
    """
    texts = list(map(str, command)) if isinstance(command, list | tuple) else []
    if not texts or not texts[0] or any("\0" in text for text in texts):
        raise ValueError(f'command must be a list such as ["python", "-V"]; got {command!r}')
    check_number("timeout_s", timeout_s, "above 0", lambda seconds: seconds > 0)
    command = tuple(sys.executable if text == "python" else text for text in texts)
    if not sys.platform.startswith("linux"):
        raise LabError("Only Linux has network namespaces.", _HINT)
    began = time.perf_counter()
    status, output, report = _run(command, timeout_s)
    if not report or report["refusal"]:
        reason = report["refusal"] if report else output.strip()[-300:]
        raise LabError(f"The kernel refuses: no network namespace here: {reason}.", _HINT)
    elapsed_s = time.perf_counter() - began
    return OfflineRun(command, status, output, elapsed_s, tuple(report["in_reach"]))


_HINT = (
    "On Linux, an administrator can allow user namespaces: see user_namespaces(7). Without them, "
    "lab.offline() still stops this process's Python code; or unplug the cable."
)


def _run(command: tuple[str, ...], timeout_s: float) -> tuple[int, str, dict[str, Any]]:
    """Status, output, and what `network_namespace` reports; {} if it did not get so far."""
    # labkit is found whether it is installed or run from its checkout.
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    module, (read, write) = "labkit.topics.privacy.network.network_namespace", os.pipe()
    with open(read, encoding="utf-8") as report:
        try:
            process = subprocess.Popen(
                [sys.executable, "-m", module, f"{REPORT}{write}", *command],
                # Libraries would otherwise try the network first, and wait for it.
                env=os.environ | {"HF_HUB_OFFLINE": "1", "PYTHONPATH": path},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=[write],
                start_new_session=True,
            )
        finally:
            os.close(write)
        output = _output(process, command[0], timeout_s)
        return process.returncode, output, json.loads(report.read() or "{}")


def _output(process: subprocess.Popen, name: str, timeout_s: float) -> str:
    """What it prints; on an interruption or out of time, it ends with all that it started."""
    output, deadline = bytearray(), time.monotonic() + timeout_s
    reader = threading.Thread(target=_read_end, args=(process.stdout, output), daemon=True)
    reader.start()
    try:
        process.wait(timeout_s)
        reader.join(max(0.0, deadline - time.monotonic()))  # a child of its may still print
        if reader.is_alive():
            raise subprocess.TimeoutExpired(name, timeout_s)
    except BaseException as error:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if isinstance(error, subprocess.TimeoutExpired):
            problem = f"{name} had not ended after {timeout_s:g} s."
            raise LabError(problem, "Give it more time: timeout_s=….") from None
        raise
    return output.decode(errors="replace").replace("\r\n", "\n")


def _read_end(pipe: BufferedReader, output: bytearray) -> None:
    """Reads what a program prints, and keeps the end of it."""
    with pipe:
        while piece := pipe.read1(PIECE):
            output += piece
            del output[:-LONGEST_OUTPUT]
