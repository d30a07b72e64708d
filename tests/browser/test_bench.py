"""The bench in a real Chromium, on a page without a kernel: numbers, keys, sizes, themes."""

import numpy as np
import pytest

import labkit
from labkit.backends.settings import Settings
from labkit.commands.notebooks.pages import _document
from labkit.topics.sampling.next_token.bench_panel import Bench
from labkit.topics.sampling.next_token.prediction import Prediction
from labkit.ui.pages.page_module import page_script

from .chromium import new_page
from .notebook_page import CONTRAST, LEAST_CONTRAST

SIZE = 5000


class MadeUpCursor:
    """Scores of any text, without a model."""

    prompt_ids = (1, 2, 3)

    def go_to(self, ids):
        self.scores = scores_of(ids)


def scores_of(ids):
    rng = np.random.default_rng(list(ids))
    return (rng.normal(0, 2, SIZE) + 5 * rng.exponential(0.6, SIZE)).astype(np.float32)


def made_up():
    """A prediction without a model."""
    ids = MadeUpCursor.prompt_ids
    return Prediction("made up", "a b c", ids, scores_of(ids), 0.1, " w{}".format)


@pytest.fixture(scope="module")
def prediction():
    return made_up()


@pytest.fixture(scope="module")
def file(prediction, tmp_path_factory):
    """A page with two benches' worth of data: with the scores of some longer texts."""
    bench = Bench(prediction, Settings(temperature=2, top_p=0.9), MadeUpCursor())
    body = f"<main><h1>A bench</h1>{bench.page_form('no script ran')}</main>"
    path = tmp_path_factory.mktemp("bench") / "bench.html"
    path.write_text(_document("A bench", "", body, modules=[page_script("bench")]))
    return path


@pytest.fixture
def page(browser, file):
    page = new_page(browser, width=1000, height=700)
    open_bench(page, file)
    yield page
    page.close()


def open_bench(page, file):
    page.goto(file.as_uri())
    page.get_by_role("button", name="Take “·w").first.wait_for()


def remaining(page, column=0):
    text = page.locator("thead small").nth(column).inner_text()
    return int(text.removesuffix(" remain").replace(",", ""))


def status(page):
    return page.get_by_role("status").inner_text()


def frame(page):
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))")


def test_both_orders_are_seen_at_once_and_are_the_kernels(page, prediction):
    settings = {"temperature": 2, "top_p": 0.9}
    first = labkit.sampling.run_chain(prediction, **settings)
    other = labkit.sampling.run_chain(prediction, **settings, order=("top_p", "temperature"))
    assert [remaining(page, 0), remaining(page, 1)] == [first.remaining, other.remaining]
    heads = page.locator("thead th:nth-child(n+4) div").all_inner_texts()
    assert heads == ["temperature → top-p", "top-p → temperature"]


def test_score_divided_score_and_probability_are_seen(page, prediction):
    best = int(prediction.scores.argmax())
    run = labkit.sampling.run_chain(prediction, temperature=2, top_p=0.9)
    cells = page.locator("tbody tr").first.locator("th, td").all_inner_texts()
    score, share = prediction.scores[best], run.drawn_from[best]
    assert cells[:3] == [f"·w{best}", f"{score:.2f}", f"{score / 2:.2f}"]
    assert cells[3].strip() == f"{share:.1%}".replace("%", " %")


def test_a_slider_moved_by_keys_changes_bars_curve_and_what_is_said(page, prediction):
    slider = page.get_by_role("slider", name="temperature")
    curve = page.locator("polyline.a").get_attribute("points")
    slider.focus()
    for _ in range(10):
        page.keyboard.press("ArrowLeft")
    frame(page)
    run = labkit.sampling.run_chain(prediction, temperature=1.5, top_p=0.9)
    assert slider.get_attribute("aria-valuetext") == "1.50"
    assert remaining(page) == run.remaining
    assert page.locator("polyline.a").get_attribute("points") != curve
    page.get_by_text(f"{run.prediction.entropy_bits:.2f} → {run.entropy_bits:.2f} bits").wait_for()
    assert status(page).startswith(f"{run.remaining:,} of 5,000 tokens remain")


def test_the_curve_rises_to_100_percent_at_the_cut(page):
    for kind in ("a", "b"):
        points = page.locator(f"polyline.{kind}").get_attribute("points").split()
        x, y = zip(*(map(float, point.split(",")) for point in points), strict=True)
        assert list(x) == sorted(x) and list(y) == sorted(y, reverse=True)
        assert x[-1] == float(page.locator(f"line.{kind}").get_attribute("x1")) and y[-1] < 0.1


