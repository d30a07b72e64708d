"""Figures of a measurement: where its seconds went, every gap, every repeat."""

from collections.abc import Iterable, Sequence

import plotly.graph_objects as go

from labkit.formatting import digits, number_of
from labkit.stats import Spread, percentile
from labkit.ui import subplots, theme
from labkit.ui.html import figure_text

from .comparison import METRICS, MeasurementComparison
from .load_time import LoadTime
from .measurement import Measurement
from .run import TimedRun


def waterfall_figure(measurement: Measurement):
    """Where the seconds went: loading if it was measured, prefill and decode in a row."""
    parts, begin = _parts(measurement), 0.0
    figure = theme.figure(
        title=_title(measurement, "where the seconds go"),
        x="seconds, median and range",
        height=150 + 46 * max(1, len(parts)),
    )
    for name, part, colour, pattern, label in parts:
        bar = go.Bar(
            y=[name],
            x=[part.median],
            base=begin,
            orientation="h",
            showlegend=False,
            marker={"color": colour, "pattern": theme.pattern(pattern)},
            error_x=subplots.spread_bars([part]),
            hovertemplate=f"{figure_text(name)}: {digits(part.median)} s, {digits(part.low)} to "
            f"{digits(part.high)} s<extra></extra>",
        )
        figure.add_trace(bar)
        subplots.note(figure, f"  {label}", x=begin + part.high, y=name)
        begin += part.median
    end = max((note.x for note in figure.layout.annotations), default=1)
    figure.update_yaxes(autorange="reversed", showgrid=False, ticksuffix="  ")
    return figure.update_xaxes(range=[0, end * 1.45])


def _parts(m: Measurement) -> list[tuple[str, Spread, str, str, str]]:
    """Name, seconds, colour, pattern and label of each part that was measured."""
    parts = []
    if m.load and (loaded := m.load.cold_s or m.load.warm_s):
        name = "load" if m.load.cold_s else "load, files in memory"
        parts.append((name, loaded, theme.GREY, ".", f"{digits(loaded.median)} s, once"))
    if m.ttft_s:
        cached = f", {m.cached_tokens.median:g} of them cached" if m.cached_tokens else ""
        label = f"{digits(m.ttft_s.median)} s"
        if m.prompt_tokens is not None:
            label += f" for {number_of(m.prompt_tokens, 'token')} in{cached}"
        name = "prefill and hidden thinking" if m.thinking_s and not m.shows_thinking else "prefill"
        parts.append((name, m.ttft_s, theme.ORANGE, "/", label))
    if m.thinking_s and m.shows_thinking:
        count = m.thinking_tokens and number_of(round(m.thinking_tokens.median), "token")
        label = f"{digits(m.thinking_s.median)} s{f': {count}' if count else ''}"
        parts.append(("thinking", m.thinking_s, theme.PINK, "x", label))
    if m.tpot_s:
        decode = Spread(tuple(run.answer_s for run in m.counted if run.tpot_s))
        speed = m.decode_tokens_per_s.median
        gaps = number_of(round(decode.median * speed), "gap")  # the answer's alone
        label = f"{digits(decode.median)} s: {gaps}, {digits(speed)} tokens/s"
        parts.append(("decode", decode, theme.BLUE, "", label))
    return parts


def _title(m: Measurement, what: str) -> str:
    disturbed = " · machine disturbed" if m.noise and m.noise.disturbed else ""
    runs = f"{number_of(len(m.counted), 'run')}, {figure_text(m.origin)}{disturbed}"
    return f"{figure_text(m.model)}: {what} · {runs}"


def gaps_figure(measurement: Measurement):
    """Every gap between two tokens of every run, outliers marked.

    A gap is an outlier if it exceeds the upper quartile by more than one and a half times the
    interquartile range (Tukey 1977, "Exploratory Data Analysis").
    """
    gaps = [
        (position, 1000 * gap, number)
        for number, run in enumerate(measurement.counted, 1)
        for position, gap in enumerate(run.itl_s, 2)
    ]
    fence = outlier_fence([gap for _, gap, _ in gaps])
    groups = (
        ("gap before a token", [each for each in gaps if each[1] <= fence], theme.BLUE, "circle"),
        ("outlier", [each for each in gaps if each[1] > fence], theme.RED, "x"),
    )
    dots = [
        go.Scatter(
            name=name,
            x=[position for position, _, _ in group],
            y=[gap for _, gap, _ in group],
            customdata=[number for *_, number in group],
            mode="markers",
            marker={"color": colour, "symbol": symbol, "size": 7, "opacity": 0.7},
            hovertemplate="token %{x}, run %{customdata}: %{y:,.3~r} ms<extra></extra>",
        )
        for name, group, colour, symbol in groups
    ]
    figure = theme.figure(
        *dots,
        title=_title(measurement, "every inter-token latency"),
        x="token of the answer (the first has no gap before it)",
        y="milliseconds",
        margin={"r": 90, "t": 80},
        height=360,
    )
    if gaps:
        _percentile_lines(figure, measurement, max(gap for _, gap, _ in gaps))
    return figure.update_yaxes(rangemode="tozero")


def outlier_fence(values: Sequence[float]) -> float:
    """The value above which another is an outlier, by Tukey's rule; 1 % beyond at the least.

    >>> outlier_fence([1, 2, 3, 4, 5])
    7.0
    """
    if not values:
        return float("inf")
    low, high = percentile(values, 25), percentile(values, 75)
    return high + max(1.5 * (high - low), 0.01 * high)


