"""Notebook 10 in JupyterLab: run whole, kinds of work typed, and what must not leave stayed."""

from pathlib import Path

import pytest

from .notebook_page import assert_ran_whole, assert_readable

pytestmark = pytest.mark.slow
NOTEBOOK = "10_decide"
TYPED = Path(__file__).resolve().parents[2] / "notebooks" / "my-work.json"
RERUN = """index => {
  const { content } = window.jupyterapp.shell.currentWidget;
  content.activeCellIndex = index;
  window.jupyterapp.commands.execute('notebook:run-cell');
}"""
FILES = "() => window.jupyterapp.commands.execute('application:toggle-left-area')"
WIDE = "box => [box.scrollWidth, box.clientWidth]"
WAIT_MS = 60_000  # on a shared machine


@pytest.fixture(scope="module", autouse=True)
def nothing_typed_before():
    """What somebody typed in this checkout is set aside meanwhile."""
    kept = TYPED.read_bytes() if TYPED.exists() else None
    TYPED.unlink(missing_ok=True)
    yield
    TYPED.unlink(missing_ok=True) if kept is None else TYPED.write_bytes(kept)


@pytest.fixture
def panel(ran):
    """The panel of the kinds of work, in view."""
    box = ran.locator(".lk-panel").first
    box.scroll_into_view_if_needed()
    box.get_by_label("Kind 1").wait_for(timeout=WAIT_MS)
    return box


def enter(box, label, text, number=0):
    field = box.get_by_label(label).nth(number)
    field.fill(text)
    field.press("Enter")


def test_the_whole_notebook_runs_without_an_error(ran):
    assert_ran_whole(ran, figures=3)


def test_its_texts_are_readable_in_both_themes(ran):
    assert_readable(ran)


def test_what_must_not_leave_stayed_and_the_rest_went(ran):
    ran.get_by_text("small, by policy (it holds what must not leave)").first.wait_for()
    ran.get_by_text("large, by rule").first.wait_for()


def test_what_is_typed_changes_the_page_and_a_slip_gets_a_sentence(panel):
    assert panel.get_by_label("Kind 5").input_value() == "capitals"
    enter(panel, "Kind 5", "letters to the bank")
    panel.get_by_role("heading", name="letters to the bank").wait_for(timeout=WAIT_MS)
    enter(panel, "% right", "eighty", 4)
    panel.get_by_text("% right of “letters to the bank” must be a number").wait_for(timeout=WAIT_MS)
    assert panel.get_by_text("The page below is from before.").count() == 1
    enter(panel, "% right", "85 %", 4)
    panel.get_by_text("85% right like facts").wait_for(timeout=WAIT_MS)
    panel.get_by_label("offline").check()
    panel.get_by_text("needs a network").first.wait_for(timeout=WAIT_MS)
    panel.get_by_text("Kept in my-work.json.").wait_for(timeout=WAIT_MS)


def test_keys_alone_reach_every_box(ran, panel):
    panel.get_by_label("Kind 1").focus()
    reached = []
    for _ in range(8):
        reached.append(ran.evaluate("() => document.activeElement.labels?.[0]?.textContent"))
        ran.keyboard.press("Tab")
    assert reached == [
        *("Kind 1", "like the test", "sensitivity", "times a week", "tokens in", "tokens out"),
        *("% right", "seconds"),
    ]


def test_both_files_are_downloaded(ran, panel):
    for link, start in (("one sheet of A4", "<!doctype html>"), ("Markdown", "# Local, cloud")):
        with ran.expect_download() as found:
            panel.get_by_role("link", name=link).click()
        text = Path(found.value.path()).read_text(encoding="utf-8")
        assert text.startswith(start) and "letters to the bank" in text


def test_nothing_typed_is_lost_when_the_cell_runs_again(ran, panel):
    enter(panel, "Kind 4", "")
    panel.get_by_role("heading", name="ideas").wait_for(state="hidden", timeout=WAIT_MS)
    ran.evaluate(RERUN, ran.evaluate(PANEL_CELL))
    panel.get_by_text("As you left it in my-work.json").wait_for(timeout=WAIT_MS)
    assert panel.get_by_label("Kind 5").input_value() == "letters to the bank"
    assert panel.get_by_label("% right").nth(4).input_value() == "85 %"
    assert panel.get_by_label("Kind 4").input_value() == ""


def test_it_fits_a_window_as_narrow_as_a_phone(ran, panel):
    size = ran.viewport_size
    try:
        ran.evaluate(FILES)  # closed, as on a phone
        ran.set_viewport_size({"width": 390, "height": 800})
        ran.wait_for_timeout(1500)
        wide, shown = panel.evaluate(WIDE)
        assert shown > 200 and wide <= shown
    finally:
        ran.set_viewport_size(size)
        ran.evaluate(FILES)


PANEL_CELL = """() => window.jupyterapp.shell.currentWidget.content.widgets
  .findIndex(cell => cell.model.sharedModel.source.includes('decision_panel'))"""


def test_nothing_called_out_and_nothing_broke(ran):
    assert ran.outside == []
    assert ran.errors == []
