"""Notebook 06 in JupyterLab: run whole, and a week changed under the learner's hand."""

import pytest

from .notebook_page import assert_ran_whole, assert_readable, run_all

pytestmark = pytest.mark.slow
NOTEBOOK = "06_cost"


@pytest.fixture
def panel(ran):
    """The panel of the week, in view."""
    box = ran.locator(".jp-OutputArea-output .widget-box", has_text="In the cloud").first
    box.scroll_into_view_if_needed()
    box.get_by_text("A week in the cloud: $8.80").wait_for(timeout=60_000)
    return box


def test_the_whole_notebook_runs_without_an_error(ran):
    assert_ran_whole(ran, figures=7)


def test_a_slider_moved_by_key_changes_the_week_and_the_figure(ran, panel):
    title = panel.locator(".js-plotly-plot .gtitle").first
    before = title.text_content()
    slider = panel.get_by_role("slider").first  # questions an hour
    slider.focus()
    ran.keyboard.press("ArrowRight")
    panel.get_by_text("A week in the cloud: $9.24").wait_for(timeout=30_000)
    ran.wait_for_function(
        "([node, before]) => node.textContent !== before",
        arg=[title.element_handle(), before],
        timeout=30_000,
    )
    ran.keyboard.press("ArrowLeft")
    panel.get_by_text("A week in the cloud: $8.80").wait_for(timeout=30_000)


def test_another_model_is_chosen(ran, panel):
    choice = panel.locator("select").first
    choice.select_option(label="GPT-4 (2023-03)")
    panel.get_by_text("A week in the cloud: $60.00").wait_for(timeout=30_000)
    panel.get_by_text("break-even: 13 weeks").first.wait_for(timeout=30_000)
    choice.select_option(label="GPT-6 Luna (2026-09)")  # another number of rows in the tornado
    panel.get_by_text("No single assumption leads").wait_for(timeout=30_000)
    choice.select_option(label="GPT-6 Sol (2026-09)")
    panel.get_by_text("price of the hardware").first.wait_for(timeout=30_000)
    panel.get_by_text("A week in the cloud: $8.80").wait_for(timeout=30_000)


def test_a_guess_stands_beside_its_answer_and_no_other(ran):
    field = ran.get_by_placeholder("a number").first
    field.scroll_into_view_if_needed()
    field.fill("50 dollars")
    field.press("Enter")
    ran.get_by_text("your guess must be a number").wait_for(timeout=30_000)
    field.fill("50")
    field.press("Enter")
    ran.get_by_text("Kept. What you measure").wait_for(timeout=30_000)
    run_all(ran)
    assert ran.get_by_text("you guessed $50.00, it is $60.00").count() == 1
    assert ran.get_by_text("you guessed $50.00", exact=True).count() == 1  # on the card


def test_amounts_in_the_prose_are_no_formulas(ran):
    assert ran.locator(".jp-MarkdownCell mjx-container").count() == 0
    assert ran.get_by_text("$40 to 80").count() >= 2


def test_its_texts_are_readable_in_both_themes(ran):
    assert_readable(ran)


def test_nothing_called_out_and_nothing_broke(ran):
    assert ran.outside == []
    assert ran.errors == []
