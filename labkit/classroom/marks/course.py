"""nbgrader's folder of a course, and nbgrader's own commands run in it."""

import contextlib
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil

from labkit.errors import LabError
from labkit.filesystem.write import write_json, write_text
from labkit.install.checkout import ROOT

from .assignment import STUB, as_text, lesson, source_notebook
from .kernel import write_kernelspec

CELL_S = 600  # the longest that a cell may run while it is graded; of 09, one takes 2 minutes
OUTPUT_S = 60  # the longest that its last output may take; the 4 of nbclient fail on a busy machine


def make_assignment(course: Path, name: str) -> Path:
    """Writes the teacher's version and has nbgrader make the learners'; returns that notebook."""
    file = lesson(name)
    release(course, file.stem, as_text(source_notebook(file)))
    return course / "release" / file.stem / file.name


def release(course: Path, assignment: str, source: str) -> None:
    """Has nbgrader make the learners' version of a source notebook."""
    course.mkdir(parents=True, exist_ok=True)
    folder = course / "source" / assignment
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / f"{assignment}.ipynb", source)
    run_nbgrader(course, "generate_assignment", assignment, "--force", "--create")


def _configure(course: Path, runtime: str) -> None:
    """Writes what nbgrader is set to."""
    write_json(
        course / "nbgrader_config.json",
        {
            "CourseDirectory": {"course_id": "labkit", "root": str(course)},
            "ClearSolutions": {"code_stub": {"python": STUB}},
            "Execute": {
                "timeout": CELL_S,
                "error_on_timeout": _timeout(),
                "iopub_timeout": OUTPUT_S,
            },
            # Sockets in a folder, which the sandbox can show; a port could not be reached.
            "KernelManager": {"transport": "ipc", "ip": f"{runtime}/kernel"},
        },
    )


def _timeout() -> dict:
    text = f"The cell ran for more than {CELL_S} s."
    return {"ename": "Timeout", "evalue": text, "traceback": [text]}


def run_nbgrader(course: Path, *arguments: str, timeout_s: float | None = None) -> str:
    """Runs one of nbgrader's commands, and returns what it says.

    Raises:
        LabError: it failed, or took too long.
    """
    # A short path: those of sockets have at most 107 characters.
    with tempfile.TemporaryDirectory(prefix="lab-") as runtime:
        _configure(course, runtime)
        write_kernelspec(course / "jupyter" / "kernels" / "python3", Path(runtime))
        _write_alembic(course / "jupyter")
        process = subprocess.Popen(
            [sys.executable, "-m", "nbgrader", *arguments],
            cwd=course,
            env=_environment(course, runtime),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        with process:
            try:
                output = process.communicate(timeout=timeout_s)[0]
            except subprocess.TimeoutExpired:
                took = f"nbgrader {arguments[0]} took more than {timeout_s:.0f} s."
                raise LabError(took) from None
            finally:
                _kill_with_kernels(process)
    if process.returncode:
        raise LabError(f"nbgrader {arguments[0]} failed: {_reason(output)}", f"It ran in {course}.")
    return output


def _kill_with_kernels(process: subprocess.Popen) -> None:
    """Ends what is left of it; a kernel's sandbox ends with the kernel's first process."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for each in [*psutil.Process(process.pid).children(recursive=True), process]:
            each.kill()


def _environment(course: Path, runtime: str) -> dict[str, str]:
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {
        "JUPYTER_PATH": str(course / "jupyter"),
        "TMPDIR": runtime,  # where nbclient puts the connection file
        "JUPYTER_PREFER_ENV_PATH": "0",
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)),
        "PATH": os.pathsep.join(
            [str(course / "jupyter"), str(Path(sys.executable).parent), os.environ.get("PATH", "")]
        ),
    }


def _write_alembic(folder: Path) -> None:
    """Writes the command that nbgrader calls; pip's own is broken once an environment has moved."""
    python = shlex.quote(sys.executable)
    write_text(folder / "alembic", f'#!/bin/sh\nexec {python} -m alembic "$@"\n')
    (folder / "alembic").chmod(0o700)


def _reason(output: str) -> str:
    """The exception that nbgrader met; its own ones only point to that."""
    found = re.findall(r"^ *([\w.]+(?:Error|Died): .+)$", output, re.MULTILINE)
    return (found or output.strip().splitlines() or ["it said nothing"])[0 if found else -1]
