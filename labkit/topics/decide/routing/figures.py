"""Figures of graded items and of a router: quality against share, seconds and cost."""

from collections.abc import Sequence

import plotly.graph_objects as go

from labkit.stats import share_interval
from labkit.topics.limits.confidence.figures import diagrams
from labkit.topics.limits.confidence.reliability import BINS
from labkit.ui import html, subplots, theme
from labkit.ui.html import figure_text
from labkit.ui.table import grid

from .graded import GradedItems
from .result import CONFIDENCE, NEIGHBOURS, ROUTER, RoutedPair, RoutingEvaluation

LINES = {
    ROUTER: (theme.BLUE, "solid"),
    CONFIDENCE: (theme.ORANGE, "dash"),
    NEIGHBOURS: (theme.GREEN, "dot"),
}
MARKS = {
    "always small": ("circle", theme.GREY),
    "always large": ("square", theme.INK),
    "random mix": ("x", theme.PINK),
    ROUTER: ("diamond", theme.BLUE),
    "oracle": ("star", theme.GREEN),
}
MOST_ROWS = 80


def graded_figure(graded: GradedItems):
    """How many each model got right in each test, with 95 % intervals."""
    figure = theme.figure(
        title=f"Right answers, {graded.half} half · measured",
        y="share of right answers",
        height=340,
        barmode="group",
    )
    looks = ((theme.SKY, ""), (theme.ORANGE, "/"))
    for (name, answers), (colour, shape) in zip(graded.by_model, looks, strict=False):
        right = [graded.right(answers, test) for test in graded.tests]
        shares = [sum(each) / len(each) for each in right]
        ends = [share_interval(s, len(each)) for s, each in zip(shares, right, strict=True)]
        ranges = [(low, s, high) for (low, high), s in zip(ends, shares, strict=True)]
        bars = go.Bar(
            x=graded.tests,
            y=shares,
            name=figure_text(name),
            marker={"color": colour, "pattern": theme.pattern(shape), "line": theme.OUTLINE},
            error_y=subplots.error_bars(ranges),
            text=[f"{sum(each)} of {len(each)}" for each in right],
            hovertemplate="%{x}: %{text}<extra></extra>",
            textposition="none",
        )
        figure.add_trace(bars)
    return figure.update_yaxes(range=[0, 1.02], tickformat=".0%")


def answers_table(graded: GradedItems) -> html.HtmlFigure:
    """Each question with the answers, those first of which the large model alone is right."""
    large = graded.large or (None,) * len(graded.small)
    rows = []
    for asked, small, other in zip(graded.questions, graded.small, large, strict=True):
        logprob = small.logprob or 0.0
        answers = [f"{'✓' if e.right else '✗'} {figure_text(e.text)}" for e in (small, other) if e]
        ends = [f"{logprob:.1f}", figure_text(asked.question.answer)]
        cells = [figure_text(asked.text), asked.test, *answers, *ends]
        rows.append(((bool(other and other.right) - small.right, -logprob), cells))
    rows.sort(key=lambda row: row[0], reverse=True)
    heads = ["question", "test", *(figure_text(name) for name, _ in graded.by_model)]
    shown = [cells for _, cells in rows]
    caption = figure_text(graded.summary)
    return html.HtmlFigure(grid([*heads, "log-probability", "right"], shown, caption, MOST_ROWS))


def _title(evaluation: RoutingEvaluation, what: str) -> str:
    small = figure_text(evaluation.small)
    return f"{what}: {small} first, {evaluation.items} held-out questions · computed"


def _heading(pair: RoutedPair) -> str:
    area = pair.measures[ROUTER]["APGR"].text
    return f"<b>large: {figure_text(pair.large)}</b> · {pair.origin}<br>APGR {area}"


def curve_figure(evaluation: RoutingEvaluation):
    """Right answers against the share that goes to the large model."""
    figure = theme.figure(
        title=_title(evaluation, "A router beside a random mix"), height=440, margin={"t": 130}
    )
    subplots.columns(figure, [_heading(each) for each in evaluation.pairs], gap=0.08)
    figure.update_annotations(align="left")
    for column, pair in enumerate(evaluation.pairs, 1):
        spot = {"row": 1, "col": column}
        for name, (shares, right) in pair.curves.items():
            colour, dash = LINES[name]
            line = {"color": colour, "dash": dash, "width": 3 if name == ROUTER else 2}
            figure.add_trace(_line(shares, right, name, line, column == 1), **spot)
        ends = [pair.share(each).right for each in ("always small", "always large")]
        line = {"color": theme.GREY, "dash": "longdash", "width": 1}
        figure.add_trace(_line([0, 1], ends, "random mix", line, column == 1), **spot)
        for name in (ROUTER, "oracle"):
            each = pair.share(name)
            figure.add_trace(_dot(each.to_large, each, f"{name}, here", column == 1), **spot)
    figure.update_xaxes(title_text="goes to the large model", tickformat=".0%", range=[-0.03, 1.03])
    figure.update_yaxes(tickformat=".0%", range=[0, 1.05])
    figure.update_layout(legend={"y": 1.14, "x": 0, "xanchor": "left"})
    return figure.update_yaxes(title_text="right answers", row=1, col=1)


