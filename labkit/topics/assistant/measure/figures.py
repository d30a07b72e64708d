"""Figures of suggestions: what each method is worth, the code itself, and when to stay silent."""

from collections.abc import Sequence

import plotly.graph_objects as go

from labkit.stats import Spread, share_interval
from labkit.topics.assistant.completion.prompts import METHODS
from labkit.ui import html, theme
from labkit.ui.bar_table import BarColumn, bar_table_figure
from labkit.ui.html import figure_text
from labkit.ui.table import grid

from .compare import CompletionComparison
from .result import CompletionScore, MethodScore, Suggestion
from .threshold import ThresholdCurve


def methods_figure(score: CompletionScore):
    """What the suggestions of each method are worth, side by side."""
    count = len(score.methods[0].suggestions) if score.methods else 0
    title = f"{figure_text(score.model)}: {score.title}, {count} cuts · measured"
    names = [METHODS[each.method] for each in score.methods]
    return _bars(title, names, score.methods, score.refusal, score.missing)


def comparison_figure(comparison: CompletionComparison):
    """What the suggestions of each model are worth, side by side."""
    which = comparison.scores[0].title if comparison.scores else "no model"
    title = f"Models compared: {which} · measured"
    names = [f"{each.model}\n{METHODS[each.methods[0].method]}" for each in comparison.scores]
    scores = [each.methods[0] for each in comparison.scores]
    return _bars(title, names, scores, comparison.refusal, " ".join(comparison.missing))


def _bars(title: str, names, scores: Sequence[MethodScore], refusal: str, missing: str):
    """Where no program was run, without what only a run can tell."""
    ranges = [Spread((each.interval[0], each.share, each.interval[1])) for each in scores]
    passed = BarColumn("pass the tests\nmore is better", tuple(ranges), _percents(scores, "share"))
    exact = BarColumn(
        "exactly the same", tuple(each.exact for each in scores), _percents(scores, "exact")
    )
    saved = BarColumn(
        "keys saved\nmore is better",
        tuple(each.saved for each in scores),
        _percents(scores, "saved"),
    )
    time = BarColumn(
        "time, median\nless is better",
        tuple(each.milliseconds for each in scores),
        tuple(f"{each.milliseconds:,.0f} ms" for each in scores),
    )
    columns = (exact, time) if refusal else (passed, exact, saved, time)
    if below := f"The programs were not run: {refusal}." if refusal else missing:
        title += f'<br><span style="font-size:.8em">{figure_text(below)}</span>'
    return bar_table_figure(title, names, columns)


def _percents(scores, name: str) -> tuple[str, ...]:
    return tuple(f"{getattr(each, name):.0%}" for each in scores)


def suggestions_table(score: CompletionScore, method: str | None = None) -> html.HtmlFigure:
    """What was cut out, beside what was suggested; those that fail first.

    Args:
        score: the suggestions.
        method: of which method; None: the first.
    """
    if not score.methods:
        return html.HtmlFigure(html.note(score.summary))
    chosen = score.method(method) if method else score.methods[0]
    rows = [
        (
            "✓" if each.passed else "–" if each.run.refusal else "✗",
            figure_text(each.cut.task.name),
            _code(each.cut.middle),
            _code(each.completion.text),
            figure_text(_verdict(each)),
        )
        for each in sorted(chosen.suggestions, key=lambda each: each.passed)
    ]
    heads = ("", "task", "cut out", "suggested", "the program with it")
    summary = score.summary if score.refusal else chosen.summary
    return html.HtmlFigure(grid(heads, rows, figure_text(summary)))


def _verdict(suggestion: Suggestion) -> str:
    if suggestion.passed:
        return "passes: the very same" if suggestion.is_exact else "passes"
    ending = suggestion.run.ending
    return ending if len(ending) <= 80 else f"{ending[:80]} …"


def _code(text: str) -> str:
    style = "margin:0;font-size:12px;line-height:1.35;white-space:pre-wrap;background:none"
    style += ";min-width:18em;overflow-wrap:anywhere"
    return f'<pre style="{style}">{figure_text(text.rstrip() or "(nothing)")}</pre>'


def threshold_figure(curve: ThresholdCurve):
    """Share of right ones among those shown, if the less sure ones are withheld."""
    if curve.score.refusal:
        return html.HtmlFigure(html.note(curve.summary))
    name, count = figure_text(curve.score.model), 0
    if curve.score.methods:
        name, count = f"{name}, {METHODS[curve.method.method]}", len(curve.method.suggestions)
    figure = theme.figure(
        title=f"When to stay silent: {name} · measured<br>"
        f'<span style="font-size:.8em">{curve.score.title}, {count} cuts; band: 95 % at each '
        "threshold</span>",
        x="share of suggestions that is shown, surest first",
        y="share of those shown that pass",
        height=360,
        margin={"t": 92},
    )
    if not curve.points:
        return figure
    x, right = [e.shown for e in curve.points], [e.right for e in curve.points]
    ranges = (share_interval(each.right, each.count) for each in curve.points)
    lows, highs = zip(*ranges, strict=True)
    band = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
    figure.add_trace(go.Scatter(x=x, y=lows, **band))
    fill = {"fill": "tonexty", "fillcolor": theme.SKY + theme.TINT}
    figure.add_trace(go.Scatter(x=x, y=highs, **band, **fill))
    line = {"color": theme.BLUE, "width": 2}
    trace = go.Scatter(x=x, y=right, mode="lines+markers", line=line, showlegend=False)
    trace.update(
        customdata=[each.text for each in curve.points],
        hovertemplate="from a mean log-probability of %{customdata} on: "
        "%{x:.0%} shown, %{y:.0%} of them pass<extra></extra>",
    )
    figure.add_trace(trace)
    # The curve ends on this line: the text stands where the curve does not come from.
    side = "bottom right" if min(right[-4:]) >= right[-1] else "top right"
    every = {"line": {"dash": "dash", "color": theme.GREY}, "annotation_text": "all shown"}
    figure.add_hline(right[-1], annotation_position=side, **every)
    figure.update_xaxes(tickformat=".0%", range=[0, 1.03])
    return figure.update_yaxes(tickformat=".0%", range=[-0.1, 1.03])


FIGURES = {
    CompletionScore: {"methods": methods_figure, "code": suggestions_table},
    CompletionComparison: comparison_figure,
    ThresholdCurve: threshold_figure,
}
