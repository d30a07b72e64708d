"""Figures of the scanner: its recall and precision, its misses, and findings in their text."""

from collections.abc import Sequence
from html import escape

import plotly.graph_objects as go

from labkit.backends.guard.findings import KINDS, SECRETS, Finding
from labkit.backends.guard.redaction import Redacted
from labkit.backends.guard.scanner import CANNOT_SEE
from labkit.ui import html, subplots, theme
from labkit.ui.table import grid
from labkit.ui.token_chips import MONOSPACED

from .labelled_texts import Label
from .scanner_score import KindScore, ScannerScore, percent

_SIDES = (
    ("recall", "share found", theme.BLUE, ""),
    ("precision", "share of findings that are right", theme.ORANGE, "/"),
)
CONTEXT = 60  # characters before and after a miss or a false alarm


def score_figure(score: ScannerScore):
    """Recall and precision of each kind, with 95 % intervals and counts."""
    rows = [each for each in reversed(score.kinds) if each.labelled or each.reported]
    figure = theme.figure(
        title=f"{percent(score.overall.recall)} found ({percent(score.total.recall)} of the kinds "
        f"that have a rule), {percent(score.total.precision)} of findings right · measured on "
        f"{score.texts} texts",
        height=110 + 26 * len(rows),
        showlegend=False,
        margin={"b": 44, "t": 48},
        bargap=0.35,
    )
    subplots.divide(figure, 1, 2, shared_yaxes=True, horizontal_spacing=0.06)
    figure.update_yaxes(showgrid=False)
    figure.update_xaxes(range=[0, 1.45], tickformat=".0%", tickvals=[0, 0.5, 1])
    bars = [_bars(rows, name, *look) for name, _, *look in _SIDES]
    counts = [_numbers(rows, name) for name, *_ in _SIDES]
    figure.add_traces([*bars, *counts], rows=[1] * 4, cols=[1, 2, 1, 2])
    for column, (name, what, *_) in enumerate(_SIDES, 1):
        figure.update_xaxes(title_text=f"{what} ({name})", col=column)
    return figure


def _bars(rows: list[KindScore], name: str, colour: str, shape: str):
    shares = [getattr(each, name) for each in rows]
    ends = [getattr(each, f"{name}_range") for each in rows]
    ranges = [
        (pair[0], share, pair[1]) if pair else (0, 0, 0)
        for share, pair in zip(shares, ends, strict=True)
    ]
    return go.Bar(
        orientation="h",
        name=name,
        y=[_name(each) for each in rows],
        x=shares,
        marker={"color": colour, "pattern": theme.pattern(shape)},
        error_x=subplots.error_bars(ranges, thickness=1, width=4),
        customdata=[_counts(each, name) for each in rows],
        hovertemplate="%{y}: %{customdata}<extra></extra>",
    )


def _numbers(rows: list[KindScore], name: str):
    """The counts, to the right of the bars and their intervals."""
    return go.Scatter(
        mode="text",
        x=[1.04] * len(rows),
        y=[_name(each) for each in rows],
        text=[_counts(each, name) for each in rows],
        textposition="middle right",
        hoverinfo="skip",
    )


def _name(each: KindScore) -> str:
    return each.kind if each.kind in KINDS else f"{each.kind} (no rule)"


def _counts(each: KindScore, name: str) -> str:
    if name == "recall":
        return f"{each.found} of {each.labelled}" if each.labelled else "none in the texts"
    return f"{each.right} of {each.reported}" if each.reported else "no finding"


def misses_table(score: ScannerScore) -> html.HtmlFigure:
    """Every label that was not found, every false alarm, and what no rule looks for."""
    missed = [(escape(label.kind), _in_context(text, label)) for text, label in score.missed]
    alarms = [
        (escape(f"{finding.kind}, by {finding.rule}"), _in_context(text, finding))
        for text, finding in score.false_alarms
    ]
    unseen = [(escape(each),) for each in CANNOT_SEE]
    no_rule = sum(label.kind not in KINDS for _, label in score.missed)
    harmless = f"{score.alarmed_texts} of the {score.empty_texts} texts without a secret have one"
    return html.HtmlFigure(
        grid(
            [],
            missed,
            f"Missed: {len(missed)}, which would leave; {no_rule} of them of a kind without a rule",
        )
        + grid([], alarms, f"False alarms: {len(alarms)}; {harmless}")
        + grid([], unseen, "No rule looks for")
    )


def _in_context(text: str, span: Label | Finding) -> str:
    """The span in bold, with the text around it, as safe HTML."""
    before = text[max(0, span.start - CONTEXT) : span.start]
    after = text[span.end : span.end + CONTEXT]
    inner = f"{escape(before)}<b><u>{escape(text[span.start : span.end])}</u></b>{escape(after)}"
    return f'<span style="white-space:pre-wrap;overflow-wrap:anywhere">{inner}</span>'


_FRAMES = {  # secrets; personal data
    True: (theme.RED + theme.TINT, "solid"),
    False: (theme.SKY + theme.TINT, "dashed"),
}
_LEGEND = (
    "<b>framed</b>: a secret · <b>dashed</b>: personal data · the small label names the kind; "
    "hover over it to see the rule"
)


def redacted_figure(redacted: Redacted) -> html.HtmlFigure:
    """The text with its findings framed, and beside it the redacted text that may leave."""
    original = redacted.restore(redacted.text)
    count = len(redacted.findings)
    return html.HtmlFigure(
        f'<div style="display:flex;flex-wrap:wrap;gap:14px;color:{theme.TEXT}">'
        f"{_column(f'original: {count} found', marked(original, redacted.findings))}"
        f"{_column('redacted, as it may leave', text_box(redacted.text))}</div>"
        f'<div style="font-size:12px;color:{theme.QUIET};margin-top:4px">{_LEGEND}</div>'
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
    frame = f"border:1px {line} {theme.GREY};border-radius:3px;padding:0 2px"
    label = (
        f'<span style="font:11px {theme.FONT};background:{theme.INK};color:{theme.PAPER};'
        f'border-radius:3px;padding:0 4px;margin-left:2px;white-space:nowrap">{finding.kind}</span>'
    )
    return (
        f'<mark title="{escape(title)}" style="background:{ground};color:{theme.TEXT};{frame}">'
        f"{escape(finding.text)}{label}</mark>"
    )


def text_box(text: str) -> str:
    """An unchanged text as safe HTML."""
    return _box(escape(text))


def _box(inner: str) -> str:
    style = (
        "white-space:pre-wrap;word-break:normal;overflow-wrap:anywhere;margin:0;padding:8px 12px;"
        f"font:13px/1.6 {MONOSPACED};border:1px solid {theme.RULE};border-radius:6px"
    )
    return f'<pre style="{style}">{inner}</pre>'


FIGURES = {ScannerScore: {"score": score_figure, "misses": misses_table}, Redacted: redacted_figure}
