"""Notebook 00 in JupyterLab: run whole, then used by hand."""

import pytest

from .notebook_page import assert_ran_whole, assert_readable

pytestmark = pytest.mark.slow
NOTEBOOK = "00_start"
LONG_MS = 300_000

FIGURE_TITLE = "document.querySelector('.widget-box .js-plotly-plot .gtitle')?.textContent ?? ''"


@pytest.fixture
def panel(ran):
    """The prompt panel, in view, the run of its cell or of another test ended."""
    box = ran.locator(".jp-OutputArea-output .widget-box", has=ran.locator("textarea")).first
    box.scroll_into_view_if_needed()
    box.locator("button:has-text('Run'):not([disabled])").wait_for(timeout=LONG_MS)
    return box


def press_run(panel):
    """Presses Run, and waits until the kernel has heard it."""
    panel.get_by_role("button", name="Run").click()
    panel.locator("button:has-text('Stop'):not([disabled])").wait_for(timeout=LONG_MS)


def test_the_whole_notebook_runs_without_an_error(ran):
    assert_ran_whole(ran, figures=3)


def test_figures_are_drawn_and_offer_no_way_to_a_cloud(ran):
    figure = ran.locator(".jp-RenderedPlotly, .js-plotly-plot").first
    figure.scroll_into_view_if_needed()
    figure.hover()
    ran.wait_for_timeout(500)
    titles = ran.eval_on_selector_all(
        ".modebar-btn", "buttons => buttons.map(b => b.getAttribute('data-title') ?? '')"
    )
    assert titles
    assert not [title for title in titles if "cloud" in title.lower() or "share" in title.lower()]


def test_another_prompt_is_answered_live(ran, panel):
    before = panel.locator(".widget-html").last.inner_text()
    title = ran.evaluate(FIGURE_TITLE)
    panel.locator("textarea").fill("Write one sentence about the sea.")
    press_run(panel)
    ran.wait_for_function(f"title => {FIGURE_TITLE} !== title", arg=title, timeout=60_000)
    panel.locator("button:has-text('Run'):not([disabled])").wait_for(timeout=LONG_MS)
    assert "tokens/s" in ran.evaluate(FIGURE_TITLE)
    assert panel.locator(".widget-html").last.inner_text() != before


def test_stop_ends_an_answer_and_keeps_it(ran, panel):
    panel.locator("textarea").fill("Tell me a very long story about a lighthouse.")
    panel.locator("input[type=number]").fill("1500")
    answer = panel.locator(".widget-html").last
    before = answer.inner_text()
    press_run(panel)
    ran.wait_for_function(
        "([box, before]) => box.innerText.length > 40 && !before.startsWith(box.innerText)",
        arg=[answer.element_handle(), before],
        timeout=120_000,
    )
    panel.get_by_role("button", name="Stop").click()
    panel.get_by_text("Stopped.").wait_for(timeout=20_000)
    assert panel.get_by_role("button", name="Run").is_enabled()
    assert len(answer.inner_text()) > 40


@pytest.mark.parametrize(
    ("box", "value", "sentence"),
    [("textarea", "", "prompt must have"), ("input[placeholder='a fresh one']", "x", "seed must")],
)
def test_bad_input_gets_a_sentence_in_place(panel, box, value, sentence):
    before = panel.locator(box).input_value()
    panel.locator(box).fill(value)
    panel.get_by_role("button", name="Run").click()
    alert = panel.get_by_role("alert").filter(has_text=sentence)
    alert.wait_for(timeout=20_000)
    assert "Traceback" not in alert.inner_text()
    panel.locator(box).fill(before)


def test_a_slider_answers_to_the_keyboard(ran, panel):
    handle = panel.get_by_role("slider", name="temperature")
    handle.focus()
    before = handle.get_attribute("aria-valuenow")
    ran.keyboard.press("ArrowRight")
    ran.wait_for_function(
        "([handle, before]) => handle.getAttribute('aria-valuenow') !== before",
        arg=[handle.element_handle(), before],
        timeout=10_000,
    )


def test_texts_are_readable_in_both_themes(ran):
    assert_readable(ran)


def test_nothing_called_out_and_nothing_broke(ran):
    assert ran.outside == []
    assert ran.errors == []
