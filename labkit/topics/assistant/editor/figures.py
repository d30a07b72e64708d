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
    bars = _bar("from key to suggestion", milliseconds, whole)
    bars += _bar("the engine alone", engine, whole)
    at = 100 * BUDGET_MS / whole
    line = f"position:absolute;left:{at:.1f}%;top:0;bottom:0;border-left:2px dashed {theme.RED}"
    label = f"position:absolute;left:{at:.1f}%;top:100%;padding-left:4px;font-size:12px"
    return (
        f'<div style="position:relative;margin:6px 0 22px 0;max-width:640px">{bars}'
        f'<div style="{line}"></div><div style="{label}">budget {BUDGET_MS} ms</div></div>'
    )


def _bar(name: str, milliseconds: float | None, whole: float) -> str:
    value = "–" if milliseconds is None else f"{milliseconds:,.0f} ms"
    width = 0 if milliseconds is None else 100 * milliseconds / whole
    colour = theme.SKY + theme.TINT
    fill = f"width:{width:.1f}%;background:{colour};border-right:2px solid {theme.BLUE}"
    return (
        f'<div style="position:relative;height:22px;margin:2px 0">'
        f'<div style="{fill};height:100%"></div>'
        f'<div style="position:absolute;left:6px;top:1px;font-size:13px">{name}: {value}</div>'
        "</div>"
    )


def code_html(before: str, after: str, ghost: str) -> str:
    """Code with a suggestion in it, for a page where nobody can type."""
    style = f"font-style:italic;border-bottom:1px dotted;color:{theme.QUIET}"
    inner = f'{escape(before)}<span style="{style}">{escape(ghost)}</span>{escape(after)}'
    return html.card(f'<pre {html.AS_WRITTEN} style="margin:0;background:none">{inner}</pre>')
