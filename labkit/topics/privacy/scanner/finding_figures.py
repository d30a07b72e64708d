"""Findings in their text, each one framed and named."""

from collections.abc import Sequence
from html import escape

from labkit.backends.guard.findings import SECRETS, Finding
from labkit.backends.guard.redaction import Redacted
from labkit.ui import html, theme
from labkit.ui.token_chips import MONOSPACED

_FRAMES = {True: ("#FBE3D4", "solid"), False: ("#DCEEFA", "dashed")}  # secrets; personal data
_LEGEND = (
    "<b>framed</b>: a secret · <b>dashed</b>: personal data · the small label names the kind; "
    "hover over it to see the rule"
)


def redacted_figure(redacted: Redacted) -> html.HtmlFigure:
    """The text with its findings framed, and beside it the redacted text that may leave."""
    original = redacted.restore(redacted.text)
    count = len(redacted.findings)
    return html.HtmlFigure(
        f'<div style="display:flex;flex-wrap:wrap;gap:14px;color:{theme.INK}">'
        f"{_column(f'original: {count} found', marked(original, redacted.findings))}"
        f"{_column('redacted, as it may leave', text_box(redacted.text))}</div>"
        f'<div style="font-size:12px;color:{theme.GREY};margin-top:4px">{_LEGEND}</div>'
    )


def _column(head: str, inner: str) -> str:
    return (
        f'<div style="flex:1 1 340px;min-width:0"><div style="font-weight:600;padding:2px 0">'
        f"{escape(head)}</div>{inner}</div>"
    )


def marked(text: str, findings: Sequence[Finding]) -> str:
    """A text as safe HTML, each finding framed and followed by its kind."""
    parts, at = [], 0
    for finding in findings:
        parts += [escape(text[at : finding.start]), _mark(finding)]
        at = finding.end
    return _box("".join([*parts, escape(text[at:])]))


def _mark(finding: Finding) -> str:
    ground, line = _FRAMES[finding.kind in SECRETS]
    title = f"{finding.kind}, confidence {finding.confidence:.2f}, by {finding.rule}"
    frame = f"border:1px {line} {theme.INK};border-radius:3px;padding:0 2px"
    label = (
        f'<span style="font:11px {theme.FONT};background:{theme.INK};color:{theme.PAPER};'
        f'border-radius:3px;padding:0 4px;margin-left:2px;white-space:nowrap">{finding.kind}</span>'
    )
    return (
        f'<mark title="{escape(title)}" style="background:{ground};color:{theme.INK};{frame}">'
        f"{escape(finding.text)}{label}</mark>"
    )


def text_box(text: str) -> str:
    """An unchanged text as safe HTML."""
    return _box(escape(text))


def _box(inner: str) -> str:
    style = (
        "white-space:pre-wrap;word-break:normal;overflow-wrap:anywhere;margin:0;padding:8px 12px;"
        f"font:13px/1.6 {MONOSPACED};border:1px solid {theme.LINE};border-radius:6px"
    )
    return f'<pre style="{style}">{inner}</pre>'
