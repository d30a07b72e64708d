"""The field of notebook 11 without JupyterLab: what its script does with a suggestion."""

import base64
from pathlib import Path

import pytest

from labkit.topics.assistant.editor import ghost_field
from labkit.topics.assistant.editor.figures import meter_html

from .chromium import new_page

SCRIPT = Path(ghost_field.__file__).with_suffix(".js").read_bytes()
# Two UTF-16 units are one face, and two characters end a line.
ODD = "# 😀 两数之和\r\ndef add(a, b):\r\n    return"
# The module with a model as anywidget gives it, whose messages are kept.
START = """async ([esm, traits]) => {
  const { default: widget } = await import("data:text/javascript;base64," + esm);
  window.sent = [];
  let changed;
  const model = { get: name => traits[name], send: message => window.sent.push(message),
    on: (_, call) => { changed = call; }, off: () => {} };
  window.suggest = ghost => { traits.ghost = ghost; changed(); };
  widget.render({ model, el: document.body.appendChild(document.createElement("div")) });
}"""
LATEST = "() => window.sent.filter(each => each.kind === 'ask').at(-1)"
KINDS = "() => window.sent.map(each => each.kind)"


@pytest.fixture
def page(browser):
    page = new_page(browser)
    page.set_content("<button>before</button>")
    ghost = {"number": 0, "text": " a + b", "silent": False}
    traits = {"before": ODD, "after": "\n\nprint(add(1, 2))", "ghost": ghost}
    page.evaluate(START, [base64.b64encode(SCRIPT).decode(), traits])
    yield page
    assert page.errors == []
    page.close()


def suggest(page, text, silent=False):
    """Answers the newest question as the kernel does."""
    number = page.wait_for_function(LATEST).json_value()["number"]
    page.evaluate("window.suggest", {"number": number, "text": text, "silent": silent})


def ghost_of(page):
    return page.locator(".lk-ghost-text").text_content()


def test_the_cursor_stands_behind_the_code_before_it_in_any_script(page):
    field = page.locator("textarea")
    field.focus()
    assert (
        page.locator(".lk-ghost-mirror")
        .text_content()
        .startswith(ODD.replace("\r\n", "\n") + " a + b\n\nprint")
    )
    field.press("Tab")
    assert field.input_value() == ODD.replace("\r\n", "\n") + " a + b\n\nprint(add(1, 2))"
    asked = page.wait_for_function(LATEST).json_value()
    assert asked["before"].endswith("两数之和\ndef add(a, b):\n    return a + b")


def test_the_threshold_hides_and_shows_what_was_suggested(page):
    field = page.locator("textarea")
    field.focus()
    field.press_sequentially("(")
    suggest(page, "a + b", silent=True)
    assert ghost_of(page) == "" and "shown" not in page.evaluate(KINDS)
    suggest(page, "a + b")
    assert ghost_of(page) == "a + b" == page.get_by_role("status").inner_text()[-5:]
    assert "shown" not in page.evaluate(KINDS), "the slider's time is not the model's"
    suggest(page, "a + b", silent=True)
    assert ghost_of(page) == ""
    field.press("Escape")
    assert "refused" not in page.evaluate(KINDS), "nothing was there to refuse"


def test_the_threshold_brings_back_neither_what_was_refused_nor_what_was_typed(page):
    field = page.locator("textarea")
    field.focus()
    field.press_sequentially("(")
    suggest(page, "a + b")
    field.press_sequentially("a +")
    suggest(page, "a + b", silent=True)
    suggest(page, "a + b")
    assert ghost_of(page) == " b"
    field.press("Escape")
    suggest(page, "a + b", silent=True)
    suggest(page, "a + b")
    assert ghost_of(page) == ""
    kinds = page.evaluate(KINDS)
    assert (kinds.count("shown"), kinds.count("refused"), kinds.count("ask")) == (1, 1, 1)


OVER_NAMES = """() => {
  const [names, bars] = document.querySelector('main > div').children;
  const right = names.getBoundingClientRect().right;
  return [...bars.children].slice(0, 3).some(each => each.getBoundingClientRect().left < right);
}"""


@pytest.mark.parametrize("width", [361, 900])
@pytest.mark.parametrize("ms", [None, 90, 205, 695, 15_700])
def test_the_times_are_read_beside_bars_and_budget(browser, width, ms):
    page = new_page(browser, width=width)
    page.set_content(f"<body style='margin:8px'><main>{meter_html(ms, ms)}</main>")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert not page.evaluate(OVER_NAMES)
    page.close()


def test_tab_leaves_the_field_where_nothing_is_suggested(page):
    field = page.locator("textarea")
    field.focus()
    field.press("Escape")
    field.press("Shift+Tab")
    assert page.evaluate("document.activeElement.textContent") == "before"
