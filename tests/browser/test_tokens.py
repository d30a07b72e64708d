"""Notebook 01 in JupyterLab: run whole, its strip read, its panels used by hand."""

import pytest

from .notebook_page import assert_ran_whole, assert_readable

pytestmark = pytest.mark.slow
NOTEBOOK = "01_tokens"

TITLE = "document.querySelector('.widget-box .js-plotly-plot .gtitle')?.textContent ?? ''"
DETAILS = "token => getComputedStyle(token, '::after').content"


def output(page, text):
    """The output area that holds this text, in view."""
    area = page.locator(".jp-OutputArea-output", has_text=text).first
    area.scroll_into_view_if_needed()
    return area


def test_the_whole_notebook_runs_without_an_error(ran):
    assert_ran_whole(ran, figures=4)
    assert ran.locator(".lk-strip").count() >= 5


def test_a_token_tells_all_on_hover_and_on_keyboard_focus(ran):
    strip = output(ran, "smollm2: 6 tokens")
    tokens = strip.locator("i")
    tokens.nth(1).hover()
    told = tokens.nth(1).evaluate(DETAILS)
    assert "id " in told and "bytes 20 69 73" in told and "characters 3 to 6" in told
    assert "merge rank" in told
    ran.mouse.move(5, 5)
    assert tokens.nth(1).evaluate(DETAILS) == "none"
    tokens.nth(0).focus()
    ran.keyboard.press("ArrowRight")
    assert "characters 3 to 6" in tokens.nth(1).evaluate(DETAILS)
    assert ran.evaluate("document.activeElement.textContent") == "·is"


def test_the_strip_follows_what_is_typed(ran):
    panel = ran.locator(".jp-OutputArea-output .widget-box", has=ran.locator("textarea")).first
    panel.scroll_into_view_if_needed()
    before = panel.locator(".lk-strip").inner_text()
    box = panel.locator("textarea").first
    box.click()
    box.press("Control+a")
    ran.keyboard.type("Grüße <b>aus</b> 東京 42", delay=20)
    panel.locator(".lk-strip i", has_text="42").first.wait_for(timeout=20_000)
    assert panel.locator(".lk-strip").inner_text() != before
    rows = panel.locator(".lk-names").first.locator("div").count()
    panel.get_by_label("deepseek").check()
    ran.wait_for_function(
        "([panel, rows]) => panel.querySelector('.lk-names')?.children.length === rows",
        arg=[panel.element_handle(), rows + 1],
        timeout=20_000,
    )


def test_the_slider_joins_the_text(ran):
    panel = ran.locator(".jp-OutputArea-output .widget-box", has=ran.locator(".noUi-handle")).first
    panel.scroll_into_view_if_needed()
    title, tokens = ran.evaluate(TITLE), panel.locator(".lk-strip i").count()
    handle = panel.locator(".noUi-handle").first
    handle.focus()
    for _ in range(30):
        ran.keyboard.press("PageUp")
    ran.wait_for_function(f"title => {TITLE} !== title", arg=title, timeout=20_000)
    ran.wait_for_function(
        "([panel, tokens]) => panel.querySelectorAll('.lk-strip i').length < tokens",
        arg=[panel.element_handle(), tokens],
        timeout=20_000,
    )
    ran.wait_for_timeout(1000)
    assert "tokens per character" in ran.evaluate(TITLE)


def test_texts_are_readable_in_both_themes(ran):
    assert_readable(ran)


def test_nothing_called_out_and_nothing_broke(ran):
    assert ran.outside == []
    assert ran.errors == []
