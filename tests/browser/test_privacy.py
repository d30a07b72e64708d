"""Notebook 05 in JupyterLab: run whole, a text scanned as it is typed, an answer restored."""

import secrets

import pytest

from .notebook_page import assert_ran_whole, assert_readable

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


def test_the_whole_notebook_runs_without_an_error(ran):
    assert_ran_whole(ran, figures=2)


def test_the_network_figure_of_a_local_answer_is_empty(ran):
    cell = ran.locator(".jp-CodeCell").filter(has_text="as local:")
    cell.scroll_into_view_if_needed()
    cell.get_by_text("an empty list: no connection, no name looked up").wait_for(timeout=20_000)
    assert cell.get_by_text("no connection was tried").count() == 1
    assert not cell.locator("table:visible").count(), "the kernel's own connections are folded"


def test_that_of_a_call_shows_the_call(ran):
    cell = ran.locator(".jp-CodeCell").filter(has_text="as called:")
    cell.scroll_into_view_if_needed()
    row = cell.locator("tbody tr", has_text="httpcore2").first
    row.wait_for(timeout=20_000)
    assert "127.0.0.1" in row.text_content() and "stays here" in row.text_content()
    assert not cell.get_by_text("an empty list").count()


def test_what_is_typed_is_scanned_and_an_answer_is_restored(ran, panel):
    text, answer = panel.locator("textarea").first, panel.locator("textarea").last
    type_into(text, "Write to anna.meyer@example.com, please.")
    panel.get_by_text("Write to [EMAIL_1], please.").first.wait_for(timeout=30_000)
    assert panel.get_by_text("1 found").count() == 1
    type_into(answer, "I wrote to [EMAIL_1].")
    panel.get_by_text("I wrote to anna.meyer@example.com.").wait_for(timeout=30_000)


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


ADD = """source => {
  const panel = window.jupyterapp.shell.currentWidget, model = panel.content.model.sharedModel;
  model.insertCell(model.cells.length, { cell_type: 'code', source });
  panel.content.activeCellIndex = model.cells.length - 1;
  window.jupyterapp.commands.execute('notebook:run-cell');
}"""
SAVED = "() => JSON.stringify(window.jupyterapp.shell.currentWidget.context.model.toJSON())"


def test_a_key_that_is_typed_is_kept_and_nowhere_on_the_page(ran):
    key = f"sk-planted-{secrets.token_hex(12)}"
    ran.evaluate(ADD, 'lab.comparison.api_key_panel("mistral")')
    field = ran.locator("input[type=password]")
    field.press_sequentially(key, timeout=60_000)
    field.press("Enter")
    ran.get_by_text("is kept until the kernel stops").wait_for(timeout=60_000)
    ran.wait_for_function("() => !document.querySelector('input[type=password]').value")
    ran.evaluate(ADD, "lab.clouds()")
    ran.get_by_text("Mistral: key found").wait_for(timeout=60_000)
    assert "api_key_panel" in (saved := ran.evaluate(SAVED)), "what Save would write"
    assert key not in saved + ran.content()


def test_texts_are_readable_in_both_themes(ran):
    assert_readable(ran)


def test_nothing_called_out_and_nothing_broke(ran):
    assert ran.outside == []
    assert ran.errors == []
