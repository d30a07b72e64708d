"""Running a notebook's cells in a kernel, with a progress bar.

The kernel is the Python that runs this command. A cell that fails, does not end, or kills its
kernel stops its notebook, and is described in one block of text.
"""

import logging
import os
import re
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from tqdm import tqdm
from traitlets import default

from labkit.errors import PYTHON
from labkit.formatting import printable
from labkit.install.checkout import ROOT

CELL_TIMEOUT_S = 600
TRACEBACK_LINES = 25  # the end of a traceback shows the failing line
_DOCTOR = f"See what this machine lacks: {PYTHON} -m labkit doctor"

# nbclient logs what is reported here anyway: a cell that timed out, a kernel that died.
_SILENT = logging.getLogger("labkit.run")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False


@dataclass(frozen=True, slots=True)
class NotebookRun:
    """The result of running one notebook: its cells with their outputs."""

    path: Path
    notebook: NotebookNode
    elapsed_s: float
    problem: str | None = None  # the failing cell and its error as text
    stopped: bool = False  # by Ctrl-C


class _ThisPython(AsyncKernelManager):
    """Starts kernels of the Python that runs this command, with encrypted connections."""

    @default("transport_encryption")
    def _where_possible(self) -> str:
        return "auto"

    @default("kernel_spec_manager")
    def _only_this_python(self) -> KernelSpecManager:
        return KernelSpecManager(kernel_dirs=[])  # what ipykernel itself knows, nothing installed


def execute(path: Path, notebook: NotebookNode) -> NotebookRun:
    """Runs a notebook's cells in order, in its own folder, up to the first that fails.

    The cells receive their outputs; the file is never written.
    """
    started = time.monotonic()
    with tempfile.TemporaryFile() as kernel_log:
        problem, stopped = _run_cells(path, notebook, kernel_log)
    return NotebookRun(path, notebook, time.monotonic() - started, problem, stopped)


def _run_cells(
    path: Path, notebook: NotebookNode, kernel_log: IO[bytes]
) -> tuple[str | None, bool]:
    """The problem, if there was one, and whether Ctrl-C was it.

    What the kernel itself writes to a terminal goes to ``kernel_log``. It says why a kernel cannot
    start; later it is noise, as of messages that race with the end of the kernel's threads.
    """
    client = _client(path, notebook)
    number = 0
    try:
        streams = {"stdout": kernel_log, "stderr": kernel_log}
        with client.setup_kernel(env=kernel_environment(), **streams):
            # A graceful shutdown would wait for the cell to finish; not after a failure.
            client.shutdown_kernel = "immediate"
            for number, cell in _with_progress(path, notebook):
                client.execute_cell(cell, number - 1)
            client.shutdown_kernel = "graceful"
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        return describe_failure(notebook, number, error), False
    except KeyboardInterrupt:
        return _describe_cell(notebook, number), True
    except RuntimeError as error:
        kernel_log.seek(0)
        lines = kernel_log.read().decode("utf-8", "replace").splitlines()
        reason = [f"The notebook's kernel did not start: {error}", *_last_lines(lines)]
        return "\n".join([_describe_cell(notebook, number), *reason, f"→ {_DOCTOR}"]), False
    return None, False


def _client(path: Path, notebook: NotebookNode) -> NotebookClient:
    return NotebookClient(
        notebook,
        kernel_manager_class=_ThisPython,
        kernel_name="python3",
        timeout=CELL_TIMEOUT_S,
        record_timing=False,
        coalesce_streams=True,  # one block per stream, and only the last state of a progress bar
        resources={"metadata": {"path": str(path.parent)}},
        log=_SILENT,
    )


def kernel_environment() -> dict[str, str]:
    """The kernel's environment: labkit is importable, and outputs need no browser."""
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "LABKIT_STATIC": "1",  # panels show their static form
        "PLOTLY_RENDERER": "plotly_mimetype",  # figures as data: the page has one plotly.js
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # no warning about the debugger at each start
    }


def _with_progress(path: Path, notebook: NotebookNode) -> Iterator[tuple[int, NotebookNode]]:
    """Numbers the cells from 1; a bar shows the current one if there is a terminal."""
    heading = ""
    with tqdm(
        total=len(notebook.cells),
        desc=path.stem,
        leave=False,
        disable=None,
        dynamic_ncols=True,
        bar_format="{desc} {bar:24} cell {n_fmt} of {total_fmt}{postfix}",
    ) as bar:
        for number, cell in enumerate(notebook.cells, start=1):
            heading = _heading(cell) or heading
            bar.set_postfix_str(heading or _first_line(cell), refresh=False)
            bar.update()
            bar.refresh()
            yield number, cell


def _heading(cell: NotebookNode) -> str:
    found = re.search(r"^#+\s+(.+)", cell.source, re.M) if cell.cell_type == "markdown" else None
    return printable(found[1].strip()) if found else ""


def _first_line(cell: NotebookNode) -> str:
    lines = (line.strip() for line in cell.source.splitlines() if line.strip())
    return printable(next(lines, ""))


def _describe_cell(notebook: NotebookNode, number: int) -> str:
    if not number:
        return "its start"
    cell = notebook.cells[number - 1]
    return f"cell {number} of {len(notebook.cells)}: {_first_line(cell)}"


def describe_failure(notebook: NotebookNode, number: int, error: Exception) -> str:
    """Which cell failed, numbered from 1, and how, by nbclient's error: one block of text."""
    if isinstance(error, CellTimeoutError):
        lines = [f"It ran longer than {CELL_TIMEOUT_S} s, and was stopped."]
    elif isinstance(error, DeadKernelError):
        lines = ["The kernel died while this cell ran; most often memory ran out.", f"→ {_DOCTOR}"]
    else:
        lines = _traceback(notebook.cells[number - 1]) or [f"{error.ename}: {error.evalue}"]
    return "\n".join([_describe_cell(notebook, number), *lines])


def _traceback(cell: NotebookNode) -> list[str]:
    """The end of a cell's traceback without colours; the error's message comes last."""
    errors = [output for output in cell.outputs if output.output_type == "error"]
    text = "\n".join(errors[-1].traceback) if errors else ""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()
    return _last_lines(plain[1:] if plain and not plain[0].strip("-") else plain)  # dashes


def _last_lines(lines: list[str]) -> list[str]:
    return lines if len(lines) <= TRACEBACK_LINES else ["…", *lines[-TRACEBACK_LINES:]]
