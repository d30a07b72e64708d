"""Figures of experiments: each metric over the value that was varied."""

from html import escape
from statistics import median

import plotly.graph_objects as go

from labkit.ui import subplots, theme

from .engines import EngineComparison
from .engines_figures import engines_figure, quantization_figure, texts_table
from .quantization import QuantizationComparison
from .runner import METRIC_LABELS, Experiment, how_measured

_COLOURS = {"ttft_s": theme.ORANGE, "elapsed_s": theme.GREEN, "prefill_tokens_per_s": theme.ORANGE}
STYLES = ((theme.BLUE, "solid", "circle"), (theme.RED, "dash", "square"))


def experiment_figure(experiment: Experiment):
    """Median and range of each metric at each value; for the KV cache, the gaps token by token."""
    if experiment.name == "KV cache":
        return _cache_figure(experiment)
    figure = theme.figure(
        title=_title(experiment), height=350, margin={"b": 44, "t": 76}, showlegend=False
    )
    labels = [METRIC_LABELS[name] for name in experiment.metrics]
    subplots.columns(figure, labels)
    figure.update_xaxes(title_text=experiment.axis, **_axis(experiment))
    figure.update_yaxes(rangemode="tozero")
    for column, name in enumerate(experiment.metrics, 1):
        figure.add_trace(_line(experiment, name), row=1, col=column)
    return figure


def _title(experiment: Experiment) -> str:
    return f"{escape(experiment.model)}, {experiment.name} varied · {how_measured(experiment)}"


def _axis(experiment: Experiment) -> dict:
    """A category axis for words and single numbers, a scale for lengths and sizes."""
    values = [point.value for point in experiment.points]
    if any(isinstance(value, str) for value in values):
        return {"type": "category"}
    if experiment.name in ("prompt length", "output length"):
        return {"rangemode": "tozero", "tickvals": _spaced(values)}
    return {"type": "category"} if len(values) < 2 else {"tickvals": values, "type": "log"}


def _spaced(values: list[float]) -> list[float]:
    """The ticks that leave room for their neighbours' labels."""
    ticks = []
    for value in sorted(values, reverse=True):
        if not ticks or ticks[-1] - value >= max(values) / 9:
            ticks.append(value)
    return ticks


def _line(experiment: Experiment, name: str):
    known = experiment.numbers(name)
    words = any(isinstance(value, str) for value, _ in known)
    return go.Scatter(
        x=[value for value, _ in known],
        y=[several.median for _, several in known],
        mode="markers" if words else "lines+markers",
        line={"color": _COLOURS.get(name, theme.BLUE)},
        marker={"size": 9},
        error_y=subplots.spread_bars((several for _, several in known), color=None),
        customdata=[[several.low, several.high, len(several.values)] for _, several in known],
        hovertemplate="%{x}: %{y:.3g}, from %{customdata[0]:.3g} to %{customdata[1]:.3g} in "
        "%{customdata[2]} runs<extra></extra>",
    )


def _cache_figure(experiment: Experiment):
    """The time before each token, with the cache and without."""
    lines = []
    for point, (colour, dash, symbol) in zip(experiment.points, STYLES, strict=False):
        columns = zip(*(run.itl_s for run in point.measurement.counted), strict=False)
        gaps = [1000 * median(column) for column in columns]
        lines.append(
            go.Scatter(
                name=str(point.value),
                x=list(range(2, len(gaps) + 2)),
                y=gaps,
                mode="lines+markers",
                line={"color": colour, "dash": dash},
                marker={"symbol": symbol},
                hovertemplate="token %{x}: %{y:.0f} ms<extra></extra>",
            )
        )
    figure = theme.figure(
        *lines,
        title=_title(experiment),
        x="token of the answer",
        y="milliseconds for it, median",
        height=350,
        margin={"t": 80},
    )
    return figure.update_yaxes(rangemode="tozero")


FIGURES = {
    Experiment: experiment_figure,
    EngineComparison: {"numbers": engines_figure, "texts": texts_table},
    QuantizationComparison: {"numbers": quantization_figure, "texts": texts_table},
}
