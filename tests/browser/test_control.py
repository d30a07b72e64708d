"""Notebook 09 in JupyterLab: run whole, an adapter trained in the panel, its strength moved."""

import pytest

from .notebook_page import assert_ran_whole

pytestmark = pytest.mark.slow
NOTEBOOK = "09_control"


def test_the_whole_notebook_runs_without_an_error(ran):
    assert_ran_whole(ran, figures=2)


def test_the_strength_slider_moves_the_bars(ran):
    panel = ran.locator(".jp-OutputArea-output .widget-box", has_text="strength").first
    panel.scroll_into_view_if_needed()
    panel.get_by_text("at strength 1 ").first.wait_for(timeout=60_000)
    handle = panel.locator(".noUi-handle").first
    handle.focus()
    handle.press("ArrowRight")
    panel.get_by_text("at strength 1.5").first.wait_for(timeout=60_000)


def test_nothing_called_out_and_nothing_broke(ran):
    assert ran.outside == []
    assert ran.errors == []
