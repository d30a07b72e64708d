"""Figures of scores: what was answered, and what one prompt gains over another."""

import plotly.graph_objects as go

from labkit.ui import html, subplots, theme
from labkit.ui.html import figure_text
from labkit.ui.table import grid

from .difference import ScoreDifference
from .result import PromptScore

MOST_ROWS = 60


def score_figure(score: PromptScore):
    """Right answers with their interval and chance, and how often each option was chosen."""
    low, high = score.interval
    options = score.task.options
    figure = theme.figure(title=_title(score), height=170 + 34 * max(1, len(options)))
    subplots.columns(figure, ["share of right answers", "answers by option"], gap=0.2)
    share = go.Bar(
        x=[score.share],
        y=["right"],
        orientation="h",
        width=0.5,
        marker={"color": theme.SKY, "line": {"color": theme.BLUE, "width": 1}},
        error_x=subplots.error_bars([(low, score.share, high)]),
        hovertemplate=f"{score.right} of {len(score.items)}<extra></extra>",
    )
    figure.add_trace(share, row=1, col=1)
    figure.update_xaxes(range=[0, 1.02], tickformat=".0%", row=1, col=1)
    if score.task.chance:
        line = {"line": {"dash": "dash", "color": theme.GREY}, "row": 1, "col": 1}
        figure.add_vline(score.task.chance, annotation_text="chance", **line)
    answers = [each.item.answer for each in score.items]
    for name, counts, colour, shape in (
        ("answered", [score.picks.get(each, 0) for each in options], theme.BLUE, ""),
        ("right ones", [answers.count(each) for each in options], theme.ORANGE, "/"),
    ):
        marker = {"color": colour, "pattern": theme.pattern(shape), "line": theme.OUTLINE}
        names = [figure_text(each) for each in options]
        bars = go.Bar(x=counts, y=names, orientation="h", name=name, marker=marker)
        figure.add_trace(bars, row=1, col=2)
    figure.data[0].showlegend = False
    figure.update_layout(margin={"t": 112}, legend={"yref": "container", "y": 0.8})
    return figure.update_yaxes(autorange="reversed", ticksuffix="  ")


def _title(score: PromptScore) -> str:
    calibrated = f", {score.calibration} calibration" if score.calibration else ""
    return (
        f"{score.right} of {len(score.items)} right: {figure_text(score.task.name)}, "
        f"{figure_text(score.model)}{calibrated} · measured<br>"
        f'<span style="font-size:.8em">{figure_text(score.prompt.label)}</span>'
    )


def answers_table(score: PromptScore) -> html.HtmlFigure:
    """Each item with its answer, wrong ones first."""
    ordered = sorted(score.items, key=lambda each: each.right)
    rows = [
        (
            "✓" if each.right else "✗",
            figure_text(each.item.text),
            figure_text(each.answer),
            figure_text(each.item.answer),
            f"{max(each.probabilities):.0%}" if each.probabilities else "",
        )
        for each in ordered
    ]
    heads = ("", "item", "answer", "right answer", "probability")
    return html.HtmlFigure(grid(heads, rows, figure_text(score.summary), MOST_ROWS))


def difference_figure(difference: ScoreDifference):
    """The items by what happened to them, and the difference with its interval."""
    low, high = difference.interval
    names = (
        figure_text(difference.first.prompt.label),
        figure_text(difference.second.prompt.label),
    )
    figure = theme.figure(
        title=f"{figure_text(difference.summary)}<br>"
        f'<span style="font-size:.8em">from “{names[0]}” to “{names[1]}”</span>',
        x="difference of the shares of right answers, with its 95 % interval",
        height=210,
        showlegend=False,
        margin={"t": 84},
    )
    figure.add_trace(
        go.Scatter(
            x=[difference.difference],
            y=["difference"],
            mode="markers",
            marker={"size": 12, "color": theme.BLUE},
            error_x=subplots.error_bars([(low, difference.difference, high)]),
        )
    )
    figure.add_vline(0, line={"color": theme.GREY, "dash": "dash"})
    edge = max(abs(low), abs(high)) * 1.1
    return figure.update_xaxes(tickformat="+.0%", range=[-edge, edge])


FIGURES = {
    PromptScore: {"score": score_figure, "answers": answers_table},
    ScoreDifference: difference_figure,
}
