"""`python3 -m labkit run`: notebooks executed whole, without a browser.

Every notebook gets a fresh kernel of the Python that runs this command, and is read only: what its
cells put out is kept in memory (execute.py), to be reported or, with ``--to html``, written as
pages (pages.py).
"""

import difflib
import sys
from argparse import Namespace
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from labkit.commands.notebooks.execute import CHECKOUT, Run, execute
from labkit.commands.notebooks.pages import write_pages
from labkit.errors import LabError

STOPPED_BY_CTRL_C = 130  # what a shell reports for an interrupted command


def main(args: Namespace) -> int:
    """Run notebooks, and say how each one went.

    Args:
        args: ``notebooks`` (names or paths; empty for all of the checkout), ``to`` (None or
            "html") and ``output`` (the pages' folder; None for ``.pages`` in the checkout).

    Returns:
        0 when every cell ran, 1 when a notebook failed, 130 after Ctrl-C.

    Raises:
        LabError: if a notebook does not exist or cannot be read; nothing has run then.
    """
    if args.output and not args.to:
        raise LabError("--output names a folder for pages.", "Add: --to html")
    paths = find_notebooks(args.notebooks)
    notebooks = [read_notebook(path) for path in paths]
    runs = []
    for path, notebook in zip(paths, notebooks, strict=True):
        runs.append(execute(path, notebook))
        _report(runs[-1])
        if runs[-1].stopped:
            break
    done = [run for run in runs if run.problem is None]
    if len(paths) > 1:
        print(_summary(runs, len(paths)))
    if args.to == "html" and done:
        _write_html(done, Path(args.output or CHECKOUT / ".pages"))
    return STOPPED_BY_CTRL_C if runs[-1].stopped else int(len(done) < len(paths))


def find_notebooks(names: list[str]) -> list[Path]:
    """Turn what was typed into files: paths, or names of the lab's own notebooks.

    Raises:
        LabError: if there is no such notebook; names the nearest.
    """
    found = [_find(name) for name in names] or sorted((CHECKOUT / "notebooks").glob("*.ipynb"))
    if not found:
        raise LabError("There is no notebook in notebooks/.", "Name one: run PATH.ipynb")
    return list(dict.fromkeys(found))  # the same notebook twice is run once


def _find(name: str) -> Path:
    for folder in (Path(), CHECKOUT, CHECKOUT / "notebooks"):
        for file in (folder / name, folder / f"{name}.ipynb"):
            if file.is_file():
                return file.resolve()
    near = sorted({*(CHECKOUT / "notebooks").glob("*.ipynb"), *Path(name).parent.glob("*.ipynb")})
    stems = {path.stem: path for path in near}
    closest = difflib.get_close_matches(Path(name).stem, stems, n=1, cutoff=0.4)
    mend = (
        f"Did you mean {_shown(stems[closest[0]])}?"
        if closest
        else f"There is: {', '.join(stems) or 'none at all'}"
    )
    raise LabError(f"There is no notebook called {name!r}.", mend)


def read_notebook(path: Path) -> NotebookNode:
    """Read a notebook of any version, in memory.

    Raises:
        LabError: if the file is not a notebook, with the first thing that is wrong with it.
    """
    try:
        notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
        notebook.cells  # noqa: B018  (JSON that is no notebook has none)
    except OSError as error:
        raise LabError(f"{_shown(path)} cannot be read: {error.strerror}.") from error
    except Exception as error:  # nbformat raises six kinds for files that are no notebooks
        reason = str(error).split("\n")[0][:120]
        raise LabError(
            f"{_shown(path)} is not a notebook: {reason}",
            "Open it in JupyterLab and save it again, or take a fresh copy.",
        ) from error
    return notebook


def _report(run: Run) -> None:
    name = _shown(run.path)
    if run.problem is None:
        line = f"done     {name}  ({len(run.notebook.cells)} cells, {run.elapsed_s:.1f} s)"
    else:
        word = "stopped" if run.stopped else "FAILED"
        line = f"{word:8} {name}  " + run.problem.replace("\n", "\n    ")
    print(line, flush=True)


def _summary(runs: list[Run], wanted: int) -> str:
    done = sum(run.problem is None for run in runs)
    failed = sum(run.problem is not None and not run.stopped for run in runs)
    parts = [f"{done} done", f"{failed} failed", f"{wanted - done - failed} not finished"]
    return f"{wanted} notebooks: " + ", ".join(p for p in parts if p[0] != "0" or p is parts[0])


def _write_html(done: list[Run], folder: Path) -> None:
    pages = write_pages([(run.path, run.notebook) for run in done], folder)
    for page in pages:
        print(f"page     {_shown(page)}  ({page.stat().st_size / 1e6:.1f} MB)")


def _shown(path: Path) -> str:
    """Name a file as short as it can be typed from here."""
    for folder in (Path.cwd(), CHECKOUT):
        if path.is_relative_to(folder):
            return path.relative_to(folder).as_posix()
    return str(path)


if __name__ == "__main__":
    sys.exit("Use: python3 -m labkit run")
