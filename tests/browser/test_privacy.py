"""Notebook 05 in JupyterLab: run whole, a text scanned as it is typed, an answer put right."""

import pytest

from .conftest import SHOTS

pytestmark = pytest.mark.slow
NOTEBOOK = "05_privacy"


@pytest.fixture
def panel(ran):
    """The scanner's panel, in view."""
    box = ran.locator(".jp-OutputArea-output .widget-box", has_text="What would leave").first
    box.scroll_into_view_if_needed()
    return box


def type_into(area, text):
    area.click()
    area.press("Control+a")
    area.press_sequentially(text)


def test_the_whole_notebook_runs_without_an_error(ran, shot):
    shot("05_end")
    assert ran.locator('[data-mime-type="application/vnd.jupyter.stderr"]').count() == 0
    assert ran.locator(".js-plotly-plot .main-svg").count() >= 2


def test_pictures_to_look_at(ran):
    cells = ran.locator(".jp-CodeCell")
    for number in range(cells.count()):
        cells.nth(number).scroll_into_view_if_needed()
        ran.wait_for_timeout(500)
        cells.nth(number).screenshot(path=SHOTS / f"05_cell_{number:02}.png")


def test_what_is_typed_is_scanned_and_an_answer_is_put_right(ran, panel, shot):
    text, answer = panel.locator("textarea").first, panel.locator("textarea").last
    type_into(text, "Write to anna.meyer@example.com, please.")
    panel.get_by_text("Write to [EMAIL_1], please.").first.wait_for(timeout=30_000)
    assert panel.get_by_text("1 found").count() == 1
    type_into(answer, "I wrote to [EMAIL_1].")
    panel.get_by_text("I wrote to anna.meyer@example.com.").wait_for(timeout=30_000)
    shot("05_scan")


def test_a_slider_moved_by_key_finds_less(ran, panel):
    type_into(panel.locator("textarea").first, "It was Maria Schneider who called.")
    panel.get_by_text("1 found").wait_for(timeout=30_000)
    slider = panel.get_by_role("slider")
    slider.focus()
    ran.keyboard.press("End")
    panel.get_by_text("Nothing found").wait_for(timeout=30_000)


def test_html_in_the_text_stays_text(ran, panel):
    type_into(panel.locator("textarea").first, "<img src=x onerror=window.owned=1> <b>bold</b>")
    panel.get_by_text("<b>bold</b>").first.wait_for(timeout=30_000)
    assert ran.evaluate("window.owned") is None


def test_nothing_called_out_and_nothing_broke(ran):
    assert ran.outside == []
    assert ran.errors == []
