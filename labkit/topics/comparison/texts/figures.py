"""Texts compared as HTML: deleted words are struck out, inserted words underlined."""

from html import escape

from labkit.ui import html, theme

from .text_differences import REFERENCE, TextDifferences
from .word_diff import DELETED, EQUAL, INSERTED, REPLACED, DiffSegment, WordDiff

_DELETED = f"background:#FBE9DC;color:{theme.INK};text-decoration:line-through {theme.RED}"
_INSERTED = f"background:#DCEEFA;color:{theme.INK};text-decoration:underline 2px {theme.BLUE}"
_CELL = "padding:2px 14px 2px 0;text-align:left;font-weight:400"


def differences_figure(differences: TextDifferences) -> html.HtmlFigure:
    """Each text compared with the baseline, and how similar they are."""
    name = escape(differences.baseline_name)
    first = (
        f'<div style="{_column()}"><b>{name}</b>{html.card(html.paragraph(differences.baseline))}'
        "</div>"
    )
    columns = "".join(_text(name, difference) for name, difference in differences.others)
    row = f'<div style="display:flex;flex-wrap:wrap;gap:12px">{first}{columns}</div>'
    key = (
        f'Compared with {name}: <del style="{_DELETED}">struck out</del> is only there, '
        f'<ins style="{_INSERTED}">underlined</ins> only here. '
        "This counts words, not meanings (computed)."
    )
    return html.HtmlFigure(f'<div style="color:{theme.INK}">{key}{row}{_table(differences)}</div>')


def _column() -> str:
    return "flex:1 1 240px;min-width:220px;margin-top:8px"


def _text(name: str, difference: WordDiff) -> str:
    words = "".join(map(_segment, difference.segments)) or " "
    style = "white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.6"
    text = html.card(f'<div style="{style}">{words}</div>')
    note = escape(_divergence(difference))
    return f'<div style="{_column()}"><b>{escape(name)}</b>{text}<small>{note}</small></div>'


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
    has_reference = differences.baseline_name == REFERENCE
    heads = [*differences.names, *(["of the reference's words"] if has_reference else [])]
    head = "".join(f'<th scope="col" style="{_CELL}">{escape(name)}</th>' for name in heads)
    rows = zip(differences.names, differences.similarities, differences.differences, strict=True)
    body = "".join(
        f'<tr><th scope="row" style="{_CELL}">{escape(name)}</th>'
        + "".join(f'<td style="{_CELL}">{similarity:.0%}</td>' for similarity in row)
        + (f'<td style="{_CELL}">{_share(difference.recall)}</td>' if has_reference else "")
        + "</tr>"
        for name, row, difference in rows
    )
    caption = "Similarity: words that both have in the same order, of all words of the two"
    return (
        f'<table style="margin-top:10px;font-size:13px"><caption style="text-align:left;'
        f'font-weight:600">{caption}</caption><thead><tr><td></td>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )


def _share(recall: float | None) -> str:
    return "–" if recall is None else f"{recall:.0%} found"


FIGURES = {TextDifferences: differences_figure}
