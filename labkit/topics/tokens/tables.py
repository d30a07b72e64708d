"""The gallery and the digits, as tables of HTML."""

from collections.abc import Iterable
from html import escape

from labkit.ui import theme
from labkit.ui.html import Picture

from .examples import Digits, Gallery
from .strip import visible
from .tokenization import Tokenization

_CELL = (
    f"text-align:left;vertical-align:top;padding:4px 9px 4px 0;border-top:1px solid {theme.LINE}"
)
_MONO = "font-family:ui-monospace,'DejaVu Sans Mono',monospace;white-space:pre"
_WHY = f"color:{theme.GREY};margin-top:2px"
_PIECE = f"border:1px solid {theme.GREY};border-radius:3px;padding:0 1px;margin-right:1px"


def gallery_table(gallery: Gallery) -> Picture:
    """Each text with its tokens by tokenizer, and why."""
    comparison = gallery.comparison
    texts = zip(comparison.labels, comparison.rows, gallery.reasons, strict=True)
    rows = (
        [f"<b>{escape(label)}</b>", _text(cells[0].text, why), *(str(cell.count) for cell in cells)]
        for label, cells, why in texts
    )
    return _table(["", "text, and why", *map(escape, comparison.names)], rows)


def _text(text: str, why: str) -> str:
    """A text's lines under one another, spaces shown, and a sentence about it."""
    lines = "<br>".join(escape(visible(line.encode())) for line in text.split("\n"))
    return f'<div style="{_MONO}">{lines}</div><div style="{_WHY}">{escape(why)}</div>'


def digits_table(digits: Digits) -> Picture:
    """Each number as each tokenizer cuts it: a tokenizer a row."""
    comparison = digits.comparison
    rows = (
        [f'<b style="white-space:nowrap">{escape(name)}</b>', *map(_pieces, cells)]
        for name, cells in zip(comparison.names, zip(*comparison.rows, strict=True), strict=True)
    )
    return _table(["", *map(escape, comparison.labels)], rows)


def _pieces(cell: Tokenization) -> str:
    pieces = (f'<span style="{_PIECE}">{escape(visible(data))}</span>' for data in cell.data)
    return f'<span style="{_MONO}">{"".join(pieces)}</span>'


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> Picture:
    """Cells that are safe already."""
    head = "".join(f'<th scope="col" style="{_CELL};border:0">{cell}</th>' for cell in heads)
    body = "".join(map(_row, rows))
    style = f"border-collapse:collapse;color:{theme.INK};background:{theme.PAPER};font-size:13px"
    return Picture(
        f'<div style="overflow-x:auto"><table style="{style}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _row(cells: Iterable[str]) -> str:
    return "<tr>" + "".join(f'<td style="{_CELL}">{cell}</td>' for cell in cells) + "</tr>"