def _percentile_lines(figure, measurement: Measurement, top: float) -> None:
    """Lines at p50, p95 and p99; their labels stand beside the plot and never overlap."""
    lowest = 0.0  # for the next label
    for percent, dash in ((50, "solid"), (95, "dash"), (99, "dot")):
        value = 1000 * measurement.itl_percentile_s(percent)
        figure.add_hline(y=value, line={"color": theme.INK, "width": 1, "dash": dash})
        y = max(value, lowest)
        label = f" p{percent} {digits(value)} ms"
        subplots.note(figure, label, x=1, xref="paper", y=y, font={"size": 12})
        lowest = y + 0.075 * top


def repeats_figure(measurement: Measurement):
    """Each run as a dot, warm-up and aborted ones too, with median and quartiles."""
    names = ("time to first token, s", "decode, tokens/s")
    figure = theme.figure(
        title=_title(measurement, "run after run"),
        height=340,
        margin={"b": 44, "t": 84},
        legend={"yref": "container", "y": 0.9, "yanchor": "top", "x": 0, "xanchor": "left"},
    )
    subplots.columns(figure, names)
    figure.update_xaxes(title_text="run", dtick=max(1, len(measurement.runs) // 8))
    figure.update_yaxes(rangemode="tozero")
    for column, name in enumerate(("ttft_s", "decode_tokens_per_s"), 1):
        cell = {"row": 1, "col": column}
        figure.add_traces(_dots(measurement, name, column == 1), rows=1, cols=column)
        if several := getattr(measurement, name):
            low, high = several.quartiles
            band = {"fillcolor": theme.SKY, "opacity": 0.25, "line_width": 0, "layer": "below"}
            figure.add_hrect(low, high, **band, **cell)
            figure.add_hline(several.median, line={"color": theme.BLUE, "width": 2}, **cell)
    return figure


def _dots(m: Measurement, name: str, showlegend: bool) -> list:
    warm = enumerate(m.warmup, 1 - len(m.warmup))
    runs = list(enumerate(m.runs, 1))
    counted = [each for each in runs if each[1].complete]
    aborted = [each for each in runs if not each[1].complete]
    groups = (
        ("counted (line: median, band: middle half)", counted, theme.BLUE, "circle"),
        ("warm-up, left out", warm, theme.ORANGE, "diamond-open"),
        ("aborted, left out", aborted, theme.RED, "x"),
    )
    return [
        go.Scatter(
            name=label,
            legendgroup=label,
            showlegend=showlegend,
            mode="markers",
            x=[index for index, _ in known],
            y=[number for _, number in known],
            marker={"color": colour, "symbol": symbol, "size": 10},
            marker_line={"width": 2, "color": colour},
            hovertemplate="run %{x}: %{y:,.3~r}<extra></extra>",
        )
        for label, group, colour, symbol in groups
        if (known := _known(group, name))
    ]


def _known(group: Iterable[tuple[int, TimedRun]], name: str) -> list[tuple[int, float]]:
    numbers = ((index, getattr(run, name)) for index, run in group)
    return [(index, number) for index, number in numbers if number is not None]


def load_figure(load: LoadTime):
    """Every load as a dot: imports, cold and warm."""
    groups = (
        ("importing torch and transformers", load.import_s, theme.GREY, "square"),
        ("cold load", load.cold_s, theme.BLUE, "circle"),
        ("warm load", load.warm_s, theme.ORANGE, "diamond"),
    )
    dots = [
        go.Scatter(
            x=part.values,
            y=[name] * len(part.values),
            mode="markers",
            showlegend=False,
            marker={"color": colour, "symbol": symbol, "size": 11, "opacity": 0.75},
            hovertemplate="%{y}: %{x:,.3~r} s<extra></extra>",
        )
        for name, part, colour, symbol in groups
        if part
    ]
    title = f"Loading {figure_text(load.model)}, each in a fresh process · measured"
    figure = theme.figure(*dots, title=title, x="seconds", height=230)
    return figure.update_xaxes(rangemode="tozero").update_yaxes(ticksuffix="  ")


def measurements_figure(comparison: MeasurementComparison):
    """Measurements side by side: time to first token and decode, median and range."""
    shown = [each for each in comparison.metrics if each.name in ("ttft_s", "decode_tokens_per_s")]
    labels = [METRICS[metric.name] for metric in shown]
    missing = "".join(f"<br>left out: {figure_text(each)}" for each in comparison.left_out[:1])
    more = f" (and {len(comparison.left_out) - 1} more)" if comparison.left_out[1:] else ""
    origin = figure_text(comparison.origin)
    figure = theme.figure(
        title=f"Measurements side by side, median and range · {origin}{missing}{more}",
        margin={"b": 44, "t": 70},
        showlegend=False,
    )
    subplots.columns(
        figure,
        [f"{what}, {unit} ({'more' if more else 'less'} is better)" for what, unit, more in labels],
    )
    looks = ((theme.ORANGE, "/"), (theme.BLUE, ""))
    for column, (metric, (colour, pattern)) in enumerate(zip(shown, looks, strict=True), 1):
        known = [pair for pair in zip(comparison.names, metric.spreads, strict=True) if pair[1]]
        bars = [
            go.Bar(
                x=[figure_text(name)],
                y=[several.median],
                error_y=subplots.spread_bars([several]),
                width=0.5,
                marker={"color": colour, "pattern": theme.pattern(pattern)},
                hovertemplate="%{x}: %{y:,.3~r}<extra></extra>",
            )
            for name, several in known
        ]
        figure.add_traces(bars, rows=1, cols=column)
    return figure.update_yaxes(rangemode="tozero")


FIGURES = {
    Measurement: {"waterfall": waterfall_figure, "gaps": gaps_figure, "repeats": repeats_figure},
    MeasurementComparison: measurements_figure,
    LoadTime: load_figure,
}
