"""Notebook 07 in JupyterLab: run whole, a prompt changed in the panel and scored again."""

import pytest

from .notebook_page import assert_ran_whole, assert_readable

pytestmark = pytest.mark.slow
NOTEBOOK = "07_prompts"


def test_the_whole_notebook_runs_without_an_error(ran):
    assert_ran_whole(ran, figures=2)


def test_a_changed_prompt_is_scored_and_compared(ran):
    panel = ran.locator(".jp-OutputArea-output .widget-box", has_text="instruction").first
    panel.scroll_into_view_if_needed()
    panel.get_by_role("button", name="Run").click()
    panel.get_by_text("of 20 right").first.wait_for(timeout=300_000)
    panel.locator("textarea").nth(1).fill("Sort the mail. <b>Desks</b> have one word.")
    panel.get_by_role("button", name="Run").click()
    panel.get_by_text("compared with the run before").first.wait_for(timeout=300_000)


def test_its_texts_are_readable_in_both_themes(ran):
    assert_readable(ran)


def test_nothing_called_out_and_nothing_broke(ran):
    assert ran.outside == []
    assert ran.errors == []
