"""Without JupyterLab, in a real Chromium: a saved table, a long strip, and the keys of a panel."""

import json

import pytest

import labkit
from labkit.backends.reply import Outcome, Reply
from labkit.backends.settings import Settings
from labkit.backends.steps import Alternative, Step
from labkit.topics.comparison.batch.table import BatchRow, BatchTable
from labkit.topics.sampling.paths.trace_figures import trace_strip
from labkit.topics.tokens.token_strip import MOST_TOKENS
from labkit.ui.live.key_listener import _ESM
from labkit.ui.theme import TOKEN_KEYS

from .chromium import new_page

HARM = '"><img src="http://example.com/x" onerror="document.title=\'harmed\'"><script>1</script>'
AREA = """<div class="area"><div id="el"></div><input id="box"><button id="go">Go</button></div>
<p id="outside" tabindex="0">outside</p>"""
# The module with a model as anywidget gives it, whose messages are kept.
START = """async esm => {
  const { default: widget } = await import("data:text/javascript;base64," + esm);
  const traits = { area: "area", listened: ["a", "backspace"], label: "A panel" };
  window.told = [];
  const model = { get: name => traits[name], send: message => window.told.push(message.key) };
  const el = document.getElementById("el"), parent = el.parentNode;
  parent.removeChild(el);
  window.stop = widget.render({ model, el });
  parent.append(el);  // as JupyterLab does: only after it was rendered
}"""
# Times of frames, in ms, while the pointer goes over tokens and the page scrolls.
FRAMES = """async () => {
  const gaps = [], tokens = [...document.querySelectorAll('.lk-strip i')];
  let last = performance.now();
  for (let n = 0; n < 120; n++) {
    tokens[(n * 37) % tokens.length].focus({preventScroll: true});
    window.scrollBy(0, 40);
    await new Promise(requestAnimationFrame);
    gaps.push(performance.now() - last);
    last = performance.now();
  }
  return gaps.sort((a, b) => a - b);
}"""


@pytest.fixture
def page(browser):
    page = new_page(browser, width=1000, height=700)
    yield page
    page.close()


def row(index, backend, text, **more):
    values = {"prompt": f"prompt {index}", "finish": "stop", **more}
    return BatchRow(
        key=f"{index}{backend}", prompt_index=index, backend=backend, text=text, **values
    )


@pytest.fixture
def answers(page, tmp_path):
    """A saved page of answers, opened from its file."""
    rows = (
        row(0, "local", HARM, elapsed_s=10.5),
        row(0, "remote", "apple", elapsed_s=9.0),
        row(1, "local", "Pear", elapsed_s=None),
        row(1, "remote", "fig", elapsed_s=100.0),
    )
    path = labkit.save(BatchTable(("local", "remote"), rows), tmp_path / "answers.html")
    page.goto(path.as_uri())
    return page


def shown(page):
    rows = page.locator("tbody tr:visible")
    return [rows.nth(n).locator("td").nth(2).inner_text()[:5] for n in range(rows.count())]


def test_a_saved_page_sorts_as_numbers_and_as_words(answers):
    button = answers.get_by_role("button", name="whole, s")
    button.focus()
    answers.keyboard.press("Enter")
    assert shown(answers) == ["apple", HARM[:5], "fig", "Pear"]
    head = answers.locator("th", has=button)
    assert head.get_attribute("aria-sort") == "ascending"
    answers.keyboard.press("Enter")
    assert shown(answers) == ["fig", HARM[:5], "apple", "Pear"]  # what is unknown stays last
    answers.get_by_role("button", name="answer").click()
    assert shown(answers) == [HARM[:5], "apple", "fig", "Pear"]
    assert head.get_attribute("aria-sort") is None


def test_a_saved_page_filters_by_text_and_backend(answers):
    answers.get_by_label("Find").fill("PEAR")
    assert shown(answers) == ["Pear"]
    assert answers.get_by_role("status").inner_text() == "1 of 4 rows"
    answers.get_by_label("Find").fill("")
    answers.get_by_label("Backend").select_option("remote")
    assert shown(answers) == ["apple", "fig"]


def test_a_saved_page_asks_nobody_and_runs_nothing_of_a_models(answers):
    assert answers.title() == "Answers side by side"
    assert len(answers.requests) == 1 and answers.requests[0].startswith("file:")
    assert answers.locator("img").count() == 0 and answers.errors == []
    assert HARM in answers.locator("tbody").inner_text()


