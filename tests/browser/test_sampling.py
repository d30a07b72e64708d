"""Notebook 02 in JupyterLab: run whole, sliders moved, tokens drawn and picked by hand."""

import pytest

from .notebook_page import assert_ran_whole, assert_readable

pytestmark = pytest.mark.slow
NOTEBOOK = "02_sampling"

STATUS = "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status"
BUSY = """() => { window.jupyterapp.shell.currentWidget.sessionContext.session.kernel
  .requestExecute({ code: "import time; time.sleep(4)" }) }"""


@pytest.fixture
def bench(ran):
    """The bench, in view."""
    box = ran.locator(".lk-bench").first
    box.scroll_into_view_if_needed()
    return box


@pytest.fixture
def steps(ran):
    """The step-by-step panel, in view."""
    box = ran.locator(".jp-OutputArea-output .widget-box", has_text="Take the likeliest").first
    box.scroll_into_view_if_needed()
    return box


def test_the_whole_notebook_runs_without_an_error(ran):
    assert_ran_whole(ran, figures=6)


def test_a_slider_answers_in_the_page_also_while_a_cell_runs(ran, bench):
    slider, share = bench.get_by_role("slider", name="temperature"), bench.locator("td span").first
    before = share.inner_text()
    ran.evaluate(BUSY)
    slider.press("ArrowLeft")
    ran.wait_for_timeout(200)
    assert share.inner_text() != before
    assert ran.evaluate(STATUS) == "busy"
    ran.wait_for_function(f"({STATUS})() === 'idle'", timeout=60_000)


def test_the_text_writes_itself_with_the_models_scores(ran, bench):
    tokens = bench.locator(".text span")
    assert tokens.count() == 5
    bench.get_by_role("slider", name="temperature").press("w")
    tokens.nth(12).wait_for(timeout=60_000)
    bench.get_by_role("button", name="Stop").click()
    bench.get_by_role("button", name="Write").wait_for(timeout=20_000)
    titles = [each.get_attribute("title") for each in tokens.all()[5:]]
    assert all("a surprise of" in title for title in titles)
    bench.get_by_role("button", name="Branch").click()
    bench.get_by_role("button", name="Back").click()
    bench.locator(".branches .line").nth(1).wait_for()
    assert "the first" in bench.locator(".branches small").nth(1).inner_text()


def test_the_bench_fits_the_window_beside_the_side_bar(ran, bench):
    ran.set_viewport_size({"width": 1400, "height": 800})
    ran.evaluate("() => window.jupyterapp.shell.expandLeft()")
    ran.wait_for_timeout(800)
    bench.scroll_into_view_if_needed()
    size, cell = bench.bounding_box(), ran.locator(".jp-WindowedPanel-outer").first.bounding_box()
    assert size["width"] <= cell["width"] and size["height"] <= cell["height"]
    assert bench.evaluate("each => each.scrollWidth <= each.clientWidth")


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
