"""Figures of a measurement: where its seconds went, every gap, every repeat."""

from collections.abc import Sequence
from html import escape

from labkit.stats import Spread, percentile
from labkit.ui import theme

from .comparison import METRICS, MeasurementComparison
from .load_time import LoadTime
from .measurement import Measurement
from .run import TimedRun


def waterfall_figure(measurement: Measurement):
    """Where the seconds went: loading if it was measured, prefill and decode in a row."""
    import plotly.graph_objects as go

    parts = _parts(measurement)
    begins = [sum(part.median for _, part, *_ in parts[:n]) for n in range(len(parts))]
    bars = [
        go.Bar(
            y=[name],
            x=[part.median],
            base=begin,
            orientation="h",
            showlegend=False,
            marker={"color": colour, "pattern": theme.pattern(pattern)},
            error_x=_range(part),
            hovertemplate=f"{escape(name)}: {part.median:.3g} s, {part.low:.3g} to "
            f"{part.high:.3g} s<extra></extra>",
        )
        for begin, (name, part, colour, pattern, _) in zip(begins, parts, strict=True)
    ]
    end = max((b + part.high for b, (_, part, *_) in zip(begins, parts, strict=True)), default=1)
    figure = theme.figure(
        *bars,
        title=_title(measurement, "where the seconds go"),
        x="seconds, median and range",
        y="",
        height=150 + 46 * max(1, len(parts)),
    )
    for begin, (name, part, _, _, label) in zip(begins, parts, strict=True):
        figure.add_annotation(
            x=begin + part.high, y=name, xanchor="left", showarrow=False, text=f"  {label}"
        )
    figure.update_yaxes(autorange="reversed", showgrid=False, ticksuffix="  ")
    return figure.update_xaxes(range=[0, end * 1.45])


def _parts(m: Measurement) -> list[tuple[str, Spread, str, str, str]]:
    """Name, seconds, colour, pattern and label of each part that was measured."""
    parts = []
    loaded = m.load and (m.load.cold_s or m.load.warm_s)
    if loaded:
        parts.append(("load", loaded, theme.GREY, ".", f"{loaded.median:.2g} s, once"))
    if m.ttft_s:
        label = f"{m.ttft_s.median:.2g} s for {m.prompt_tokens} tokens in"
        parts.append(("prefill", m.ttft_s, theme.ORANGE, "/", label))
    if m.tpot_s:
        decode = Spread(tuple(run.decode_s for run in m.counted if run.tpot_s))
        gaps = f"{m.output_tokens.median - 1:.0f} gaps"
        label = f"{decode.median:.2g} s: {gaps}, {m.decode_tokens_per_s.median:.3g} tokens/s"
        parts.append(("decode", decode, theme.BLUE, "", label))
    return parts


def _range(part: Spread) -> dict:
    return {
        "type": "data",
        "symmetric": False,
        "thickness": 1.5,
        "width": 5,
        "color": theme.INK,
        "array": [part.high - part.median],
        "arrayminus": [part.median - part.low],
    }


def _title(m: Measurement, what: str) -> str:
    quiet = "" if not (m.noise and m.noise.disturbed) else " · machine disturbed"
    runs = f"{len(m.counted)} runs, {escape(m.origin)}{quiet}"
    return f"{escape(m.model)}: {what} · {runs}"


def gaps_figure(measurement: Measurement):
    """Every gap between two tokens of every run, outliers marked.

    A gap is an outlier if it exceeds the upper quartile by more than one and a half times the
    interquartile range (Tukey 1977, "Exploratory Data Analysis").
    """
    import plotly.graph_objects as go

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
            hovertemplate="token %{x}, run %{customdata}: %{y:.1f} ms<extra></extra>",
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
    figure.update_yaxes(rangemode="tozero")
    _percentile_lines(figure, measurement, max((gap for _, gap, _ in gaps), default=1))
    return figure


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
    if not measurement.itl_s:
        return
    least, before = 0.075 * top, -1.0
    for percent, dash in ((50, "solid"), (95, "dash"), (99, "dot")):
        value = 1000 * measurement.itl_percentile_s(percent)
        figure.add_hline(y=value, line={"color": theme.INK, "width": 1, "dash": dash})
        at = max(value, before + least)
        figure.add_annotation(
            x=1,
            xref="paper",
            xanchor="left",
            y=at,
            showarrow=False,
            font={"size": 12},
            text=f" p{percent} {value:.0f} ms",
        )
        before = at


