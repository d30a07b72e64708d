"""Safe HTML: what others wrote is escaped, and what a reader's software needs is there."""

import pytest

from labkit.ui import html
from labkit.ui.table import grid
from labkit.ui.token_chips import chips
from labkit.ui.visible_text import spell

NASTY = '<script>alert("x")</script>'


@pytest.mark.parametrize("make", [html.paragraph, html.note, lambda text: html.note(text, "bad")])
def test_a_text_is_escaped(make):
    assert "<script>" not in make(NASTY)
    assert "&lt;script&gt;" in make(NASTY)


def test_a_note_is_read_out_and_an_error_more_urgently():
    assert 'role="status"' in html.note("done")
    assert 'role="alert"' in html.note("wrong", "bad") and "✗ wrong" in html.note("wrong", "bad")
    edges = {html.note("x", tone).split(";")[0] for tone in ("good", "warning", "plain")}
    assert len(edges) == 3


def test_a_card_keeps_what_is_safe_already():
    assert "<b>bold</b>" in html.card("<b>bold</b>")


def test_a_figure_is_its_html_and_does_not_fill_a_terminal():
    figure = html.HtmlFigure("<b>" * 1000)
    assert figure._repr_html_() == figure.html
    assert len(repr(figure)) < 100


def test_a_table_has_a_caption_and_a_head_for_each_column_and_row():
    table = grid(["name", "value"], [["a", "1"], ["b", "2"]], "Two numbers")
    assert "Two numbers</caption>" in table
    assert table.count('scope="col"') == table.count('scope="row"') == 2
    assert "<caption" not in grid([], [["a", "1"]]) and "<thead" not in grid([], [["a", "1"]])


def test_short_cells_stay_on_a_line_and_long_ones_break():
    assert "nowrap" in grid([], [["short"]]) and "nowrap" not in grid([], [["long " * 20]])


@pytest.mark.parametrize("unseen", "\ufe0f\u2800\u3164\u1160\uffa0\u200d\u034f\U000e0100")
def test_no_chip_is_empty(unseen):
    """Nor do two tokens look the same that differ: ❤ and ❤️."""
    assert chips([unseen]).count(f"⟨U+{ord(unseen):04X}⟩") == 1
    assert spell(f"❤{unseen}") == f"❤⟨U+{ord(unseen):04X}⟩"
    assert spell("❤é한 👍🏽") == "❤é한·👍🏽"
