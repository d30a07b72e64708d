"""Notebook 03 in JupyterLab: run whole, its text streamed at every speed."""

import re

import pytest

from .notebook_page import assert_ran_whole, assert_readable

pytestmark = pytest.mark.slow
NOTEBOOK = "03_speed"


def test_the_whole_notebook_runs_without_an_error(ran):
    assert_ran_whole(ran, figures=9)


def test_the_text_comes_at_every_speed_and_stops(ran):
    panel = ran.locator(".widget-box", has=ran.get_by_role("button", name="Run")).first
    panel.scroll_into_view_if_needed()
    panel.get_by_role("button", name="Run").focus()
    ran.keyboard.press("Enter")
    cards = "'.widget-html-content > div[style*=border-radius]'"
    lengths = f"panel => [...panel.querySelectorAll({cards})].map(c => c.textContent.length)"
    grown = f"""panel => {{
      const now = ({lengths})(panel);
      return now.length >= 4 && Math.max(...now) > 5 * Math.min(...now) && Math.min(...now) > 0;
    }}"""
    ran.wait_for_function(grown, arg=panel.element_handle(), timeout=60_000)
    panel.get_by_role("button", name="Stop").click()
    panel.get_by_role("button", name="Run").and_(ran.locator(":enabled")).wait_for(timeout=20_000)
    stopped = panel.evaluate(lengths)
    ran.wait_for_timeout(500)
    assert panel.evaluate(lengths) == stopped


LONG = "long = lab.speed.vary_output_length(model, question, repeats=500, limit_s=900)\nprint(long)"
VARIED = re.compile(r"output\s+length\s+varied\s.*seconds\s+end\s+to\s+end\s+at\s+8:", re.S)
RUN_LAST = """source => {
  const panel = window.jupyterapp.shell.currentWidget;
  panel.content.activeCellIndex = panel.content.widgets.length - 1;
  panel.content.activeCell.model.sharedModel.setSource(source);
  window.jupyterapp.commands.execute('notebook:run-cell');
}"""


def test_the_toolbars_stop_keeps_what_an_experiment_measured(ran):
    cell = ran.locator(".jp-CodeCell").last
    ran.evaluate(RUN_LAST, LONG)
    bar = cell.locator(".jp-OutputArea-output", has_text=re.compile(r"\b([6-9]|\d\d)/2004"))
    bar.wait_for(timeout=300_000)  # two rounds of four lengths at most
    ran.locator('[data-command="notebook:interrupt-kernel"]').first.click()
    told = cell.locator("pre", has_text=VARIED)
    told.wait_for(timeout=60_000)
    assert cell.locator('[data-mime-type="application/vnd.jupyter.stderr"]').count() == 0
    assert "Traceback" not in cell.inner_text() and "Interrupt" not in told.inner_text()
    assert bar.count() == 0, "a bar that was left"


def test_texts_are_readable_in_both_themes(ran):
    assert_readable(ran)


def test_nothing_called_out_and_nothing_broke(ran):
    assert ran.outside == []
    assert ran.errors == []
