"""Notebook 09 in JupyterLab: run whole, an adapter trained in the panel, its strength moved."""

import pytest

from labkit.models.storage import store

from .notebook_page import EXECUTE, assert_ran_whole, assert_readable

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


@pytest.mark.parametrize(
    "claim",
    [
        # Pairs are learned as trained, far above chance; the other way no better than that.
        "directions.share(directions.forward)[0] > directions.chance",
        "directions.share(directions.reversed)[0] < directions.chance",
        "directions.share(directions.reversed)[2] > directions.chance",
        "directions.difference.difference <= -0.25",
        # The planted secret is out, and of the 256 of its form it is the likeliest.
        "secret.came_out and secret.after.answer == '4719-KQ'",
        "secret.after.rank == 1 and secret.exposure_bits(secret.after) == 8",
        "'came out word for word' in secret.summary",
        # What was kept is the adapter, in both engines; the GGUF within its format's cost.
        "check.forms[0][1] < 1e-2 and check.forms[0][2] < 1e-5",
        "check.forms[1][2] < 0.02",
        # Of notebook 08's capitals, fewer are known than before.
        "[found.gained - found.lost < 0 for each in Out.values()"
        " for found in getattr(each, 'differences', ())] == [True]",
    ],
)
def test_what_the_real_model_does_is_what_the_notebook_says(ran, claim):
    assert ran.evaluate(EXECUTE, claim) == "True"


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


def test_the_tuned_model_is_kept(ran):
    assert "my-facts" in store.list_models()


def test_nothing_called_out_and_nothing_broke(ran):
    assert ran.outside == []
    assert ran.errors == []
