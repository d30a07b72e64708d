"""The wall with thirty entries in JupyterLab, in both themes."""

import pytest

from ..classroom.wall.thirty import write_class
from .notebook_page import assert_readable, run_all, set_cells

pytestmark = pytest.mark.slow
NOTEBOOK = "00_start"
SIZES = """texts => texts.map(text => parseFloat(getComputedStyle(text).fontSize))"""


@pytest.fixture(scope="module")
def wall(page, tmp_path_factory):
    folder = write_class(tmp_path_factory.mktemp("wall") / "class")
    code = f"import labkit as lab\npanel = lab.class_panel({str(folder)!r})\npanel"
    set_cells(page, code)
    return run_all(page)


@pytest.mark.parametrize("view", ["guesses", "speed", "votes", "exercises"])
def test_each_view_is_large_and_readable_in_both_themes(wall, view):
    wall.get_by_role("button", name=view, exact=True).click()
    titles = {
        "guesses": "30 learners guessed",
        "speed": "One model",
        "votes": "votes",
        "exercises": "solved",
    }
    wall.locator(".widget-html b").filter(has_text=titles[view]).first.wait_for()
    if view == "guesses":
        wall.get_by_role("button", name="Show the truth").click()
        wall.get_by_text("measured:").first.wait_for()
    sizes = wall.locator(".js-plotly-plot .xtick text, .lk-panel .widget-html b").evaluate_all(
        SIZES
    )
    assert sizes and min(sizes) >= 22
    assert_readable(wall, more_than=8)


def test_nothing_called_out_and_nothing_broke(wall):
    assert wall.outside == []
    assert wall.errors == []
