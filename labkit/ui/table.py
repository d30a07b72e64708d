"""A table as HTML in the lab's look, for figures that are lists."""

import re
from collections.abc import Iterable, Sequence
from html import unescape

from labkit.formatting import number_of

from . import theme
from .html import AS_WRITTEN

CELL = (
    f"text-align:left;vertical-align:top;padding:3px 14px 3px 0;border-top:1px solid {theme.RULE};"
    "font-weight:400"
)
SHORT, LONG_WORD = 14, 40  # characters


def grid(
    heads: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "", most: int | None = None
) -> str:
    """A table as HTML; its cells are safe HTML already, and the first of a row heads it.

    Args:
        heads: titles of the columns; empty: no such row.
        rows: the cells of each row.
        caption: what the table shows, as safe HTML.
        most: rows that are shown, with a line that counts the others; None: all.
    """
    rows = list(rows)
    more = 0 if most is None else max(0, len(rows) - most)
    note = f"<p>{number_of(more, 'more row')}, not shown</p>" if more else ""
    head = "".join(
        f'<th scope="col" style="{CELL};border:0;font-weight:600">{each}</th>' for each in heads
    )
    head = f"<thead><tr>{head}</tr></thead>" if heads else ""
    body = "".join(map(_row, rows[: len(rows) - more]))
    style = f"border-collapse:collapse;color:{theme.TEXT};font-size:13px;margin:6px 0"
    heading = (
        f'<caption style="text-align:left;font-weight:600">{caption}</caption>' if caption else ""
    )
    return (
        f'<div {AS_WRITTEN} style="overflow-x:auto"><table style="{style}">{heading}'
        f"{head}<tbody>{body}</tbody></table>{note}</div>"
    )


def _row(cells: Sequence[str]) -> str:
    first, *others = cells
    head = f'<th scope="row" style="{CELL};{_wrap(first)}">{first}</th>'
    body = "".join(f'<td style="{CELL};{_wrap(each)}">{each}</td>' for each in others)
    return f"<tr>{head}{body}</tr>"


def _wrap(cell: str) -> str:
    """What is short stays on one line; a longer text breaks between its words, if it has some."""
    if len(cell) <= SHORT:
        return "white-space:nowrap"
    has_long_word = re.search(rf"\S{{{LONG_WORD}}}", unescape(re.sub("<[^>]*>", " ", cell)))
    return "overflow-wrap:anywhere;min-width:16em" if has_long_word else "overflow-wrap:break-word"
