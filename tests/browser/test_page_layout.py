"""Pages without a kernel, on a phone and on a screen: what is wide, its title, and its edges."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from labkit.commands.notebooks.pages import write_pages
from labkit.commands.notebooks.render import PLOTLY
from labkit.ui import theme
from labkit.ui.subplots import columns
from labkit.ui.table import grid

from .chromium import new_page

SMALL = "with 95 % intervals, and more small text than a phone has room for in a line"
OWN = "A long title of a figure for $40, which a phone breaks too"
TITLE = f'{OWN.replace("$", "&#36;")}<br><span style="font-size:12px">{SMALL}</span>'
CODE = "call(" + ", ".join(f"name_{n}=None" for n in range(40)) + ")"
CELLS = "".join(f"<td>cell_{n}_of_a_row</td>" for n in range(40))
LINES = "() => [...document.querySelectorAll('.gtitle')].map(title => title.textContent)"
WIDTHS = "() => [...document.querySelectorAll('.figure')].map(each => each.scrollWidth)"
HINTS = """() => [...document.querySelectorAll('.figure')]
  .map(each => getComputedStyle(each, '::before').content !== 'none')"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Pages with figures of one and of five plots, a long line of code and a wide table."""
    wide = theme.figure(title="Five plots", height=300)
    columns(wide, ["a", "b", "c", "d", "e"])
    made = [
        *({PLOTLY: each.to_plotly_json()} for each in (theme.figure(title=TITLE), wide)),
        {"text/html": f"<table><tr>{CELLS}</tr></table>"},
    ]
    cell = new_code_cell(CODE, outputs=[new_output("display_data", each) for each in made])
    cells = [new_markdown_cell("# A page\n\nOf a notebook."), cell]
    notebook = nbformat.from_dict(new_notebook(cells=cells))
    folder = tmp_path_factory.mktemp("pages")
    write_pages([(folder / f"0{n}_page.ipynb", notebook) for n in (3, 7)], folder)
    return folder


@pytest.fixture
def view(browser, folder):
    """Opens the page at a width."""
    opened = []

    def at(width):
        page = new_page(browser, width=width, height=900)
        page.context.set_offline(True)
        page.goto((folder / "03_page.html").as_uri())
        page.wait_for_function("document.querySelectorAll('.gtitle').length === 2")
        opened.append(page)
        return page

    yield at
    for page in opened:
        assert page.errors == [] and all(url.startswith("file:") for url in page.outside)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.close()


def test_a_titles_own_lines_and_sizes_stay_where_it_is_broken(view):
    """Its text is what plotly makes of it on a screen, where nothing is broken."""
    whole, _ = view(1400).evaluate(LINES)
    page = view(390)
    broken, _ = page.evaluate(LINES)
    assert "<" not in broken and broken.replace(" ", "") == whole.replace(" ", "")
    sizes = page.locator(".gtitle").first.locator("tspan[style*='12px']").all_text_contents()
    assert len(sizes) == 2 and " ".join(sizes) == SMALL


def test_a_screen_reader_says_a_title_as_it_reads(view):
    label = view(1400).locator("[role=img][aria-label]").first.get_attribute("aria-label")
    assert " ".join(label.split()) == f"{OWN} {SMALL}"


def test_a_wide_figure_is_whole_where_the_screen_has_room_and_else_says_that_it_scrolls(view):
    for width, hints in ((1400, [False, False]), (1000, [False, True]), (390, [True, True])):
        page = view(width)
        assert page.evaluate(HINTS) == hints, width
        box = page.locator(".figure").nth(1).bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= width
        assert abs(box["x"] + box["width"] / 2 - width / 2) < 2
        assert page.evaluate(WIDTHS)[1] == pytest.approx(max(1200, box["width"]), abs=2)


def corner(page, box, x):
    """A few dots of a box's upper edge, where no text is."""
    clip = {"x": box["x"] + x, "y": box["y"] + 8, "width": 2, "height": 2}
    return page.screenshot(clip=clip)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("chosen", [".code .highlight", ".output:has(table)"])
def test_an_edge_is_shaded_where_there_is_more_behind_it(view, scheme, chosen):
    page = view(390)
    page.emulate_media(color_scheme=scheme)
    scrolled = page.locator(chosen)
    scrolled.scroll_into_view_if_needed()
    box = scrolled.bounding_box()
    left, middle, right = 5, box["width"] / 2, box["width"] - 5
    plain = corner(page, box, middle)
    assert corner(page, box, left) == plain != corner(page, box, right)
    scrolled.evaluate("each => each.scrollTo(1e6, 0)")
    page.wait_for_timeout(200)
    assert corner(page, box, left) != plain == corner(page, box, right)


def test_links_are_large_enough_and_the_index_names_the_numbers(browser, folder, view):
    page = view(390)
    for link in page.locator("nav a, .anchor-link").all():
        box = link.bounding_box()
        assert box["width"] >= 24 and box["height"] >= 24
    index = new_page(browser)
    index.goto((folder / "index.html").as_uri())
    assert index.locator(".pages a").all_inner_texts() == ["03 · A page", "07 · A page"]
    index.close()


def test_a_word_that_is_too_long_for_its_column_breaks_and_no_other(browser):
    page = new_page(browser, width=640, height=400)
    error, words = f"NameError: name 'double{'_doses' * 20}'", "a sentence of common words " * 4
    page.set_content(grid(("task", "it wrote", "how it ended"), [("doses", words, error)]))
    box = page.locator("div").first
    assert box.evaluate("box => box.scrollWidth <= box.clientWidth")
    narrowest = page.locator("td").evaluate_all("cells => cells.map(cell => cell.clientWidth)")
    assert min(narrowest) > 150  # no column is pressed to a letter a line
    page.close()
