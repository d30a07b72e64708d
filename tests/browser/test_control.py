"""Notebook 09 in JupyterLab: run whole, an adapter trained in the panel, its strength moved."""

import pytest

from labkit.models.storage import store

from .notebook_page import assert_ran_whole, assert_readable

pytestmark = pytest.mark.slow
NOTEBOOK = "09_control"


@pytest.fixture(scope="module", autouse=True)
def leaves_no_model():
    """The tuned model that the notebook keeps takes 700 MB."""
    was_here = "my-facts" in store.list_models()
    yield
    if not was_here:
        store.remove("my-facts")


def test_the_whole_notebook_runs_without_an_error(ran):
    assert_ran_whole(ran, figures=8)


def test_its_texts_are_readable_in_both_themes(ran):
    assert_readable(ran)


def test_the_strength_slider_moves_the_bars(ran):
    panel = ran.locator(".jp-OutputArea-output .widget-box", has_text="strength").first
    panel.scroll_into_view_if_needed()
    panel.get_by_text("at strength 1 ").first.wait_for(timeout=60_000)
    handle = panel.locator(".noUi-handle").first
    handle.focus()
    handle.press("ArrowRight")
    panel.get_by_text("at strength 1.5").first.wait_for(timeout=60_000)


def test_the_secret_is_the_likeliest_of_its_form(ran):
    ran.get_by_text("1 of 256", exact=True).first.wait_for()


def test_nothing_called_out_and_nothing_broke(ran):
    assert ran.outside == []
    assert ran.errors == []
