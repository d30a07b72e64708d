"""Figures of experiments: each metric over the value that was varied, and texts side by side."""

from collections.abc import Sequence
from html import escape
from statistics import median

import plotly.graph_objects as go

from labkit.formatting import MIB, digits, number_of
from labkit.stats import Spread
from labkit.ui import html, subplots, theme
from labkit.ui.bar_table import BarColumn, bar_table_figure
from labkit.ui.html import figure_text
from labkit.ui.table import grid

from .engines import EngineComparison
from .quantization import QuantizationComparison, QuantizedFile
from .runner import METRIC_LABELS, Experiment, how_measured
from .text_divergence import GeneratedText

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
    return f"{figure_text(experiment.model)}, {experiment.name} varied · {how_measured(experiment)}"


def _axis(experiment: Experiment) -> dict:
    """A category axis for words and single numbers, a scale for lengths and sizes."""
    values = [point.value for point in experiment.points]
    if any(isinstance(value, str) for value in values):
        return {"type": "category", "range": [-0.5, len(values) - 0.5]}
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
        customdata=[[each.low, each.high, number_of(len(each.values), "run")] for _, each in known],
        hovertemplate="%{x}: %{y:,.3~r}, from %{customdata[0]:,.3~r} to %{customdata[1]:,.3~r} in "
        "%{customdata[2]}<extra></extra>",
    )


def _cache_figure(experiment: Experiment):
    """The time before each token, with the cache and without."""
    lines = []
    for point, (colour, dash, symbol) in zip(experiment.points, STYLES, strict=False):
        columns = zip(*(run.itl_s for run in point.measurement.counted), strict=False)
        gaps = [1000 * median(column) for column in columns]
        lines.append(
            go.Scatter(
                name=figure_text(str(point.value)),
                x=list(range(2, len(gaps) + 2)),
                y=gaps,
                mode="lines+markers",
                line={"color": colour, "dash": dash},
                marker={"symbol": symbol},
                hovertemplate="token %{x}: %{y:,.3~r} ms<extra></extra>",
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


_MARK = f'<span style="color:{theme.ALERT};font-weight:700">┃</span>'
_AFTER = "text-decoration:underline;text-decoration-style:dotted;text-underline-offset:3px"


def engines_figure(comparison: EngineComparison):
    """Time to first token, speed and memory of each engine."""
    points, footprints = comparison.points, comparison.footprints
    first = [point.measurement.ttft_s for point in points]
    speed = [point.measurement.decode_tokens_per_s for point in points]
    memory = tuple(each and each.total_bytes / MIB for each in footprints)
    columns = (
        _column("time to first token\nseconds\nless is better", first),
        _column("decode\ntokens/s\nmore is better", speed),
        BarColumn("memory\nMiB\nless is better", memory, tuple(map(_memory, footprints))),
    )
    title = (
        f"One prompt, {number_of(len(points), 'engine')} · median and range, "
        f"{how_measured(comparison.experiment)}"
    )
    return bar_table_figure(title, comparison.names, columns)


def _memory(footprint) -> str:
    if not footprint:
        return "not known"
    whose = "alone" if footprint.own else "server"
    if footprint.gpu_bytes:
        whose = f"{footprint.gpu_bytes / MIB:,.0f} on the GPU"
    return f"{footprint.total_bytes / MIB:,.0f} ({whose})"


def texts_table(comparison) -> html.HtmlFigure:
    """What each wrote, one below the other; a mark and an underline show where it diverges.

    Args:
        comparison: a comparison of engines or of number formats.
    """
    texts = comparison.texts
    first = texts[0].name if texts else ""
    caption = (
        f"The same request at temperature 0 · {escape(comparison.experiment.origin)}. {_MARK} and "
        f"the dotted line show where a text diverges from that of {escape(first)}."
    )
    rows = (_text_row(text, index == 0) for index, text in enumerate(texts))
    return html.HtmlFigure(grid([], rows, f'<span style="font-weight:400">{caption}</span>'))


def _text_row(text: GeneratedText, first: bool) -> list[str]:
    note = "the others are compared with it" if first else "✓ the same text"
    if text.diverges_at is not None:
        note = f"✗ diverges after {number_of(text.diverges_at, 'character')}"
    note += f"; {text.versions} texts in its runs" if text.versions > 1 else ""
    head = f'<div style="color:{theme.QUIET}">{escape(note)}</div>'
    return [
        f'<div style="width:17em"><b>{escape(text.name)}</b>{head}</div>',
        f'<div style="white-space:pre-wrap">{_marked(text)}</div>',
    ]


def _marked(text: GeneratedText) -> str:
    if text.diverges_at is None:
        return escape(text.text)
    same, other = text.text[: text.diverges_at], text.text[text.diverges_at :]
    mark = f'<span role="img" aria-label="diverges here" title="diverges here">{_MARK}</span>'
    return f'{escape(same)}{mark}<span style="{_AFTER}">{escape(other)}</span>'


def quantization_figure(comparison: QuantizationComparison):
    """Size, memory, speed and distance from the scores of the file with the most bits."""
    files = comparison.files
    measured = [file.measurement for file in files]
    peaks = [file.footprint and file.footprint.peak_bytes for file in files]
    bits = [file.divergence and file.divergence.mean_bits for file in files]
    first = [each and each.ttft_s for each in measured]
    speed = [each and each.decode_tokens_per_s for each in measured]
    columns = (
        _column("file\nMB\nless is better", [file.file_bytes / 1e6 for file in files]),
        _column("peak memory\nMiB\nless is better", [n and n / MIB for n in peaks]),
        _column("first token\nafter s\nless is better", first),
        _column("decode\ntokens/s\nmore is better", speed),
        _column(f"scores\nbits off {comparison.reference}\nless is better", bits, 0.001),
    )
    what = f"{figure_text(comparison.model)} in {len(files)} number formats"
    title = f"{what} · {how_measured(comparison.experiment)}"
    names = [_file_name(file) for file in files]
    figure = bar_table_figure(title, names, columns)
    caution = figure_text(comparison.caution).replace(": ", ":<br>")
    below = {"x": 0, "xref": "paper", "y": 0, "yref": "paper", "yanchor": "top", "yshift": -4}
    subplots.note(figure, caution, **below, align="left", font={"size": 12})
    return figure.update_layout(margin={"b": 48})


def _file_name(file: QuantizedFile) -> str:
    return f"{file.kind}{'' if file.copied else ', its own'}: {file.bits_per_weight:.1f} bits"


def _column(title: str, values: Sequence[Spread | float | None], least: float = 0.0) -> BarColumn:
    return BarColumn(title, tuple(values), tuple(_label(each, least) for each in values))


def _label(value: Spread | float | None, least: float) -> str:
    if value is None:
        return "not known"
    number = value.median if isinstance(value, Spread) else value
    return f"under {least}" if 0 < number < least else digits(number)


FIGURES = {
    Experiment: experiment_figure,
    EngineComparison: {"numbers": engines_figure, "texts": texts_table},
    QuantizationComparison: {"numbers": quantization_figure, "texts": texts_table},
}
