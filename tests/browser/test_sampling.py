"""Notebook 02 in JupyterLab: run whole, sliders moved, tokens drawn and picked by hand."""

import pytest

from .notebook_page import assert_ran_whole, assert_readable

pytestmark = pytest.mark.slow
NOTEBOOK = "02_sampling"

TITLE = "panel => panel.querySelector('.js-plotly-plot .gtitle').textContent"
CHANGED = f"([panel, before]) => ({TITLE})(panel) !== before"
# Widths of the bars of what is drawn from, as they are drawn.
BARS = """panel => [...panel.querySelectorAll('.js-plotly-plot .trace.bars')][1]
                  .querySelectorAll('path')[0].getBBox().width"""


@pytest.fixture
def sliders(ran):
    """The chain's panel, in view."""
    box = ran.locator(".jp-OutputArea-output .widget-box", has_text="Applied from top").first
    box.scroll_into_view_if_needed()
    return box


@pytest.fixture
def steps(ran):
    """The step-by-step panel, in view."""
    box = ran.locator(".jp-OutputArea-output .widget-box", has_text="Take the likeliest").first
    box.scroll_into_view_if_needed()
    return box


def wait_for_title(page, panel, before):
    page.wait_for_function(CHANGED, arg=[panel.element_handle(), before], timeout=20_000)


def test_the_whole_notebook_runs_without_an_error(ran):
    assert_ran_whole(ran, figures=6)


def test_a_slider_moved_by_keys_changes_bars_table_and_title(ran, sliders):
    handle = sliders.locator(".noUi-handle").nth(2)  # temperature
    handle.focus()
    title, width = sliders.evaluate(TITLE), sliders.evaluate(BARS)
    table = sliders.locator("table").inner_text()
    ran.keyboard.press("ArrowLeft")
    wait_for_title(ran, sliders, title)
    for _ in range(8):
        ran.keyboard.press("ArrowLeft")
    ran.wait_for_timeout(1000)
    assert sliders.evaluate(BARS) > width  # a lower temperature: the leading token gains
    assert sliders.locator("table").inner_text() != table


def test_the_order_is_changed_by_its_arrows(ran, sliders):
    title = sliders.evaluate(TITLE)
    for _ in range(2):
        sliders.get_by_title("Apply top_p earlier").click()
    wait_for_title(ran, sliders, title)
    heads = sliders.locator("thead th")  # drawn a moment after the title
    for index, stage in ((1, "top_p"), (2, "temperature")):
        heads.nth(index).filter(has_text=stage).wait_for(timeout=20_000)


def test_a_thousand_draws_are_marked(ran, sliders):
    sliders.get_by_role("button", name="Draw 1,000").click()
    sliders.get_by_text("1,000 draws").wait_for(timeout=20_000)
    ran.wait_for_timeout(500)
    assert sliders.locator(".js-plotly-plot .points path").count() > 0


def test_a_token_is_picked_and_taken_back(ran, steps):
    before = steps.inner_text()
    steps.get_by_role("button", name="Take the likeliest").click()
    ran.wait_for_function(
        "([box, before]) => box.innerText !== before",
        arg=[steps.element_handle(), before],
        timeout=20_000,
    )
    steps.get_by_role("button", name="Branch").click()
    steps.get_by_role("button", name="Draw one").click()
    ran.wait_for_timeout(1500)
    assert "B" in steps.locator("table").last.inner_text()


def test_a_traced_token_tells_what_it_was_chosen_over(ran):
    tokens = ran.locator(".lk-trace .t")
    tokens.nth(3).scroll_into_view_if_needed()
    ran.mouse.move(5, 5)
    assert not tokens.nth(3).locator(".p").is_visible()
    tokens.nth(2).focus()
    ran.keyboard.press("ArrowRight")
    told = tokens.nth(3).locator(".p")
    assert told.is_visible() and "token 4 of" in told.inner_text() and "%" in told.inner_text()


def test_texts_are_readable_in_both_themes(ran):
    assert_readable(ran)


def test_nothing_called_out_and_nothing_broke(ran):
    assert ran.outside == []
    assert ran.errors == []
