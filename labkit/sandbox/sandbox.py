"""`run_code`: a program in a process of its own that can do nothing but compute."""

import contextlib
import functools
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from labkit.checks import check_number, check_type
from labkit.errors import LabError
from labkit.formatting import in_lines

from .bubblewrap import ROOT, bubblewrap_command, find_bubblewrap
from .inside import WORK

MIB = 1024**2
DAY_S = 86_400
LONGEST_OUTPUT = 20_000  # bytes that are kept of each stream
WALL = (
    "no network",
    "no other processes",
    "no file of this machine but the system's and Python's own, to read",
    "no file to write but in memory",
)
INSIDE = "LABKIT_INSIDE_SANDBOX"  # set where learners' notebooks are graded, behind such a wall
_ROOT = Path(__file__).resolve().parents[2]
_START = (
    "import sys; sys.path.insert(0, sys.argv[1]); from labkit.sandbox.inside import main; main()"
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a program may use.

    Attributes:
        timeout_s: seconds until it is killed.
        memory_bytes: address space.
        file_bytes: what it may write, to files and as output.
    """

    timeout_s: float = 5.0
    memory_bytes: int = 512 * MIB
    file_bytes: int = 2 * MIB


@dataclass(frozen=True, slots=True, repr=False)
class SandboxRun:
    """What became of a program (measured).

    Attributes:
        code: the program.
        output: what it printed; of more than `LONGEST_OUTPUT` bytes, the beginning and the end.
        errors: what it wrote to standard error, the last of it.
        exit_status: its exit status, above 128 for a signal; None: it was not run, or killed.
        elapsed_s: seconds, the start of a Python included.
        timed_out: whether it was killed when its time was over.
        isolated: whether it ran behind the wall.
        refusal: why it was not run; empty: it was.
    """

    code: str
    output: str = ""
    errors: str = ""
    exit_status: int | None = None
    elapsed_s: float = 0.0
    timed_out: bool = False
    isolated: bool = True
    refusal: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether it ran to its end without an error."""
        return self.exit_status == 0

    @property
    def last_error(self) -> str:
        """The last line of what it wrote to standard error: the exception, of a Python program."""
        return (self.errors.strip().splitlines() or [""])[-1]

    @property
    def ending(self) -> str:
        """How it ended, in words."""
        if self.refusal:
            return f"not run: {self.refusal}"
        if self.timed_out:
            return f"killed after {self.elapsed_s:.1f} s"
        names = {128 + each.value: each.name for each in signal.Signals}
        if self.exit_status in names:
            return f"killed by {names[self.exit_status]}"
        return "ended" if self.succeeded else self.last_error or f"exit status {self.exit_status}"

    @property
    def summary(self) -> str:
        """How it ended, and behind which wall."""
        wall = f"; {', '.join(WALL)}" if self.isolated else "; without isolation"
        return f"{self.ending}{'' if self.refusal else wall} (measured)"

    def __repr__(self) -> str:
        return in_lines(self.summary, *self.output.splitlines(), *self.errors.splitlines())


def run_code(
    code: str, *, limits: Limits | None = None, run_without_isolation: bool = False
) -> SandboxRun:
    """Runs a Python program behind a wall, and reports what became of it.

    The program gets an empty environment, Python's standard library, and a folder in memory. It
    reaches no network, no other process, and no file of yours. Where this system allows the wall's
    namespaces to bubblewrap alone, that builds it, and the folder is to read only. Where it allows
    neither (see `refusal`), the program is not run. A notebook that is graded is behind such a wall
    itself, in which no second one is built: there the program has the notebook's own.

    Args:
        code: the program.
        limits: of time, memory and files; None: `Limits()`.
        run_without_isolation: True runs it even where there is no wall, with limits and a time-out
            alone: it can then read and delete what you can. Only for code that you have read.
    Raises:
        ValueError: code is not a text, or a limit is out of range.
    """
    if not isinstance(code, str):
        raise ValueError(f"code must be a text; got {type(code).__name__}")
    limits = Limits() if limits is None else limits
    check_type("limits", limits, Limits, "lab.limits.Limits")
    check_number("timeout_s", limits.timeout_s, "above 0, at most a day", lambda x: 0 < x <= DAY_S)
    for name in ("memory_bytes", "file_bytes"):
        bound = "1 MiB to 1 TiB"
        check_number(name, getattr(limits, name), bound, lambda x: MIB <= x <= MIB << 20)
    reason = refusal()
    if reason and not (run_without_isolation or os.environ.get(INSIDE)):
        return SandboxRun(code, isolated=False, refusal=reason)
    wall = "" if reason else "bubblewrap" if namespace_refusal() else "namespaces"
    return _run(code, limits, wall)


def refusal() -> str:
    """Why this system cannot isolate a program; empty where it can, bubblewrap included."""
    reason = namespace_refusal()
    if not reason or not sys.platform.startswith("linux"):
        return reason
    other = bubblewrap_refusal()
    return f"{reason}; {other}" if other else ""


@functools.cache
def namespace_refusal() -> str:
    """Why this system gives no namespaces to isolate a program in; empty where it does."""
    if not sys.platform.startswith("linux"):
        return f"this system ({sys.platform}) has no namespaces to isolate it in"
    return _run("", Limits(), "namespaces").refusal


@functools.cache
def bubblewrap_refusal() -> str:
    """Why bubblewrap cannot isolate a program either; empty where it can."""
    if not find_bubblewrap():
        return "bubblewrap, which may be allowed to, is not installed"
    run = _run("", Limits(), "bubblewrap")
    return "" if run.succeeded else run.ending


def _run(code: str, limits: Limits, wall: str) -> SandboxRun:
    try:
        code.encode()
    except UnicodeEncodeError as error:
        return SandboxRun(code, errors=f"SyntaxError: {error}", exit_status=1, isolated=bool(wall))
    with (
        tempfile.TemporaryDirectory(prefix="labkit-sandbox-") as folder,
        tempfile.TemporaryFile() as output,
        tempfile.TemporaryFile() as errors,
    ):
        if wall != "namespaces":
            Path(folder, "program.py").write_text(code, encoding="utf-8")
        task = {
            "code": code if wall == "namespaces" else "",
            "program": f"{WORK if wall else folder}/program.py",
            "python": _python(),
            "wall": wall,
            "readable": _python_folders(),
            "timeout_s": math.ceil(limits.timeout_s),
            "memory_bytes": int(limits.memory_bytes),
            "file_bytes": int(limits.file_bytes),
        }
        began = time.perf_counter()
        status, timed_out, reason = _wait(task, folder, (output, errors), limits.timeout_s)
        return SandboxRun(
            code,
            _text(output, last=False),
            _text(errors, last=True).replace(f"{folder}/", "").replace(f"{WORK}/", ""),
            status,
            time.perf_counter() - began,
            timed_out,
            bool(wall),
            f"this system does not allow the isolation ({reason})" if reason else "",
        )


def _python() -> str:
    """The interpreter itself, not one of a virtual environment, whose folder is not in reach."""
    return os.path.realpath(getattr(sys, "_base_executable", "") or sys.executable)


def _python_folders() -> list[str]:
    return list(dict.fromkeys(map(os.path.realpath, (sys.base_prefix, sys.base_exec_prefix))))


def _wait(
    task: dict, folder: str, streams: tuple[IO[bytes], IO[bytes]], timeout_s: float
) -> tuple[int | None, bool, str]:
    """Exit status, whether time was over, and why there is no isolation."""
    if os.name == "nt":  # no limits, no groups of processes: only ever without isolation
        process = _start([_python(), "-I", "-S", "-B", task["program"]], folder, streams)
        return *_finish(process, b"", timeout_s), ""
    read, write = os.pipe()
    command = [_python(), "-I", "-S", "-B", "-c", _START, str(_ROOT)]
    if task["wall"] == "bubblewrap":
        command = [*bubblewrap_command(task, folder), *command[:-1], ROOT]
    try:
        process = _start(command, folder, streams, pass_fds=(write,), start_new_session=True)
    finally:
        os.close(write)
        report = os.fdopen(read, "rb")
    with report:
        payload = json.dumps({**task, "report": write}).encode() + b"\n"
        status, timed_out = _finish(process, payload, timeout_s)
        return status, timed_out, "" if timed_out else report.read().decode(errors="replace")


def _start(
    command: list[str], folder: str, streams: tuple[IO[bytes], IO[bytes]], **more: Any
) -> subprocess.Popen:
    output, errors = streams
    files = {"stdin": subprocess.PIPE, "stdout": output, "stderr": errors, "cwd": folder}
    try:
        return subprocess.Popen(command, env={}, **files, **more)
    except OSError as error:
        raise LabError(f"No process could be started: {error}.", "Close other programs.") from None


def _finish(process: subprocess.Popen, payload: bytes, timeout_s: float) -> tuple[int | None, bool]:
    """Exit status, and whether time was over; nothing that it started is left."""
    with process:
        try:
            process.communicate(payload, timeout_s)
            status = process.returncode
            return status if status >= 0 else 128 - status, False  # a signal, as behind the wall
        except subprocess.TimeoutExpired:
            return None, True
        finally:  # the group, and with its second process all that runs in its namespace
            _kill(process)


def _kill(process: subprocess.Popen) -> None:
    if os.name == "nt":
        process.kill()
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):  # it ended
        os.killpg(process.pid, signal.SIGKILL)


def _text(file: IO[bytes], *, last: bool) -> str:
    """What is kept of a stream: the last of it, or its beginning and its end."""
    size = file.seek(0, os.SEEK_END)
    begin = b""
    if size > LONGEST_OUTPUT and not last:
        file.seek(0)
        begin = file.read(LONGEST_OUTPUT // 2) + "\n…\n".encode()
    file.seek(max(0, size - LONGEST_OUTPUT + len(begin)))
    return (begin + file.read()).decode("utf-8", errors="replace")
