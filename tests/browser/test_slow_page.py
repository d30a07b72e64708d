"""Figures on a page that computes many times slower than the kernel: none stays blank or behind."""

import pytest

from .notebook_page import run_all, set_cells

pytestmark = pytest.mark.slow
NOTEBOOK = "01_tokens"

SLOWER = 12
CELLS = (
    "import labkit as lab, plotly.graph_objects as go\nfrom labkit.ui import theme",
    "lab.explore(lab.tokens.train_bpe('low lower lowest ' * 30, 300))",
    "live = theme.widget(theme.figure(go.Bar(y=[1, 2]), title='first'))\nlive",
    "lab.plot(lab.tokens.train_bpe('low lower lowest ' * 30, 300))",
    "with live.batch_update():\n    live.data[0].y, live.layout.title.text = [1, 2, 3], 'second'",
    "for number in range(30):\n    live.layout.title.text = f'change {number}'",
)
# Title and number of lines, bars and points of each figure that is drawn.
DRAWN = """() => [...document.querySelectorAll('.js-plotly-plot')].map(plot => [
  plot.querySelector('.gtitle')?.textContent,
  plot.querySelectorAll('.scatterlayer .js-line, .barlayer .point').length,
])"""
ALL_DRAWN = f"""() => {{
  const drawn = ({DRAWN})();
  return drawn.length === 3 && drawn.every(([, marks]) => marks)
    && drawn.some(([title]) => title === 'change 29') && drawn;
}}"""
# The panel's figure is drawn as wide as its box, which is narrower than before.
FITS = """() => {
  const box = document.querySelector('.lk-panel'), plot = box.querySelector('.js-plotly-plot');
  const width = plot.querySelector('.main-svg').width.baseVal.value;
  return width <= box.clientWidth && width < 640 && box.scrollWidth <= box.clientWidth + 1;
}"""
TITLE = "() => document.querySelector('.widget-box .js-plotly-plot .gtitle').textContent"


@pytest.fixture(scope="module")
def slow(page):
    """The page with these cells, run while it is slowed down."""
    set_cells(page, *CELLS)
    devtools = page.context.new_cdp_session(page)
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    run_all(page)
    yield page
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": 1})


def test_every_figure_is_drawn_with_its_last_change(slow):
    drawn = slow.wait_for_function(ALL_DRAWN, timeout=300_000).json_value()
    assert ["change 29", 3] in drawn


def test_a_slider_still_changes_its_figure(slow):
    before = slow.evaluate(TITLE)
    slow.locator(".noUi-handle").first.focus()
    slow.keyboard.press("ArrowRight")
    slow.wait_for_function(f"before => ({TITLE})() !== before", arg=before, timeout=120_000)


def test_a_figure_shrinks_with_a_narrow_window(slow):
    slow.set_viewport_size({"width": 700, "height": 900})
    slow.evaluate("() => window.jupyterapp.commands.execute('application:toggle-left-area')")
    slow.wait_for_function(FITS, timeout=60_000)


def test_nothing_broke(slow):
    assert slow.errors == []
