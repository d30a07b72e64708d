"""What every panel does in JupyterLab: Stop while a cell runs, and a panel without its kernel."""

import pytest

from labkit.ui.panel import DISCONNECTED

from .notebook_page import run_all, set_cells

pytestmark = pytest.mark.slow
NOTEBOOK = "05_privacy"

PANEL = """import time
import ipywidgets as widgets
from labkit.ui.panel import RunPanel
from labkit.ui.runner import Progress, Runner

class Counter(RunPanel):
    def __init__(self):
        self.runner = Runner(self.work, lambda: None, "Count")
        self.widget = widgets.VBox([self.runner.widget])

    def work(self):
        for number in range(10_000):
            time.sleep(0.02)
            yield Progress(number, 10_000, f"counted to {number}")

counter = Counter()
counter"""
RUN = """index => {
  const { content } = window.jupyterapp.shell.currentWidget;
  content.activeCellIndex = index;
  window.jupyterapp.commands.execute('notebook:run-cell');
}"""
LOST = "This panel is no longer connected"


def test_stop_is_heard_while_cells_run_and_wait(page):
    set_cells(page, PANEL, "time.sleep(40)", "time.sleep(40)")
    page.evaluate(RUN, 0)
    box = page.locator(".lk-runner")
    box.wait_for(timeout=60_000)
    box.get_by_role("button", name="Run").click()
    box.get_by_text("counted to").wait_for(timeout=30_000)
    page.evaluate(RUN, 1)
    page.evaluate(RUN, 2)
    box.get_by_role("button", name="Stop").click()
    box.get_by_text("Stopped. counted to").wait_for(timeout=20_000)
    assert page.get_by_text("[*]:").count() == 2, "one cell still runs, one waits"
    page.get_by_text(LOST).wait_for(state="attached")
    assert not page.get_by_text(LOST).is_visible()
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:interrupt-kernel')")


def test_a_saved_panel_without_its_kernel_says_what_to_do(page):
    view = {"model_id": "of-a-kernel-that-is-gone", "version_major": 2, "version_minor": 0}
    saved = [
        {"output_type": "display_data", "metadata": {}, "data": data}
        for data in (
            {"application/vnd.jupyter.widget-view+json": view, "text/plain": "a panel"},
            {"text/html": DISCONNECTED},
        )
    ]
    set_cells(page, ("counter", saved), "1")
    page.get_by_text(LOST).wait_for(timeout=60_000)
    set_cells(page, PANEL)
    run_all(page)
    page.locator(".lk-runner").wait_for(timeout=60_000)
    page.wait_for_timeout(7_000)
    assert not page.get_by_text(LOST).is_visible()
