"""Notebook 03 in JupyterLab: run whole, its text streamed at every speed."""

import pytest

pytestmark = pytest.mark.slow
NOTEBOOK = "03_speed"


def test_the_whole_notebook_runs_without_an_error(ran, shot):
    shot("03_end")
    assert ran.locator('[data-mime-type="application/vnd.jupyter.stderr"]').count() == 0
    assert ran.locator(".js-plotly-plot .main-svg").count() >= 9


def test_pictures_to_look_at(ran):
    from .conftest import SHOTS

    cells = ran.locator(".jp-CodeCell")
    for number in range(cells.count()):
        cells.nth(number).scroll_into_view_if_needed()
        ran.wait_for_timeout(300)
        cells.nth(number).screenshot(path=SHOTS / f"03_cell_{number:02}.png")


def test_the_text_comes_at_every_speed_and_stops(ran, shot):
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
    shot("03_pace")
    panel.get_by_role("button", name="Stop").click()
    panel.get_by_role("button", name="Run").and_(ran.locator(":enabled")).wait_for(timeout=20_000)
    stopped = panel.evaluate(lengths)
    ran.wait_for_timeout(500)
    assert panel.evaluate(lengths) == stopped


def test_nothing_called_out_and_nothing_broke(ran):
    assert ran.outside == []
    assert ran.errors == []
