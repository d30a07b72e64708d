"""Texts against one another: words that are gone struck out, words that are new underlined."""

from html import escape

from labkit.ui import html, theme

from .text_differences import REFERENCE, TextDifferences
from .word_diff import CHANGED, GONE, NEW, SAME, Difference, Piece

_GONE = f"background:#FBE9DC;color:{theme.INK};text-decoration:line-through {theme.RED}"
_NEW = f"background:#DCEEFA;color:{theme.INK};text-decoration:underline 2px {theme.BLUE}"
_CELL = "padding:2px 14px 2px 0;text-align:left;font-weight:400"


def differences_picture(differences: TextDifferences) -> html.Picture:
    """Each text against the one that they are held against, and how alike they are."""
    name = escape(differences.against_name)
    first = (
        f'<div style="{_column()}"><b>{name}</b>{html.card(html.paragraph(differences.against))}'
        "</div>"
    )
    columns = "".join(_text(name, difference) for name, difference in differences.others)
    row = f'<div style="display:flex;flex-wrap:wrap;gap:12px">{first}{columns}</div>'
    key = (
        f'Against {name}: <del style="{_GONE}">struck out</del> stands only there, '
        f'<ins style="{_NEW}">underlined</ins> only here. '
        "Counted are words, not meanings (computed)."
    )
    return html.Picture(f'<div style="color:{theme.INK}">{key}{row}{_table(differences)}</div>')


def _column() -> str:
    return "flex:1 1 240px;min-width:220px;margin-top:8px"


def _text(name: str, difference: Difference) -> str:
    words = "".join(map(_piece, difference.pieces)) or " "
    style = "white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.6"
    text = html.card(f'<div style="{style}">{words}</div>')
    told = escape(_told(difference))
    return f'<div style="{_column()}"><b>{escape(name)}</b>{text}<small>{told}</small></div>'


def _piece(piece: Piece) -> str:
    if piece.kind == SAME:
        return escape(piece.second)
    gone = f'<del style="{_GONE}">{escape(piece.first)}</del>' * (piece.kind in (GONE, CHANGED))
    new = f'<ins style="{_NEW}">{escape(piece.second)}</ins>' * (piece.kind in (NEW, CHANGED))
    return gone + new


def _told(difference: Difference) -> str:
    if difference.identical:
        return "The same words in the same order."
    one, other = (f"“{word}”" if word else "its end" for word in difference.parting)
    if not difference.shared_words:
        return f"They part at the first word: {one} there, {other} here."
    shared = f"{count} words" if (count := difference.shared_words) > 1 else "one word"
    return f"They part after {shared}: {one} there, {other} here."


def _table(differences: TextDifferences) -> str:
    """How alike each is to each, and what of the reference each has found."""
    against = differences.against_name == REFERENCE
    heads = [*differences.names, *(["of the reference's words"] if against else [])]
    head = "".join(f'<th scope="col" style="{_CELL}">{escape(name)}</th>' for name in heads)
    rows = zip(
        differences.names, differences.similarities, differences.differences, strict=True
    )  # fmt: skip
    body = "".join(
        f'<tr><th scope="row" style="{_CELL}">{escape(name)}</th>'
        + "".join(f'<td style="{_CELL}">{alike:.0%}</td>' for alike in row)
        + (f'<td style="{_CELL}">{_share(difference.found)}</td>' if against else "")
        + "</tr>"
        for name, row, difference in rows
    )
    caption = "How alike: words that both have in the same order, of all words of the two"
    return (
        f'<table style="margin-top:10px;font-size:13px"><caption style="text-align:left;'
        f'font-weight:600">{caption}</caption><thead><tr><td></td>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )


def _share(found: float | None) -> str:
    return "–" if found is None else f"{found:.0%} found"


FIGURES = {
    TextDifferences: differences_picture,
}
