"""Panels on pages without a kernel, in Chromium with the network off: they go on working."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import labkit
from labkit.backends.settings import Settings
from labkit.commands.notebooks.pages import PLOTLY_FILE, write_pages
from labkit.commands.notebooks.render import PLOTLY
from labkit.topics.comparison.votes.figures import votes_needed_figure
from labkit.topics.comparison.votes.power import votes_needed
from labkit.topics.sampling.next_token.panel import BenchPanel

from .chromium import new_page
from .notebook_page import CONTRAST, LEAST_CONTRAST
from .test_bench import made_up

TITLES = "() => [...document.querySelectorAll('.gtitle')].map(title => title.textContent)"
CURVE = """number => document.querySelectorAll('.js-plotly-plot')[number]
  .querySelector('.scatterlayer .js-line').getAttribute('d')"""
BENCH, OTHERS, BOTH = "a_bench.html", "b_others.html", "c_both.html"
PHONE = {"width": 390, "height": 844}
WEEK_AND_VOTES = ("questions an hour", "undecided votes")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Pages of two made-up notebooks, with an index."""
    training = labkit.tokens.train_bpe("low lower lowest slow slower " * 9, 290)
    votes = new_output("display_data", {PLOTLY: votes_needed_figure().to_plotly_json()})
    others = [
        *outputs(labkit.explore(training, text="the lowest")),
        *outputs(labkit.cost.week_panel("gpt-6-sol")),
        votes,
        *outputs(labkit.tokens.compare_tokenizers("a strip", ["gpt2"]), labkit.plot),
    ]
    bench = BenchPanel(made_up(), Settings(temperature=2, top_p=0.9))
    notebooks = {BENCH: outputs(bench), OTHERS: others, BOTH: [*outputs(bench), votes]}
    folder = tmp_path_factory.mktemp("pages")
    write_pages([(folder / name, notebook(name, made)) for name, made in notebooks.items()], folder)
    return folder


def outputs(result, shown=None):
    parts = result.static_form() if shown is None else [shown(result).html]
    kinds = (
        {"text/html": p} if isinstance(p, str) else {PLOTLY: p.to_plotly_json()} for p in parts
    )
    return [new_output("display_data", kind) for kind in kinds]


def notebook(name, made):
    cells = [new_markdown_cell(f"# {name}\n\nA page."), new_code_cell("1", outputs=made)]
    return nbformat.from_dict(new_notebook(cells=cells))


@pytest.fixture
def view(browser, folder):
    """A page with the others, offline."""
    page = open_page(browser, folder / OTHERS)
    page.locator(".js-plotly-plot .gtitle").first.wait_for()
    yield page
    page.close()


def open_page(browser, file, **size):
    page = new_page(browser, **size)
    page.context.set_offline(True)
    page.goto(file.as_uri())
    return page


def set_slider(page, name, value):
    page.get_by_role("slider", name=name).evaluate(
        "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input')); }",
        value,
    )
    page.wait_for_timeout(300)


def test_the_slider_of_the_merges_moves_strip_curve_and_title(view):
    strip, title = view.locator(".lk-merges"), view.evaluate(TITLES)[0]
    few = strip.locator("span").count()
    set_slider(view, "merges", 1)
    assert strip.locator("span").count() > few
    assert view.evaluate(TITLES)[0].startswith("1 merge: a vocabulary of 257") != title
    assert "Merge 1:" in view.get_by_role("status").first.inner_text()
    view.get_by_role("slider", name="merges").press("ArrowRight")
    view.wait_for_timeout(300)
    assert view.evaluate(TITLES)[0].startswith("2 merges")


def test_the_costs_controls_change_sentence_and_fan(view):
    panel = labkit.cost.week_panel("gpt-6-sol")
    assert panel.status.value.count("A week in the cloud") == 1
    status = view.locator(".lk-week + p")
    assert f"Break-even: {panel.result.headline}." in status.inner_text()
    curve = view.evaluate(CURVE, 1)
    view.get_by_label("model").select_option("gpt-4")
    set_slider(view, "questions an hour", 60)
    view.get_by_label("hardware").select_option("rtx-4090")
    panel.controls["model"].value = "gpt-4"
    panel.controls["questions_per_hour"].value = 60
    panel.controls["hardware"].value = "rtx-4090"
    view.wait_for_timeout(500)
    assert f"Break-even: {panel.result.headline}." in status.inner_text()
    assert panel.result.headline in view.evaluate(TITLES)[1]
    assert view.evaluate(CURVE, 1) != curve


def test_the_slider_of_undecided_votes_moves_the_curve(view):
    slider, before = view.get_by_role("slider", name="undecided votes"), view.evaluate(CURVE, 2)
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    view.mouse.click(box["x"] + 0.8 * box["width"], box["y"] + box["height"] / 2)
    view.wait_for_timeout(300)
    assert slider.get_attribute("aria-valuetext") == "50 %"
    assert (moved := view.evaluate(CURVE, 2)) != before
    slider.press("ArrowRight")
    view.wait_for_timeout(300)
    assert slider.get_attribute("aria-valuetext") == "60 %" and view.evaluate(CURVE, 2) != moved
    needed = f"one of 60 % by {votes_needed(0.6, undecided=0.6):,}."
    assert view.locator(".said").inner_text().endswith(needed)
    assert view.locator(".slider-rail-touch-rect").count() == 0, "plotly's own, which takes no keys"


