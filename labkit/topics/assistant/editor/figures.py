"""What the panel draws beside its field, as HTML: the time against the budget, and ghost text."""

from html import escape

from labkit.ui import html, theme

BUDGET_MS = 200  # what GitHub's Copilot takes on average: David Cheney, InfoQ, March 2025


def meter_html(milliseconds: float | None, engine: float | None) -> str:
    """Bars of the time that a suggestion took, with a line at the budget.

    Args:
        milliseconds: from the last key to the suggestion; None: nobody has typed.
        engine: of the engine alone; None: there is no suggestion yet.
    """
    known = [each for each in (milliseconds, engine) if each is not None]
    whole = max(2.0 * BUDGET_MS, *(1.1 * each for each in known), 1.0)
    named = ("from key to suggestion", milliseconds), ("the engine alone", engine)
    texts = "".join(f"<div>{name}: {_value(each)}</div>" for name, each in named)
    bars = "".join(_bar(each, whole) for _, each in named)
    at = 100 * BUDGET_MS / whole
    line = f"position:absolute;left:{at:.1f}%;top:0;bottom:0;border-left:2px dashed {theme.RED}"
    # On the side of the line that has more room.
    side = f"left:{at:.1f}%" if at < 40 else f"right:{100 - at:.1f}%"
    label = f"position:absolute;{side};top:100%;padding:0 4px;white-space:nowrap"
    grid = "display:grid;grid-template-columns:minmax(14em,max-content) minmax(8em,1fr);gap:0 8px"
    return (
        f'<div style="{grid};font-size:13px;line-height:26px;margin:6px 0 26px 0;max-width:720px">'
        f'<div>{texts}</div><div style="position:relative">{bars}'
        f'<div style="{line}"></div><div style="{label}">budget {BUDGET_MS} ms</div></div></div>'
    )


def _value(milliseconds: float | None) -> str:
    return "–" if milliseconds is None else f"{milliseconds:,.0f} ms"


def _bar(milliseconds: float | None, whole: float) -> str:
    edge = f"border-right:2px solid {theme.BLUE}" if milliseconds else ""
    fill = f"width:{100 * (milliseconds or 0) / whole:.1f}%;background:{theme.SKY + theme.TINT}"
    inner = f'<div style="{fill};{edge};height:100%"></div>'
    return f'<div style="height:22px;margin:2px 0 4px 0">{inner}</div>'


def code_html(before: str, after: str, ghost: str) -> str:
    """Code with a suggestion in it, for a page where nobody can type."""
    style = f"font-style:italic;border-bottom:1px dotted;color:{theme.QUIET}"
    inner = f'{escape(before)}<span style="{style}">{escape(ghost)}</span>{escape(after)}'
    return html.card(f'<pre {html.AS_WRITTEN} style="margin:0;background:none">{inner}</pre>')
