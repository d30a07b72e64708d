"""Notebook 08 in JupyterLab: run whole, and the sliders of a calibration moved."""

import pytest

from .notebook_page import assert_ran_whole, assert_readable

pytestmark = pytest.mark.slow
NOTEBOOK = "08_limits"


def test_the_whole_notebook_runs_without_an_error(ran):
    assert_ran_whole(ran, figures=7)


def test_its_texts_are_readable_in_both_themes(ran):
    assert_readable(ran)


def test_the_attack_was_stopped(ran):
    ran.get_by_text("PermissionError: [Errno 1] Operation not permitted").first.wait_for()


def test_nothing_called_out_and_nothing_broke(ran):
    assert ran.outside == []
    assert ran.errors == []
