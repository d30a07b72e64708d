"""``python3 -m labkit run``: executes notebooks without a browser.

Every notebook gets a new kernel of the Python that runs this command, and its file is not changed:
the outputs stay in memory (execute.py) and are reported or, with ``--to html``, written as pages
(pages.py).
"""

from argparse import Namespace
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from labkit.commands.notebooks.execute import NotebookRun, execute
from labkit.commands.notebooks.find import find_notebooks, short_path
from labkit.commands.notebooks.pages import PLOTLY_FILE, plan_pages, write_pages
from labkit.errors import LabError
from labkit.formatting import printable
from labkit.install.checkout import ROOT

STOPPED_BY_CTRL_C = 130  # what a shell reports for an interrupted command


def main(args: Namespace) -> int:
    """Runs notebooks, and reports each.

    Args:
        args: ``notebooks`` (names or paths; empty for all of the checkout), ``to`` (None or
            "html") and ``output`` (the pages' folder; None for ``.pages`` in the checkout).
    Returns:
        0 if every cell ran, 1 if a notebook or a page failed, 130 after Ctrl-C.
    Raises:
        LabError: a notebook does not exist or cannot be read, or no page can be written; nothing
            has run then.
    """
    if args.output and not args.to:
        raise LabError("--output names a folder for pages.", "Add: --to html")
    paths = find_notebooks(args.notebooks)
    notebooks = [read_notebook(path) for path in paths]
    folder = Path(args.output or ROOT / ".pages")
    if args.to:
        plan_pages(paths, folder)
    runs = []
    for path, notebook in zip(paths, notebooks, strict=True):
        runs.append(execute(path, notebook))
        _report(runs[-1])
        if runs[-1].stopped:
            break
    done = [run for run in runs if run.problem is None]
    if len(paths) > 1:
        print(_summary(runs, len(paths)))
    failures = []
    if args.to == "html" and done:
        written, failures = write_pages([(run.path, run.notebook) for run in done], folder)
        for page in written:
            print(f"page     {short_path(page)}  ({page.stat().st_size / 1e6:.1f} MB)")
        for failure in failures:
            print(printable(f"no page  {failure}"))
        if (script := folder / PLOTLY_FILE).exists():
            print(f"with     {short_path(script)}, which draws the figures of all pages beside it")
    if runs[-1].stopped:
        return STOPPED_BY_CTRL_C
    return int(bool(failures) or len(done) < len(paths))


def read_notebook(path: Path) -> NotebookNode:
    """Reads a notebook of any version.

    Raises:
        LabError: the file is not a notebook; the message has the first reason.
    """
    try:
        notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
        notebook.cells  # noqa: B018  (JSON that is not a notebook has none)
    except OSError as error:
        raise LabError(f"{short_path(path)} cannot be read: {error.strerror}.") from error
    except Exception as error:  # nbformat raises six kinds for other files
        reason = str(error).split("\n")[0][:120]
        raise LabError(
            f"{short_path(path)} is not a notebook: {reason}",
            "Open it in JupyterLab and save it again, or take a fresh copy.",
        ) from error
    return notebook


def _report(run: NotebookRun) -> None:
    name = short_path(run.path)
    if run.problem is None:
        line = f"done     {name}  ({len(run.notebook.cells)} cells, {run.elapsed_s:.1f} s)"
    else:
        word = "stopped" if run.stopped else "FAILED"
        line = f"{word:8} {name}  " + run.problem.replace("\n", "\n    ")
    print(printable(line), flush=True)


def _summary(runs: list[NotebookRun], wanted: int) -> str:
    done = sum(run.problem is None for run in runs)
    failed = sum(run.problem is not None and not run.stopped for run in runs)
    parts = [f"{done} done", f"{failed} failed", f"{wanted - done - failed} not finished"]
    return f"{wanted} notebooks: " + ", ".join(p for p in parts if p[0] != "0" or p is parts[0])