def test_the_pages_rule_stops_a_script_that_slipped_in(answers):
    added = "document.body.append(Object.assign(document.createElement('script'), {text: '%s'}))"
    answers.evaluate(added % "document.title = 1")
    assert answers.title() == "Answers side by side"


def test_five_thousand_tokens_are_drawn_and_stepped_through(page):
    strip = labkit.plot(labkit.tokenize("The quick brown fox jumps over it. " * 900, "gpt2"))
    assert strip.html.count("<i ") > 0.99 * MOST_TOKENS
    began = page.evaluate("performance.now()")
    page.set_content(strip.html)
    page.evaluate("document.body.offsetHeight")
    page.bring_to_front()
    shown_ms = page.evaluate("performance.now()") - began
    gaps = page.evaluate(FRAMES)
    print(f"shown in {shown_ms:.0f} ms; frames: {gaps[60]:.0f} ms median, {gaps[114]:.0f} ms p95")
    assert len(gaps) == 120, "each step drew a frame; how long one takes is the machine's"


STRIP = """<button id="before">before</button>%s<button id="after">after</button>
<script>%s\nstepThroughTokens();</script>"""
FOCUSED = """() => {
  const { activeElement: token } = document;
  const row = token.parentElement.closest(".lk-strip, .lk-trace");
  const same = [...row.querySelectorAll("[tabindex]")];
  return [same.indexOf(token), same.filter(each => each.tabIndex === 0).length];
}"""


def trace_of(tokens):
    own = (Alternative(5, " sea", -1.0),)
    steps = tuple(Step(5, " sea", -1.0, -1.0, own, 1.0, 0.1 * n) for n in range(tokens))
    return labkit.trace(Reply("a model", "x", Settings(), steps, Outcome("stop", 3)))


@pytest.mark.parametrize("kind", ["strip", "trace"])
def test_a_row_of_tokens_is_one_stop_and_the_arrow_keys_step_through_it(page, kind):
    if kind == "strip":
        text = "the sea and the ships " * 30
        html = labkit.plot(labkit.tokens.compare_tokenizers(text, ["gpt2", "o200k"])).html
    else:
        html = trace_strip(trace_of(60)).html
    page.set_content(STRIP % (html, TOKEN_KEYS))
    page.locator("#before").focus()
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUSED) == [0, 1]
    page.keyboard.press("ArrowRight")
    second, stops = page.evaluate(FOCUSED)
    assert second > 0 and stops == 1
    page.keyboard.press("ArrowDown")
    assert page.evaluate(FOCUSED)[0] > 0
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(FOCUSED) == [0, 1]
    page.keyboard.press("End")
    assert page.evaluate(FOCUSED)[0] > 10
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "after"
    page.keyboard.press("Shift+Tab")
    assert page.evaluate(FOCUSED)[0] > 10, "where one was"
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.id") == "before"
    if kind == "strip":
        assert page.locator("[aria-description*='merge rank']").count() >= 2


@pytest.fixture
def area(page):
    import base64

    page.set_content(AREA)
    page.evaluate(START, base64.b64encode(_ESM.encode()).decode())
    page.wait_for_selector(".area[tabindex='0']")
    return page


def told(page):
    return json.loads(page.evaluate("JSON.stringify(window.told)"))


def test_keys_act_anywhere_in_their_panel(area):
    area.locator(".area").focus()
    area.keyboard.press("a")
    area.locator("#go").focus()
    for key in ("A", "Backspace", "x", "Enter"):
        area.keyboard.press(key)
    assert told(area) == ["a", "a", "backspace"]


def test_keys_are_left_alone_elsewhere_and_with_control(area):
    area.locator("#outside").focus()
    area.keyboard.press("a")
    area.locator("#box").focus()
    area.keyboard.type("aa")
    area.locator(".area").focus()
    area.keyboard.press("Control+a")
    area.keyboard.press("Alt+a")
    assert told(area) == [] and area.locator("#box").input_value() == "aa"


def test_the_panel_is_marked_for_jupyterlab_and_for_screen_readers(area):
    panel = area.locator(".area")
    assert panel.get_attribute("data-lm-suppress-shortcuts") == "true"
    assert (panel.get_attribute("role"), panel.get_attribute("aria-label")) == ("group", "A panel")
    area.evaluate("window.stop()")
    panel.focus()
    area.keyboard.press("a")
    assert told(area) == []
