"""Notebook 10 in JupyterLab: run whole, and what must not leave stayed."""

import pytest

from .notebook_page import assert_ran_whole, assert_readable

pytestmark = pytest.mark.slow
NOTEBOOK = "10_decide"


def test_the_whole_notebook_runs_without_an_error(ran):
    assert_ran_whole(ran, figures=3)


def test_its_texts_are_readable_in_both_themes(ran):
    assert_readable(ran)


def test_what_must_not_leave_stayed_and_the_rest_went(ran):
    ran.get_by_text("small, by policy (it holds what must not leave)").first.wait_for()
    ran.get_by_text("large, by rule").first.wait_for()


def test_nothing_called_out_and_nothing_broke(ran):
    assert ran.outside == []
    assert ran.errors == []
