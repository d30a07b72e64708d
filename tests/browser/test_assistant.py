"""Notebook 11 in JupyterLab: run whole, and its field typed into."""

import pytest

from .notebook_page import assert_ran_whole, assert_readable

pytestmark = pytest.mark.slow
NOTEBOOK = "11_assistant"
FIELD = ".lk-ghost textarea"
GHOST = "() => document.querySelector('.lk-ghost-text')?.textContent.length > 0"
WAIT_MS = 120_000  # on a shared machine


@pytest.fixture(scope="module")
def field(ran):
    field = ran.locator(FIELD)
    field.scroll_into_view_if_needed()
    field.fill("")
    return field


def test_the_whole_notebook_runs_without_an_error(ran):
    assert_ran_whole(ran, figures=3)


def test_its_texts_are_readable_in_both_themes(ran):
    assert_readable(ran)


def test_tab_accepts_what_is_suggested(ran, field):
    field.press_sequentially("one, two, three, four,")
    ran.wait_for_function(GHOST, timeout=WAIT_MS)
    ghost = ran.locator(".lk-ghost-text").inner_text()
    assert ran.locator(".lk-ghost-spoken").inner_text() == f"Suggestion: {ghost}"
    field.press("Tab")
    assert field.input_value() == f"one, two, three, four,{ghost}"
    ran.get_by_text("1 accepted").wait_for(timeout=WAIT_MS)
    assert field.evaluate("field => field === document.activeElement")


def test_escape_refuses_and_what_is_typed_alike_keeps_the_ghost(ran, field):
    field.fill("")
    field.press_sequentially("a, b, c, d, e, f,")
    ran.wait_for_function(GHOST, timeout=WAIT_MS)
    ghost = ran.locator(".lk-ghost-text").inner_text()
    field.press_sequentially(ghost[0])
    if len(ghost) > 1:
        assert ran.locator(".lk-ghost-text").inner_text() == ghost[1:]
    ran.wait_for_function(GHOST, timeout=WAIT_MS)
    typed = field.input_value()
    field.press("Escape")
    assert field.input_value() == typed and not ran.evaluate(GHOST)
    ran.get_by_text("1 refused").wait_for(timeout=WAIT_MS)


def test_enter_keeps_the_indentation_and_undo_takes_it_back(ran, field):
    field.fill("")
    field.press_sequentially("if x:")
    field.press("Enter")
    assert field.input_value() == "if x:\n    "
    ran.evaluate(
        "() => document.execCommand('undo')"
    )  # Chromium without a window has no key for it
    assert "\n" not in field.input_value()


def test_the_budget_stands_beside_the_time_and_no_connection_was_tried(ran, field):
    field.fill("")
    field.press_sequentially("red, green,")
    ran.wait_for_function(GHOST, timeout=WAIT_MS)
    ran.get_by_text("budget 200 ms").wait_for()
    ran.get_by_text("from key to suggestion:").wait_for()
    ran.get_by_text("connections tried: none").first.wait_for(timeout=WAIT_MS)


def test_nothing_called_out_and_nothing_broke(ran):
    assert ran.outside == []
    assert ran.errors == []
