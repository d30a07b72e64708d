"""Notebook 04 in JupyterLab: run whole, columns filling together, stopped, a vote cast by keys."""

import re

import pytest

from .notebook_page import assert_ran_whole, assert_readable

pytestmark = pytest.mark.slow
NOTEBOOK = "04_compare"
LONG_MS = 300_000

# How much text each column holds, every 30 ms until Run can be pressed again.
WATCH = """async panel => {
  const holders = [...panel.querySelectorAll('[role=region]')].map(e => e.closest('.widget-html'));
  const run = [...panel.querySelectorAll('button')].find(b => b.textContent.includes('Run'));
  const seen = [];
  do {  // an answer of few words may be whole by now
    seen.push(holders.map(holder => holder.innerText.trim().length));
    await new Promise(after => setTimeout(after, 30));
  } while (run.disabled);
  return seen;
}"""

# Whether each column holds the beginning of another text than before.
NEW_TEXTS = """([panel, before]) => [...panel.querySelectorAll('[role=region]')]
  .map(region => region.innerText.trim())
  .every((text, n) => text.length > 40 && !before[n].startsWith(text.slice(0, 40)))"""


@pytest.fixture
def panel(ran):
    """The columns, in view."""
    box = ran.locator(".jp-OutputArea-output .widget-box", has_text="one after another").first
    box.scroll_into_view_if_needed()
    box.get_by_role("button", name="Run").wait_for()
    return box


def run(panel):
    panel.get_by_role("button", name="Run").click()
    panel.locator("button:has-text('Run')[disabled]").wait_for(timeout=60_000)


def growth(lengths):
    """When a text grew, as indices of the list."""
    return [n for n in range(1, len(lengths)) if lengths[n] > lengths[n - 1]]


def test_the_whole_notebook_runs_without_an_error(ran):
    assert_ran_whole(ran, figures=4)


def test_the_stand_in_is_marked_wherever_it_appears(ran, panel):
    if not panel.get_by_text("(stand-in)").count():
        pytest.skip("a provider's key is set here, so that there is no stand-in")
    told = "stand-in: smollm2-135m on this machine, over an emulated link"
    panel.get_by_text(told).first.wait_for()
    rows = panel.locator(".js-plotly-plot .ytick").all_text_contents()
    assert any("stand-in: smollm2" in row for row in rows)


def test_two_columns_grow_at_the_same_time(ran, panel):
    panel.get_by_role("checkbox").set_checked(False)
    panel.locator("input[type=number]").fill("160")
    panel.locator("textarea").fill("Write a story about a lighthouse and a storm.")
    for _ in range(5):  # a drawn answer may be of few words: until both are longer than that
        run(panel)
        seen = panel.evaluate(WATCH)
        first, other, *_ = (growth(column) for column in zip(*seen, strict=True))
        if min(len(first), len(other)) > 5:
            break
    assert max(first[0], other[0]) < min(first[-1], other[-1]), seen


def test_stop_ends_all_and_keeps_what_came(ran, panel):
    texts = panel.get_by_role("region", name="Answer of")
    before = [text.strip() for text in texts.all_inner_texts()]
    panel.locator("input[type=number]").fill("1500")
    panel.locator("textarea").fill("Tell me a very long story about a dragon.")
    run(panel)
    ran.wait_for_function(NEW_TEXTS, arg=[panel.element_handle(), before], timeout=120_000)
    panel.get_by_role("button", name="Stop").click()
    panel.get_by_text("Stopped.").wait_for(timeout=60_000)
    assert panel.get_by_text("■ stopped").count() >= 2
    assert all(len(text.strip()) > 40 for text in texts.all_inner_texts())
    assert panel.get_by_role("button", name="Run").is_enabled()


def test_bad_input_gets_a_sentence_in_place(panel):
    before = panel.locator("textarea").input_value()
    panel.locator("textarea").fill("")
    panel.get_by_role("button", name="Run").click()
    alert = panel.get_by_role("alert")
    alert.wait_for(timeout=20_000)
    assert "prompt must have" in alert.inner_text()
    panel.locator("textarea").fill(before)


def test_an_answer_is_reached_and_scrolled_by_keys(ran, panel):
    text = panel.locator(".widget-html", has=panel.page.locator("[role=region]")).first
    text.focus()
    assert text.evaluate("text => document.activeElement === text")
    text.evaluate("text => { text.style.height = '40px' }")
    ran.keyboard.press("End")
    ran.wait_for_function("text => text.scrollTop > 0", arg=text.element_handle(), timeout=10_000)
    text.evaluate("text => { text.style.height = '13em' }")


# Which prompt is voted on: two answers that are the same are passed over.
PROMPT = "panel => Number(/Prompt (\\d+) of/.exec(panel.innerText)?.[1] ?? 0)"


def test_a_vote_is_cast_by_button_and_by_key(ran):
    ballot = ran.locator(".jp-OutputArea-output .lk-vote").first
    ballot.scroll_into_view_if_needed()
    ballot.get_by_text(re.compile(r"Prompt \d+ of")).wait_for(timeout=60_000)
    assert "llama.cpp" not in ballot.inner_text() and "stand-in" not in ballot.inner_text()
    for way in ("button", "key"):
        before = ballot.evaluate(PROMPT)
        if way == "button":
            ballot.get_by_role("button", name="A is better").click()
        else:
            ballot.focus()
            ran.keyboard.press("n")
        ran.wait_for_function(
            f"([panel, before]) => ({PROMPT})(panel) > before",
            arg=[ballot.element_handle(), before],
            timeout=20_000,
        )
    ballot.get_by_role("button", name="Show the names").click()
    ballot.locator(".js-plotly-plot").wait_for(timeout=30_000)
    assert "llama.cpp" in ballot.inner_text()


def test_texts_are_readable_in_both_themes(ran):
    assert_readable(ran)


def test_nothing_called_out_and_nothing_broke(ran):
    assert ran.outside == []
    assert ran.errors == []