def _line(x: Sequence[float], y: Sequence[float], name: str, line: dict, is_first: bool):
    return go.Scatter(
        x=list(x),
        y=list(y),
        mode="lines",
        name=name,
        line=line,
        legendgroup=name,
        showlegend=is_first,
        hovertemplate="%{x:.0%} to the large model: %{y:.0%} right<extra></extra>",
    )


def _dot(x: float, each, name: str, is_first: bool):
    symbol, colour = MARKS[each.name]
    low, high = each.interval
    return go.Scatter(
        x=[x],
        y=[each.right],
        mode="markers",
        name=name,
        legendgroup=name,
        showlegend=is_first,
        marker={"symbol": symbol, "size": 12, "color": colour, "line": theme.OUTLINE},
        error_y=subplots.error_bars([(low, each.right, high)], thickness=1),
        hovertemplate=f"{name}: %{{y:.0%}} right<extra></extra>",
    )


def cost_figure(evaluation: RoutingEvaluation):
    """Right answers against the seconds and the cost of a request."""
    rows = len(evaluation.pairs)
    figure = theme.figure(
        title=f"{_title(evaluation, 'What a request takes')}<br>"
        f'<span style="font-size:.8em">cost: {figure_text(evaluation.costs)}</span>',
        height=150 + 290 * rows,
        margin={"t": 150},
    )
    subplots.divide(figure, rows, 2, horizontal_spacing=0.09, vertical_spacing=0.34 / rows)
    for row, pair in enumerate(evaluation.pairs, 1):
        heading = f"<b>large: {figure_text(pair.large)}</b> · {pair.origin}"
        subplots.heading(figure, heading, row=row, col=1, font={"size": 13})
        for each in pair.shares:
            for column, x in enumerate((each.seconds, 1000 * each.usd), 1):
                dot = _dot(x, each, each.name, row == column == 1)
                figure.add_trace(dot, row=row, col=column)
        figure.update_xaxes(title_text="seconds of a request", row=row, col=1)
        figure.update_xaxes(title_text="US dollars for 1,000 requests", row=row, col=2)
        figure.update_yaxes(title_text="right answers", row=row, col=1)
    figure.update_xaxes(rangemode="tozero")
    figure.update_layout(legend={"y": 1 + 0.2 / rows, "x": 0, "xanchor": "left"})
    return figure.update_yaxes(tickformat=".0%", range=[0, 1.05])


def measures_table(evaluation: RoutingEvaluation) -> html.HtmlFigure:
    """Measures of each kind of router, PGR at the router's share, and what each share takes."""
    tables = []
    for pair in evaluation.pairs:
        titles = list(pair.measures[ROUTER])
        rows = [
            [name, *(found[title].text for title in titles)]
            for name, found in pair.measures.items()
        ]
        caption = f"large: {figure_text(pair.large)} ({pair.origin}); {figure_text(pair.verdict)}"
        shares = [
            [
                each.name,
                f"{each.to_large:.0%}",
                f"{each.right:.0%} ({each.interval[0]:.0%} to {each.interval[1]:.0%})",
                f"{each.seconds:.2f}",
                f"{1000 * each.usd:.4f}",
            ]
            for each in pair.shares
        ]
        heads = ["", "to the large model", "right", "s a request", "$ for 1,000"]
        tables += [grid(["", *titles], rows, caption), grid(heads, shares)]
    return html.HtmlFigure("".join(tables) + html.note(f"cost: {evaluation.costs}"))


def confidence_figure(evaluation: RoutingEvaluation, *, bins: int = BINS):
    """The reliability diagram of the calibrated confidence, as in notebook 08."""
    title = _title(evaluation, "How sure, and how often right")
    return diagrams(title, [("calibrated confidence", evaluation.confidence)], bins)


FIGURES = {
    GradedItems: {"tests": graded_figure, "answers": answers_table},
    RoutingEvaluation: {
        "share": curve_figure,
        "cost": cost_figure,
        "measures": measures_table,
        "confidence": confidence_figure,
    },
}
