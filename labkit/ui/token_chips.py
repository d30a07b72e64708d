"""Tokens as people can read them: white space visible, every token within its own borders."""

from collections.abc import Iterable
from html import escape

from . import theme
from .visible_text import spell

# The border tells tokens apart, the two grounds only help the eye along.
_GROUNDS = (theme.SKY + theme.TINT, theme.ORANGE + theme.TINT)
MONOSPACED = "ui-monospace,'DejaVu Sans Mono','Noto Sans Mono',Menlo,Consolas,monospace"


def chips(texts: Iterable[str], *, bar_at: int | None = None, bar_label: str = "") -> str:
    """Tokens in a row, each in its own box, as safe HTML; a line break breaks the line.

    Args:
        texts: text of each token.
        bar_at: index of the token before which a bar marks the first difference; None: no bar.
        bar_label: what the bar means, for a pointer that rests on it and for screen readers.
    """
    boxes = [_chip(text, _GROUNDS[index % 2]) for index, text in enumerate(texts)]
    if bar_at is not None:
        label = f'role="img" aria-label="{escape(bar_label)}" title="{escape(bar_label)}"'
        look = f"color:{theme.ALERT};font-weight:700;padding:0 3px"
        boxes.insert(bar_at, f'<span {label} style="{look}">┃</span>')
    style = f"font:14px/1.9 {MONOSPACED};overflow-wrap:anywhere"
    return f'<div style="{style}">{"".join(boxes)}</div>'


def _chip(text: str, ground: str) -> str:
    style = (
        f"background:{ground};border:1px solid {theme.GREY};border-radius:4px;padding:1px 2px;"
        f"margin-right:2px;color:{theme.TEXT};white-space:pre-wrap"
    )
    end = "<br>" if text.endswith("\n") else ""
    return f'<span style="{style}">{escape(spell(text))}</span><wbr>{end}'
