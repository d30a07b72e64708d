"""The pages in Firefox and in WebKit, from a file, without a network: their sliders move."""

import pytest

from labkit.commands.notebooks.pages import PLOTLY_FILE

from .test_page_panels import BENCH, OTHERS, folder  # noqa: F401
from .webdriver import firefox, webkit

REMAIN = "document.querySelector('thead small')?.innerText"
STATUS = "document.querySelector('.lk-bench [role=status]').innerText"
SLIDER = "input[aria-label='top-p']"
VOTES = ".slider input"
LOADED = "performance.getEntriesByType('resource').map(each => each.name)"
CURVE = """[...document.querySelectorAll('.js-plotly-plot .scatterlayer .js-line')].at(-1)
  ?.getAttribute('d')"""
BROWSERS = {"firefox": firefox, "webkit": webkit}


@pytest.fixture(scope="module", params=BROWSERS)
def page(request, tmp_path_factory):
    with BROWSERS[request.param](tmp_path_factory.mktemp(request.param)) as page:
        yield page


def test_the_bench_moves_by_keys(page, folder):  # noqa: F811
    page.open((folder / BENCH).as_uri())
    page.wait_for(REMAIN)
    before, said = page.evaluate(REMAIN), page.evaluate(STATUS)
    page.press(SLIDER, "Home")
    page.wait_for(f"{REMAIN} === '1 remain'")
    assert before != "1 remain"
    page.wait_for(f"{STATUS} !== {said!r}")
    assert [name for name in page.evaluate(LOADED) if not name.startswith("data:")] == []


def test_the_curve_of_votes_moves_by_keys(page, folder):  # noqa: F811
    page.open((folder / OTHERS).as_uri())
    page.wait_for(CURVE)
    before = page.evaluate(CURVE)
    page.press(VOTES, "End")
    page.wait_for(f"({CURVE}) !== {before!r}")
    assert page.evaluate(f"document.querySelector({VOTES!r}).ariaValueText") == "60 %"
    loaded = [name for name in page.evaluate(LOADED) if not name.startswith(("data:", "blob:"))]
    assert loaded in (
        [],
        [(folder / PLOTLY_FILE).as_uri()],
    )  # of a file, not every browser lists it
