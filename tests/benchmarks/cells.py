"""How long each cell of notebooks takes, run whole; those above some seconds are printed.

    python tests/benchmarks/cells.py 08_limits 09_control [--above 20]

One round, so the order counts and no single figure: give the machine to it alone. The limit is 90
seconds for an experiment at its default on two cores, and 4 minutes for a training.
"""

import argparse
from datetime import datetime

import nbformat
from nbclient import NotebookClient

from labkit.commands.notebooks.execute import kernel_environment
from labkit.install.checkout import ROOT
from labkit.models.machine import inspect_machine

BEGIN, END = "iopub.status.busy", "iopub.status.idle"


def seconds(cell):
    """Seconds from a cell's begin to its end, by the kernel's own messages."""
    times = cell.metadata.get("execution", {})
    begin, end = (datetime.fromisoformat(times[key]) for key in (BEGIN, END))
    return (end - begin).total_seconds()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("notebooks", nargs="+")
    parser.add_argument("--above", type=float, default=20.0, help="seconds")
    arguments = parser.parse_args()
    machine = inspect_machine()
    print(f"{machine.cpu}, {machine.cores} cores")
    for name in arguments.notebooks:
        path = ROOT / "notebooks" / f"{name}.ipynb"
        notebook = nbformat.read(path, as_version=4)
        folder = {"metadata": {"path": str(path.parent)}}
        NotebookClient(notebook, resources=folder).execute(env=kernel_environment())
        ran = [each for each in notebook.cells if "execution" in each.metadata]
        took = [(seconds(each), each.source) for each in ran]
        print(f"\n{name}: {sum(each for each, _ in took):.0f} s")
        for each, source in took:
            if each > arguments.above:
                print(f"  {each:6.1f}  {source.splitlines()[0][:80]}", flush=True)


if __name__ == "__main__":
    main()