def repeats_figure(measurement: Measurement):
    """Each run as a dot, warm-up and aborted ones too, with median and quartiles."""
    halves = (
        ("time to first token, s", lambda run: run.ttft_s, measurement.ttft_s),
        ("decode, tokens/s", lambda run: run.decode_tokens_per_s, measurement.decode_tokens_per_s),
    )
    figure = theme.figure(
        title=_title(measurement, "run after run"),
        x="",
        y="",
        height=340,
        margin={"b": 44, "t": 84},
    )
    for index, (name, number, several) in enumerate(halves):
        for trace in _dots(measurement, number, index):
            figure.add_trace(trace)
        subplot(figure, index, 2, name, x="run", dtick=max(1, len(measurement.runs) // 8))
        if several:
            low, high = several.quartiles
            axes = {
                "xref": f"x{index + 1 if index else ''} domain",
                "x0": 0,
                "x1": 1,
                "yref": f"y{index + 1 if index else ''}",
            }
            figure.add_shape(
                type="rect",
                y0=low,
                y1=high,
                fillcolor=theme.SKY,
                opacity=0.25,
                line={"width": 0},
                layer="below",
                **axes,
            )
            figure.add_shape(
                type="line",
                y0=several.median,
                y1=several.median,
                line={"color": theme.BLUE, "width": 2},
                **axes,
            )
    return figure


def _dots(m: Measurement, number, index: int) -> list:
    import plotly.graph_objects as go

    warm = [(1 - len(m.warmup) + n, run) for n, run in enumerate(m.warmup)]
    runs = list(enumerate(m.runs, 1))
    groups = (
        (
            "counted (line: median, band: middle half)",
            [r for r in runs if r[1].complete],
            theme.BLUE,
            "circle",
        ),
        ("warm-up, left out", warm, theme.ORANGE, "diamond-open"),
        ("aborted, left out", [r for r in runs if not r[1].complete], theme.RED, "x"),
    )
    axis = str(index + 1) if index else ""
    return [
        go.Scatter(
            name=name,
            legendgroup=name,
            showlegend=index == 0,
            mode="markers",
            x=[at for at, _ in known],
            y=[number(run) for _, run in known],
            xaxis=f"x{axis}",
            yaxis=f"y{axis}",
            marker={
                "color": colour,
                "symbol": symbol,
                "size": 10,
                "line": {"width": 2, "color": colour},
            },
            hovertemplate="run %{x}: %{y:.3g}<extra></extra>",
        )
        for name, group, colour, symbol in groups
        if (known := _known(group, number))
    ]


def _known(group: Sequence[tuple[int, TimedRun]], number) -> list[tuple[int, TimedRun]]:
    return [each for each in group if number(each[1]) is not None]


def subplot(figure, index: int, count: int, name: str, x: str, **axis) -> None:
    """Lays out the axes of the subplot at ``index`` of ``count``, with its name above."""
    gap = 0.09
    width = (1 - gap * (count - 1)) / count
    left, number = index * (width + gap), str(index + 1) if index else ""
    plain = {"gridcolor": theme.LINE, "zerolinecolor": theme.LINE}
    small = {"font": {"size": 13}}
    bottom = {
        "domain": [left, min(1.0, left + width)],
        "anchor": f"y{number}",
        "title": {"text": x, **small},
    }
    side = {"anchor": f"x{number}", "rangemode": "tozero", "title": {"text": ""}}
    figure.update_layout(
        {f"xaxis{number}": {**plain, **bottom, **axis}, f"yaxis{number}": {**plain, **side}}
    )
    figure.add_annotation(
        text=name,
        x=left,
        xref="paper",
        xanchor="left",
        y=1,
        yref="paper",
        yanchor="bottom",
        showarrow=False,
        font={"size": 13},
    )
    above = {"yref": "container", "y": 0.9, "yanchor": "top", "x": 0, "xanchor": "left"}
    figure.update_layout(legend=above)


def load_figure(load: LoadTime):
    """Every load as a dot: imports, cold and warm."""
    import plotly.graph_objects as go

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
            hovertemplate="%{y}: %{x:.2f} s<extra></extra>",
        )
        for name, part, colour, symbol in groups
        if part
    ]
    figure = theme.figure(
        *dots,
        title=f"Loading {escape(load.model)}, each in a fresh process · measured",
        x="seconds",
        y="",
        height=230,
    )
    return figure.update_xaxes(rangemode="tozero").update_yaxes(ticksuffix="  ")


def measurements_figure(comparison: MeasurementComparison):
    """Measurements side by side: time to first token and decode, median and range."""
    import plotly.graph_objects as go

    figure = theme.figure(
        title="Measurements side by side, median and range · measured",
        x="",
        y="",
        height=320,
        margin={"b": 44, "t": 70},
        showlegend=False,
    )
    spreads = {metric.name: metric.spreads for metric in comparison.metrics}
    for index, name in enumerate(("ttft_s", "decode_tokens_per_s")):
        axis = str(index + 1) if index else ""
        for who, several in zip(comparison.names, spreads[name], strict=True):
            if several:
                figure.add_trace(
                    go.Bar(
                        x=[escape(who)],
                        y=[several.median],
                        error_y=_range(several),
                        xaxis=f"x{axis}",
                        yaxis=f"y{axis}",
                        width=0.5,
                        marker={
                            "color": (theme.ORANGE, theme.BLUE)[index],
                            "pattern": theme.pattern(("/", "")[index]),
                        },
                        hovertemplate="%{x}: %{y:.3g}<extra></extra>",
                    )
                )
        what, unit, more = METRICS[name]
        better = "more is better" if more else "less is better"
        subplot(figure, index, 2, f"{what}, {unit} ({better})", x="")
    return figure


FIGURES = {
    Measurement: {"waterfall": waterfall_figure, "gaps": gaps_figure, "repeats": repeats_figure},
    MeasurementComparison: measurements_figure,
    LoadTime: load_figure,
}
