"""Runs notebooks in JupyterLab and leaves a screenshot of each code cell, for people to look at.

    python -m tests.browser.screenshots [NOTEBOOK …]

From the checkout's root; all notebooks by default. They go to ``.screenshots``, which git ignores.
"""

import sys
import tempfile
from pathlib import Path

from .chromium import start_chromium
from .lab_server import ROOT, LabServer
from .notebook_page import open_notebook, run_all, stop_kernel

FOLDER = ROOT / ".screenshots"


def main(names):
    """Shoots the cells of these notebooks, or of all."""
    FOLDER.mkdir(exist_ok=True)
    names = names or sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
    with tempfile.TemporaryDirectory() as folder:
        lab = LabServer(Path(folder))
        try:
            with start_chromium(lab.chromium) as browser:
                for name in names:
                    page = run_all(open_notebook(browser, lab, name))
                    shoot_cells(page, name)
                    stop_kernel(page)
        finally:
            lab.close()


def shoot_cells(page, name):
    """A screenshot of each code cell and what it shows."""
    cells = page.locator(".jp-CodeCell")
    for number in range(cells.count()):
        cells.nth(number).scroll_into_view_if_needed()
        page.wait_for_timeout(500)  # until plots that came into view are drawn
        cells.nth(number).screenshot(path=FOLDER / f"{name[:2]}_cell_{number:02}.png")


if __name__ == "__main__":
    main(sys.argv[1:])
