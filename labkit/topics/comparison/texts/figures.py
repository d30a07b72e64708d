"""Texts compared as HTML: deleted words are struck out, inserted words underlined."""

from html import escape

from labkit.ui import html, theme
from labkit.ui.table import grid

from .text_differences import REFERENCE, TextDifferences
from .word_diff import DELETED, EQUAL, INSERTED, REPLACED, DiffSegment, WordDiff, percent

_DELETED = (
    f"background:{theme.RED}{theme.TINT};color:{theme.TEXT};"
    f"text-decoration:line-through {theme.RED}"
)
_INSERTED = (
    f"background:{theme.SKY}{theme.TINT};color:{theme.TEXT};"
    f"text-decoration:underline 2px {theme.BLUE}"
)


def differences_figure(differences: TextDifferences) -> html.HtmlFigure:
    """Each text compared with the baseline, and how similar they are."""
    baseline = differences.baseline_name
    first = _column(baseline, html.card(html.paragraph(differences.baseline)))
    columns = "".join(_column(name, *_text(each)) for name, each in differences.others)
    row = f'<div style="display:flex;flex-wrap:wrap;gap:12px">{first}{columns}</div>'
    key = (
        f'Compared with {escape(baseline)}: <del style="{_DELETED}">struck out</del> is only '
        f'there, <ins style="{_INSERTED}">underlined</ins> only here. '
        "This counts words, not meanings (computed)."
    )
    return html.HtmlFigure(f'<div style="color:{theme.TEXT}">{key}{row}{_table(differences)}</div>')


def _column(name: str, text: str, note: str = "") -> str:
    style = "flex:1 1 240px;min-width:220px;margin-top:8px"
    return f'<div style="{style}"><b>{escape(name)}</b>{text}{note}</div>'


def _text(difference: WordDiff) -> tuple[str, str]:
    """The words with their changes, and a note below them."""
    words = "".join(map(_segment, difference.segments)) or " "
    style = "white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.6"
    note = f"<small>{escape(_divergence(difference))}</small>"
    return html.card(f'<div style="{style}">{words}</div>'), note


def _segment(segment: DiffSegment) -> str:
    if segment.kind == EQUAL:
        return escape(segment.second)
    deleted = f'<del style="{_DELETED}">{escape(segment.first)}</del>'
    inserted = f'<ins style="{_INSERTED}">{escape(segment.second)}</ins>'
    return {DELETED: deleted, INSERTED: inserted, REPLACED: deleted + inserted}[segment.kind]


def _divergence(difference: WordDiff) -> str:
    if difference.identical:
        return "The same words in the same order."
    one, other = (f"“{word}”" if word else "its end" for word in difference.first_change)
    if not difference.shared_words:
        return f"They differ from the first word: {one} there, {other} here."
    shared = f"{count} words" if (count := difference.shared_words) > 1 else "one word"
    return f"They diverge after {shared}: {one} there, {other} here."


def _table(differences: TextDifferences) -> str:
    """The similarity of each to each, and how much of the reference each contains."""
    heads, body = ["", *differences.names], []
    has_reference = differences.baseline_name == REFERENCE
    if has_reference:
        heads.append("of the reference's words")
    rows = zip(differences.names, differences.similarities, differences.differences, strict=True)
    for name, similarities, difference in rows:
        cells = [name, *map(percent, similarities)]
        if has_reference:
            cells.append(
                "–" if difference.recall is None else f"{percent(difference.recall)} found"
            )
        body.append(map(escape, cells))
    caption = "Similarity: words that both have in the same order, of all words of the two"
    return grid(map(escape, heads), body, caption)


FIGURES = {TextDifferences: differences_figure}
