"""Example texts and grouped digits, as HTML tables."""

from html import escape

from labkit.ui import theme
from labkit.ui.html import HtmlFigure
from labkit.ui.table import grid

from .examples import DigitGroups, ExampleTexts
from .token_strip import visible
from .tokenization import Tokenization

_MONO = "font-family:ui-monospace,'DejaVu Sans Mono',monospace;white-space:pre"


def examples_table(examples: ExampleTexts) -> HtmlFigure:
    """Each text with its token counts and the reason for them."""
    comparison = examples.comparison
    texts = zip(comparison.labels, comparison.rows, examples.reasons, strict=True)
    rows = (
        [f"<b>{escape(label)}</b>", _text(cells[0].text, why), *(str(cell.count) for cell in cells)]
        for label, cells, why in texts
    )
    return HtmlFigure(grid(["", "text, and why", *map(escape, comparison.names)], rows))


def _text(text: str, why: str) -> str:
    """A text line by line, with visible spaces, and the reason below."""
    lines = "<br>".join(escape(visible(line.encode())) for line in text.split("\n"))
    reason = f'<div style="color:{theme.GREY};margin-top:2px">{escape(why)}</div>'
    return f'<div style="{_MONO}">{lines}</div>{reason}'


def digits_table(digits: DigitGroups) -> HtmlFigure:
    """Each number as each tokenizer splits it, one row per tokenizer."""
    comparison = digits.comparison
    rows = (
        [f"<b>{escape(name)}</b>", *map(_pieces, cells)]
        for name, cells in zip(comparison.names, zip(*comparison.rows, strict=True), strict=True)
    )
    return HtmlFigure(grid(["", *map(escape, comparison.labels)], rows))


def _pieces(cell: Tokenization) -> str:
    box = f"border:1px solid {theme.GREY};border-radius:3px;padding:0 1px;margin-right:1px"
    pieces = (f'<span style="{box}">{escape(visible(data))}</span>' for data in cell.data)
    return f'<span style="{_MONO}">{"".join(pieces)}</span>'