def test_every_setting_has_a_slider_and_every_button_a_name(page):
    names = [slider.get_attribute("aria-label") for slider in page.get_by_role("slider").all()]
    assert names == [
        "repetition penalty",
        "presence penalty",
        "frequency penalty",
        "temperature",
        "top-k",
        "top-p",
        "min-p",
        "typical-p",
    ]
    for button in page.get_by_role("button").all():
        assert (button.get_attribute("aria-label") or button.inner_text()).strip()
    assert page.get_by_role("group", name="Sampling bench").count() == 1
    unmarked = ".lk-bench :is(button, input, select):not([data-lm-suppress-shortcuts])"
    assert page.locator(unmarked).count() == 0, "JupyterLab would take their keys"
    page.get_by_role("slider", name="top-k").press("ArrowRight")
    page.get_by_role("slider", name="top-k").press("End")
    frame(page)
    assert page.get_by_role("slider", name="top-k").get_attribute("aria-valuetext") == "1"
    assert remaining(page) == 1


def test_the_order_is_changed_by_its_arrows_and_the_focus_stays(page):
    before = remaining(page)
    for _ in range(2):
        page.get_by_role("button", name="Apply top-p earlier").press("Enter")
    frame(page)
    assert remaining(page) < before
    assert page.evaluate("document.activeElement.ariaLabel") == "Apply top-p earlier"
    assert page.get_by_role("button", name="Apply repetition penalty earlier").is_disabled()


def test_draws_are_marked_counted_and_go_with_the_next_change(page):
    page.get_by_role("button", name="Draw 1,000").click()
    assert "1,000 draws" in status(page) and "expected" in status(page)
    frame(page)
    assert page.locator("tbody u:visible").count() > 0
    page.get_by_role("slider", name="temperature").press("ArrowLeft")
    frame(page)
    assert page.locator("tbody u:visible").count() == 0
    page.get_by_role("slider", name="temperature").press("d")
    assert status(page).startswith("Drew “")


def test_a_token_is_taken_by_a_click_and_branches_are_compared(page):
    def text():
        return page.locator(".text span").all_inner_texts()

    assert text() == ["·w1", "·w2", "·w3"]
    first, second = page.locator("tbody button").all_inner_texts()[:2]
    page.get_by_role("button", name=f"Take “{first}”").click()
    page.locator(".text span").nth(3).wait_for()
    assert text()[-1] == first and "bits" in page.locator(".text span").last.get_attribute("title")
    page.keyboard.press("b")
    page.keyboard.press("Backspace")
    page.locator(".text span").nth(3).wait_for(state="detached")
    page.get_by_role("button", name=f"Take “{second}”").click()
    page.locator(".text span").nth(3).wait_for()
    lines = page.locator(".branches .line").all_inner_texts()
    assert lines == [first, second]
    page.get_by_role("button", name="A", exact=True).click()
    page.locator(".text .new", has_text=first).wait_for()
    assert page.locator("[aria-pressed=true]").inner_text() == "A"


def test_what_the_page_has_no_scores_for_cannot_be_taken(page):
    assert page.locator("tbody button").nth(5).is_disabled()
    assert page.get_by_role("button", name="Write").count() == 0
    page.keyboard.press("s")
    assert page.locator(".text span").count() == 3


def test_reset_turns_every_setting_off(page):
    page.get_by_role("button", name="Reset").click()
    frame(page)
    assert remaining(page) == SIZE and page.locator("thead small").count() == 1
    texts = [each.get_attribute("aria-valuetext") for each in page.get_by_role("slider").all()]
    assert texts == ["off", "off", "off", "1.00", "off", "off", "off", "off"]


def test_no_request_and_no_error(page):
    assert [url for url in page.requests if not url.startswith("data:")] == [page.url]
    assert page.errors == []


def test_it_fits_a_notebook_with_the_side_bar_open(page):
    """At 1,400 × 800, JupyterLab leaves an output about 920 × 640 pixels."""
    page.set_viewport_size({"width": 960, "height": 700})
    box = page.locator(".lk-bench").bounding_box()
    assert box["width"] <= 920 and box["height"] <= 600


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_its_texts_stand_out(browser, file, scheme):
    page = browser.new_page(color_scheme=scheme)
    open_bench(page, file)
    page.locator("tbody button").first.click()
    page.keyboard.press("b")
    page.wait_for_timeout(600)
    found = page.locator("body").evaluate(CONTRAST, [".lk-bench", LEAST_CONTRAST])
    assert found["count"] > 50 and not found["bad"], "\n".join(found["bad"])
    page.close()


def test_on_a_phone_nothing_is_cut_off(browser, file):
    page = new_page(browser, width=390, height=800)
    open_bench(page, file)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for control in page.locator(".lk-bench :is(button, input, select)").all():
        box = control.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 390
    page.close()


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_motion_only_where_it_is_wanted(browser, file, motion):
    page = browser.new_page(reduced_motion=motion)
    open_bench(page, file)
    page.locator("tbody button").first.click()
    page.locator(".text span").nth(3).wait_for()
    name = page.locator(".text .new").evaluate("each => getComputedStyle(each).animationName")
    assert name == ("none" if motion == "reduce" else "lk-arrive")
    page.close()
