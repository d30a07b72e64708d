"""A figure keeps its height in a browser whose scrollbars take room, as on Windows and Linux, and
has a least width."""

import pytest

from .chromium import start_chromium
from .notebook_page import open_notebook, run_all, set_cells, stop_kernel

pytestmark = pytest.mark.slow
CELLS = ("import labkit as lab", "lab.plot(lab.tokens.train_bpe('low lower lowest ' * 30, 300))")
SIZES = """() => [...document.querySelectorAll('.jp-RenderedPlotly')].map(
  box => [box.clientHeight, box.offsetHeight,
    box.querySelector('.main-svg').height.baseVal.value])"""
WIDTHS = """() => {
  const box = document.querySelector('.jp-RenderedPlotly');
  return [box.clientWidth, box.clientHeight, box.parentElement.clientWidth];
}"""
SCROLLED = "() => document.querySelector('.jp-RenderedPlotly').parentElement.scrollLeft > 0"
WAIT_MS = 3000


def test_a_figure_is_as_high_as_before_after_its_window_changed(lab):
    with start_chromium(lab.chromium, scrollbars=True) as browser:
        page = open_notebook(browser, lab, "01_tokens")
        set_cells(page, *CELLS)
        run_all(page)
        page.locator(".jp-RenderedPlotly .main-svg").first.wait_for(timeout=120_000)
        page.wait_for_timeout(WAIT_MS)
        [before] = page.evaluate(SIZES)
        assert before[0] == before[1] == before[2] > 200
        for width in (1000, 1280, 900, 1280):
            page.set_viewport_size({"width": width, "height": 1000})
            page.wait_for_timeout(WAIT_MS)
        assert page.evaluate(SIZES) == [before]
        # A narrow column scrolls it, before its labels meet.
        page.set_viewport_size({"width": 700, "height": 1000})
        page.wait_for_timeout(WAIT_MS)
        least, height, room = page.evaluate(WIDTHS)
        assert least == 560 > room and height == before[0]
        page.locator(".jp-RenderedPlotly").first.hover()
        page.mouse.wheel(120, 0)
        page.wait_for_function(SCROLLED)
        stop_kernel(page)