def test_every_control_moves_by_keys_and_is_heard(view, browser, folder):
    """Each has a name, a slider says its value, and a live region says what comes of it."""
    bench = open_page(browser, folder / BENCH)
    heard = (bench, 8, ["temperature"]), (view, 15, ["merges", *WEEK_AND_VOTES])
    for page, count, names in heard:
        for control in page.locator("main :is(input, select)").all():
            assert control.evaluate("each => each.ariaLabel || each.labels[0]?.innerText.trim()")
        sliders = page.get_by_role("slider")
        assert sliders.count() == count
        for slider in sliders.all():
            press_on(slider)
            assert slider.get_attribute("aria-valuetext")
        for name in names:
            said = page.get_by_role("status").all_inner_texts()
            press_on(page.get_by_role("slider", name=name))
            page.wait_for_timeout(800)
            assert page.get_by_role("status").all_inner_texts() != said, name
        assert (
            page.locator(".figure svg").count() == page.locator('.figure[role="img"] svg').count()
        )
    bench.close()


def press_on(slider):
    """Moves a slider by a key, one step, whichever way there is room."""
    before = slider.input_value()
    slider.press("ArrowLeft" if before == slider.get_attribute("max") else "ArrowRight")
    assert slider.input_value() != before


def test_nothing_moves_by_itself_where_less_motion_is_wanted(browser, folder):
    for name in (BENCH, OTHERS):
        page = browser.new_page(reduced_motion="reduce")
        page.goto((folder / name).as_uri())
        page.get_by_role("slider").first.press("ArrowLeft")
        assert page.evaluate("document.getAnimations().length") == 0
        assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"
        page.close()


def test_the_strip_is_stepped_through_by_keys(view):
    token = view.locator(".lk-strip [tabindex]").first
    token.focus()
    view.keyboard.press("ArrowRight")
    assert view.evaluate("document.activeElement.closest('.lk-strip') !== null")
    assert not token.evaluate("each => each === document.activeElement")


def test_nothing_but_plotlys_script_is_asked_for(view, browser, folder):
    assert view.requests == [(folder / name).as_uri() for name in (OTHERS, PLOTLY_FILE)]
    assert view.errors == []
    page = open_page(browser, folder / BENCH)
    page.get_by_role("slider", name="top-p").press("Home")
    page.wait_for_timeout(300)
    assert page.locator("thead small").first.inner_text() == "1 remain"
    asked = [url for url in page.requests if not url.startswith("data:")]
    assert asked == [(folder / BENCH).as_uri()] and page.errors == []
    page.close()


def test_the_bench_does_not_wait_for_plotlys_script(browser, folder):
    page = new_page(browser)
    page.route(f"**/{PLOTLY_FILE}", lambda route: None)  # it never comes
    page.goto((folder / BOTH).as_uri(), wait_until="commit")
    slider = page.get_by_role("slider", name="top-p")
    slider.press("Home")
    page.locator("thead small", has_text="1 remain").first.wait_for()
    assert page.evaluate("globalThis.Plotly") is None
    page.close()


def test_a_page_is_small_and_the_index_leads_to_it(browser, folder):
    assert all(page.stat().st_size < 3e6 for page in folder.glob("*.html"))
    page = open_page(browser, folder / "index.html")
    page.get_by_role("link", name=BENCH).click()
    page.get_by_role("slider", name="temperature").wait_for()
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_texts_stand_out(browser, folder, scheme):
    for name in (BENCH, OTHERS):
        page = browser.new_page(color_scheme=scheme)
        page.goto((folder / name).as_uri())
        page.wait_for_timeout(1500)
        found = page.locator("body").evaluate(CONTRAST, [".output", LEAST_CONTRAST])
        assert found["count"] > 30 and not found["bad"], "\n".join(found["bad"])
        page.close()


def test_a_figure_wider_than_a_phone_says_so_and_lets_the_page_scroll(browser, tmp_path):
    figure = votes_needed_figure()
    figure.layout.sliders = None
    page_of = notebook("a.html", [new_output("display_data", {PLOTLY: figure.to_plotly_json()})])
    write_pages([(tmp_path / "a.html", page_of)], tmp_path)
    context = browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto((tmp_path / "a.html").as_uri())
    page.locator(".js-plotly-plot .gtitle").wait_for()
    hint = "getComputedStyle(document.querySelector('.figure'), '::before').content"
    assert "sideways" in page.evaluate(hint)
    assert page.evaluate("document.querySelector('.js-plotly-plot')._fullLayout.dragmode") is False
    assert page.locator(".modebar-btn").count() == 0
    page.set_viewport_size({"width": 1000, "height": 800})
    page.reload()
    page.locator(".js-plotly-plot .gtitle").wait_for()
    assert page.evaluate(hint) == "none"
    context.close()


def test_on_a_phone_nothing_is_cut_off(browser, folder):
    """All controls are within it, and large enough for a finger."""
    context = browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True)
    for name in (BENCH, OTHERS):
        page = context.new_page()
        page.goto((folder / name).as_uri())
        page.wait_for_timeout(1000)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        for control in page.locator("main :is(input, select, .lk-bench button):visible").all():
            box = control.bounding_box()
            assert box["x"] >= 0 and box["x"] + box["width"] <= 390
            assert box["width"] >= 24 and box["height"] >= 24
    context.close()
