"""The figure of several models: the map or share of each, and what it gains."""

from itertools import pairwise

import plotly.graph_objects as go

from labkit.formatting import number_of, points
from labkit.stats import PairedDifference, share_interval
from labkit.topics.limits.accuracy.accuracy_map import AccuracyMap
from labkit.topics.limits.accuracy.facts import FactsMap
from labkit.topics.limits.accuracy.figures import cells_trace
from labkit.topics.limits.code.write_code import CodeScore
from labkit.topics.limits.confidence.result import Calibration
from labkit.ui import subplots, theme
from labkit.ui.html import figure_text

from .compare_models import Marked, ModelComparison


def comparison_figure(comparison: ModelComparison):
    """A map for each model under one another; of results without a map, a bar for each."""
    maps = [each for each in comparison.results if type(each) is AccuracyMap]
    return _maps_figure(comparison, maps) if maps else _bars_figure(comparison)


def _title(comparison: ModelComparison, what: str) -> str:
    pairs = zip(pairwise(comparison.results), comparison.differences, strict=True)
    changes = [_change(*pair, change) for pair, change in pairs]
    lines = ["; ".join(changes)] if changes else ["one model only:", *comparison.missing]
    if any(getattr(each, "refusal", "") for each in comparison.results):
        lines = [each.summary for each in comparison.results]
    below = figure_text(" ".join(lines))
    hows = (each.how for each in comparison.results if each.how != "measured")
    how = next(hows, "measured")
    return f'{figure_text(what)} · {how}<br><span style="font-size:.8em">{below}</span>'


def _change(before: Marked, after: Marked, change: PairedDifference | None) -> str:
    """What a model gains over the one before it, and on how many items if not on all."""
    if not change:
        return f"{after.model}: no item in common with {before.model}"
    low, high = map(points, change.interval)
    gain = f"{after.model} {points(change.difference)} ({low} to {high})"
    if change.count == len(before.marks) == len(after.marks):
        return gain
    return f"{gain} on {number_of(change.count, 'common item')}"


def _maps_figure(comparison: ModelComparison, maps: list[AccuracyMap]):
    rows = len(maps[0].rows)
    figure = theme.figure(
        title=_title(comparison, maps[0].plan.title),
        height=110 + len(maps) * (70 + 44 * rows),
        margin={"t": 104},
    )
    subplots.divide(figure, len(maps), 1, vertical_spacing=0.16 if len(maps) < 3 else 0.1)
    for number, each in enumerate(maps, 1):
        figure.add_trace(cells_trace(each), row=number, col=1)
        subplots.heading(figure, figure_text(each.model), row=number, col=1, font={"size": 13})
    figure.update_xaxes(type="category", showgrid=False)
    figure.update_yaxes(type="category", autorange="reversed", showgrid=False)
    figure.update_xaxes(title_text=maps[0].plan.axes[0], row=len(maps), col=1)
    return figure


def _bars_figure(comparison: ModelComparison):
    bars = [bar for each in comparison.results for bar in _bars(each)]
    figure = theme.figure(
        title=_title(comparison, "Models compared"),
        height=170 + 40 * len(bars),
        showlegend=False,
        margin={"t": 92},
    )
    figure.add_trace(
        go.Bar(
            x=[share for _, share, _ in bars],
            y=[name for name, _, _ in bars],
            orientation="h",
            marker={"color": theme.SKY, "line": {"color": theme.BLUE, "width": 1}},
            error_x=subplots.error_bars([(low, share, high) for _, share, (low, high) in bars]),
            hovertemplate="%{y}: %{x:.0%}<extra></extra>",
        )
    )
    figure.update_xaxes(tickformat=".0%", range=[0, 1.02])
    return figure.update_yaxes(autorange="reversed", type="category", ticksuffix="  ")


def _bars(result) -> list[tuple[str, float, tuple[float, float]]]:
    """Name, share and interval of what a result counts."""
    name = figure_text(result.model)
    if isinstance(result, FactsMap):
        cells = ((f"{name}, capitals", result.known), (f"{name}, invented", result.invented))
        return [(label, cell.share, cell.interval) for label, cell in cells if cell.count]
    if isinstance(result, Calibration) and result.items:
        own = result.reliability()
        return [(name, own.share, share_interval(own.share, len(own.right)))]
    if isinstance(result, CodeScore) and result.tasks and not result.refusal:
        return [(name, result.pass_at(1), result.interval(1))]
    return []


FIGURES = {ModelComparison: comparison_figure}
