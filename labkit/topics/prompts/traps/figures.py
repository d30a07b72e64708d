"""Figures of traps: orders of examples, calibrations, the best of many, items that are needed."""

from collections.abc import Sequence
from math import log10

import plotly.graph_objects as go

from labkit.formatting import points
from labkit.topics.prompts.scoring.result import PromptScore
from labkit.ui import html, subplots, theme
from labkit.ui.html import figure_text

from .calibrations import CalibrationComparison
from .examples import ExampleTraps
from .power import ItemPlan
from .winners_curse import WinnersCurse

TICKS = [digit * 10**power for power in range(6) for digit in (1, 2, 5)]  # items


def _share_bars(scores: Sequence[PromptScore], names: Sequence[str], name: str = "", **look):
    ranges = ((each.interval[0], each.share, each.interval[1]) for each in scores)
    marker = {"color": theme.SKY, "line": {"color": theme.BLUE, "width": 1}, **look}
    return go.Bar(
        x=list(names),
        y=[each.share for each in scores],
        name=name,
        marker=marker,
        error_y=subplots.error_bars(ranges, thickness=1, width=4),
        hovertemplate="%{x}: %{y:.0%}<extra></extra>",
    )


def _chance(figure, score: PromptScore) -> None:
    if score.task.chance:
        line = {"dash": "dash", "color": theme.GREY}
        # Beside the plot: over a bar it could not be read in both themes.
        label = {"annotation_text": " chance", "annotation_position": "right"}
        figure.add_hline(score.task.chance, line=line, **label)
        figure.update_layout(margin={"r": 72})


def examples_figure(traps: ExampleTraps):
    """Right answers by the examples' order, and the share of answers that repeat the last one."""
    names = [figure_text(each.name) for each in traps.orders]
    scores = [each.score for each in traps.orders]
    figure = theme.figure(
        title="The same examples in other orders, and of one label alone · "
        f"{figure_text(scores[0].task.name)}, {len(scores[0].items)} items, measured",
        y="share",
        height=400,
        barmode="group",
    )
    figure.add_trace(_share_bars(scores, names, "right answers"))
    copied = [each.copied_share for each in traps.orders]
    marker = {"color": theme.ORANGE, "pattern": theme.pattern("/"), "line": theme.OUTLINE}
    figure.add_trace(go.Bar(x=names, y=copied, name="the last example's label", marker=marker))
    _chance(figure, scores[0])
    return figure.update_yaxes(tickformat=".0%", range=[0, 1.05])


def calibrations_figure(comparison: CalibrationComparison):
    """Right answers and choices without calibration, and with two kinds of it."""
    scores = comparison.scores
    task = comparison.plain.task
    figure = theme.figure(
        title=f"{figure_text(task.name)}: one reading, judged in three ways · measured",
        height=440,
        margin={"t": 136},
        legend={"yref": "container", "y": 0.82},
        barmode="stack",
    )
    subplots.columns(figure, ["share of right answers", "answers by option"], gap=0.12)
    bars = _share_bars(list(scores.values()), list(scores))
    figure.add_trace(bars.update(showlegend=False), row=1, col=1)
    figure.update_yaxes(tickformat=".0%", range=[0, 1.05], row=1, col=1)
    colours = (theme.BLUE, theme.ORANGE, theme.GREEN, theme.PINK, theme.YELLOW, theme.GREY)
    for n, option in enumerate(task.options):
        counts = [each.picks[option] for each in scores.values()]
        shape = ("", "/", ".", "x", "-", "\\")[n % 6]
        look = {"color": colours[n % 6], "pattern": theme.pattern(shape)}
        marker = {**look, "line": theme.OUTLINE}
        stacked = go.Bar(x=list(scores), y=counts, name=figure_text(option), marker=marker)
        figure.add_trace(stacked, row=1, col=2)
    return figure


def curse_figure(curse: WinnersCurse):
    """Every wording on the items by which one is chosen, and on fresh ones."""
    chosen = curse.chosen
    old, new = len(chosen.practice.items), len(chosen.fresh.items)
    figure = theme.figure(
        title=f"The best of {len(curse.wordings)} wordings: {chosen.practice.share:.0%}, on fresh "
        f"items {chosen.fresh.share:.0%} ({points(-curse.fall)}) · measured<br>"
        f'<span style="font-size:.8em">“{figure_text(chosen.text)}”</span>',
        y="share of right answers",
        height=420,
        margin={"t": 92},
        showlegend=False,
    )
    columns = [f"on the {old} items that it was chosen by", f"on {new} fresh items"]
    for each in sorted(curse.wordings, key=lambda own: own is chosen):
        best = each is chosen
        colour, width = (theme.RED, 4) if best else (theme.GREY, 1.5)
        figure.add_trace(
            go.Scatter(
                x=columns,
                y=[each.practice.share, each.fresh.share],
                mode="lines+markers",
                line={"color": colour, "width": width},
                marker={"size": 12 if best else 7, "symbol": "star" if best else "circle"},
                hovertemplate=f"{figure_text(each.text)}: %{{y:.0%}}<extra></extra>",
            )
        )
    line = {"dash": "dash", "color": theme.BLUE}
    text = "the best of as many equal wordings, by chance"
    figure.add_hline(curse.best_by_chance, line=line, annotation_text=text)
    return figure.update_yaxes(tickformat=".0%").update_xaxes(range=[-0.15, 1.15])


def plan_figure(plan: ItemPlan):
    """The number of items that settle a difference, by its size."""
    if not plan.curve:
        return html.HtmlFigure(html.note(plan.summary))
    figure = theme.figure(
        title=f"Items that settle a difference, with {plan.discordant:.0%} of items answered "
        "differently · computed",
        x="true difference, in percentage points",
        y="items (logarithmic)",
        height=360,
        showlegend=False,
    )
    sizes = [100 * size for size, _ in plan.curve]
    figure.add_trace(
        go.Scatter(
            x=sizes,
            y=[count for _, count in plan.curve],
            mode="lines+markers" if len(plan.curve) == 1 else "lines",
            line={"color": theme.BLUE},
            hovertemplate="%{x:.0f} points: %{y:,} items<extra></extra>",
        )
    )
    if plan.observed:
        count, ends = plan.observed.count, [sizes[0], sizes[-1]]
        line = {"dash": "dash", "color": theme.RED}
        figure.add_scatter(x=ends, y=[count] * 2, mode="lines", line=line, hoverinfo="skip")
        above = {"xanchor": "right", "yanchor": "bottom", "showarrow": False}
        figure.add_annotation(x=ends[1], y=log10(count), text=f"you had {count}", **above)
    figure.update_xaxes(range=[sizes[0] - 1, sizes[-1] + 1])
    return figure.update_yaxes(type="log", tickvals=TICKS, tickformat=",")


FIGURES = {
    ExampleTraps: examples_figure,
    CalibrationComparison: calibrations_figure,
    WinnersCurse: curse_figure,
    ItemPlan: plan_figure,
}
