"""Pages made of notebooks, in a real Chromium: the lab's figures are drawn, and no other script."""

import nbformat
import plotly.graph_objects as go
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from plotly.offline import get_plotlyjs

from labkit.commands.notebooks.pages import PLOTLY_FILE, render_page
from labkit.commands.notebooks.render import PLOTLY
from labkit.ui import theme

from .chromium import new_page

FIGURE = go.Figure(go.Bar(y=[3, 1]), {"title": "Two bars", "height": 300}).to_plotly_json()
HOSTILE = [
    {"text/html": "<script>document.title = 'harmed'</script>"},
    {"text/html": "<img src='data:,' onerror=\"document.title = 'harmed'\">"},
    {"text/html": "<details open ontoggle=\"document.title = 'harmed'\"></details>"},
    {"text/html": "<div class=figure>no figure</div>"},
    {"text/html": '<div class=figure><script type="application/json">{</script></div>'},
    {"text/markdown": "<script>document.title = 'harmed'</script>"},
]


def test_a_page_runs_no_script_of_a_cell_and_draws_what_comes_after(browser, tmp_path):
    outputs = [new_output("display_data", data) for data in (*HOSTILE, {PLOTLY: FIGURE})]
    cell = new_code_cell("1", execution_count=1, outputs=outputs)
    notebook = nbformat.from_dict(new_notebook(cells=[cell]))
    (tmp_path / "a.html").write_text(render_page(tmp_path / "a.ipynb", notebook, {"a.html"}))
    (tmp_path / PLOTLY_FILE).write_text(get_plotlyjs())
    page = new_page(browser, width=1000, height=700)
    page.goto((tmp_path / "a.html").as_uri())
    page.wait_for_selector(".js-plotly-plot .bars path")
    assert page.title() == "a"
    files = [(tmp_path / name).as_uri() for name in ("a.html", PLOTLY_FILE)]
    assert page.requests == files
    page.close()


@pytest.mark.parametrize(("width", "lines"), [(1000, 2), (390, 3)])
def test_a_title_is_cut_where_the_next_word_has_no_room(browser, tmp_path, width, lines):
    below = "each word is smaller than the title above it, and so the line has room on a screen, "
    below += "but none on a phone"
    title = f'Two bars<br><span style="font-size:.8em">{below}</span>'
    figure = theme.figure(go.Bar(y=[3, 1]), title=title, margin={"t": 92})
    output = new_output("display_data", {PLOTLY: figure.to_plotly_json()})
    cell = new_code_cell("1", execution_count=1, outputs=[output])
    notebook = nbformat.from_dict(new_notebook(cells=[cell]))
    (tmp_path / "a.html").write_text(render_page(tmp_path / "a.ipynb", notebook, {"a.html"}))
    (tmp_path / PLOTLY_FILE).write_text(get_plotlyjs())
    page = new_page(browser, width=width, height=700)
    page.goto((tmp_path / "a.html").as_uri())
    page.wait_for_selector(".js-plotly-plot .gtitle")
    assert page.locator(".gtitle tspan.line").count() == lines
    title, paper = (page.locator(each).bounding_box() for each in (".gtitle", ".output .figure"))
    assert title["x"] + title["width"] <= paper["x"] + paper["width"]
    page.close()
