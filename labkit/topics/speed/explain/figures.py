"""Figures of what explains and predicts speed: roofline, latency model and KV cache."""

from collections.abc import Iterable, Sequence
from math import log10

import plotly.graph_objects as go

from labkit.formatting import MIB, digits
from labkit.topics.speed.measure.machine_noise import MachineNoise, any_disturbed
from labkit.topics.speed.measure.run import TimedRun
from labkit.ui import subplots, theme
from labkit.ui.html import figure_text

from .kv_cache import CacheGrowth
from .latency import LatencyFit, LatencyPrediction, predict_latency
from .latency_check import LatencyCheck
from .roofline import Roofline, RooflinePoint

_LOOKS = {"prefill": (theme.ORANGE, "square"), "decode": (theme.BLUE, "circle")}


def roofline_figure(roof: Roofline):
    """The roof over arithmetic intensity, both axes logarithmic, with prefill and decode."""
    peak, bandwidth = max(roof.probe.flops_per_s), max(roof.probe.bytes_per_s)
    intensities = [point.work.intensity for point in roof.points]
    low, high = min([*intensities, roof.ridge]) / 4, max([*intensities, roof.ridge]) * 4
    line = go.Scatter(
        x=[low, roof.ridge, high],
        y=[low * bandwidth / 1e9, peak / 1e9, peak / 1e9],
        mode="lines",
        line={"color": theme.INK, "width": 2},
        showlegend=False,
        hoverinfo="skip",
    )
    whose = f"{figure_text(roof.model)} under this machine's"
    figure = theme.figure(
        line,
        *map(_roofline_dots, roof.points),
        title=f"{whose} roof · {figure_text(roof.origin)}{_mark((roof.noise,))}",
        x="arithmetic intensity, operations per byte read",
        y="GFLOP/s",
        height=420,
        margin={"t": 80},
    )
    floor = min([low * bandwidth, *(p.flops_per_s for p in roof.points if p.flops_per_s)])
    figure.update_xaxes(type="log", range=[log10(low), log10(high)], dtick=1)
    figure.update_yaxes(type="log", dtick=1, range=[log10(floor / 3e9), log10(peak * 4 / 1e9)])
    slope = (low * roof.ridge) ** 0.5
    upper_left = {"xanchor": "right", "yanchor": "bottom", "yshift": 4, "font_color": theme.GREY}
    for x, y, text in (
        (slope, slope * bandwidth, f"memory: {bandwidth / 1e9:.1f} GB/s  "),
        (high, peak, f"arithmetic: {peak / 1e9:.0f} GFLOP/s"),
    ):
        subplots.note(figure, text, x=log10(x), y=log10(y / 1e9), **upper_left)
    for point in roof.points:
        if point.flops_per_s:
            _label(figure, point)
    return figure


def _mark(noise: Iterable[MachineNoise | None]) -> str:
    """The end of a title, where the machine was disturbed."""
    return " · machine disturbed" if any_disturbed(noise) else ""


def _roofline_dots(point: RooflinePoint):
    """The ceiling as an open marker, the measured speed as a filled one, a line between them."""
    colour, symbol = _LOOKS[point.work.name]
    heights = filter(None, [point.work.flops / point.ceiling_s, point.flops_per_s])
    y = [flops / 1e9 for flops in heights]
    return go.Scatter(
        name=f"{point.work.name}: ceiling and measured",
        x=[point.work.intensity] * len(y),
        y=y,
        mode="lines+markers",
        line={"color": colour, "dash": "dot", "width": 1},
        marker={"color": colour, "size": 12, "symbol": [f"{symbol}-open", symbol]},
        hovertemplate="%{x:,.3~r} operations per byte: %{y:,.3~r} GFLOP/s<extra></extra>",
    )


def _label(figure, point: RooflinePoint) -> None:
    right = point.bound == "memory"  # of its point
    subplots.note(
        figure,
        f"{point.work.name}: {digits(point.measured_tokens_per_s)} tokens/s,<br>"
        f"{point.reached:.0%} of {digits(point.ceiling_tokens_per_s)} ± {point.error:.0%}",
        x=log10(point.work.intensity),
        y=log10(point.flops_per_s / 1e9),
        xanchor="left" if right else "right",
        xshift=12 if right else -12,
        align="left",
        yanchor="top",
    )


def check_figure(check: LatencyCheck):
    """Predicted against measured, for requests that the fit has not seen."""
    title = (
        f"{figure_text(check.model)}: off by {check.median_error:.1%}, the median of "
        f"{len(check.runs)} requests that the fit had not seen{_mark(check.noise)}"
    )
    return _predictions_figure(check.runs, check.predictions, title)


def fit_figure(fit: LatencyFit):
    """Predicted against measured, for the runs of the fit: how well it describes them."""
    predictions = [predict_latency(fit, run.prompt_tokens, run.output_tokens) for run in fit.runs]
    made = f"the fit on the {len(fit.runs)} runs it was made from"
    title = f"{figure_text(fit.model)}: {made}{_mark(fit.noise)}"
    return _predictions_figure(fit.runs, predictions, title)


def _predictions_figure(
    runs: Sequence[TimedRun], predictions: Sequence[LatencyPrediction], title: str
):
    end = 1.08 * max([*(run.elapsed_s for run in runs), *(p.high_s for p in predictions)])
    line = go.Scatter(
        name="predicted as measured",
        x=[0, end],
        y=[0, end],
        mode="lines",
        hoverinfo="skip",
        line={"color": theme.GREY, "dash": "dash"},
    )
    ranges = ((p.low_s, p.elapsed_s, p.high_s) for p in predictions)
    dots = go.Scatter(
        name=f"a request, with its {predictions[0].level:.0%} interval",
        mode="markers",
        x=[run.elapsed_s for run in runs],
        y=[p.elapsed_s for p in predictions],
        marker={"color": theme.BLUE, "size": 9},
        error_y=subplots.error_bars(ranges, thickness=1, width=4, color=theme.SKY),
        customdata=[[p.tokens_in, p.tokens_out] for p in predictions],
        hovertemplate="%{customdata[0]} tokens in, %{customdata[1]} out: measured %{x:,.3~r} s, "
        "predicted %{y:,.3~r} s<extra></extra>",
    )
    figure = theme.figure(
        line,
        dots,
        title=title,
        x="seconds measured, end to end",
        y="seconds predicted",
        height=420,
        margin={"t": 80},
    )
    return figure.update_xaxes(range=[0, end]).update_yaxes(range=[0, end])


def cache_figure(growth: CacheGrowth):
    """Bytes of the cache at each length: computed as a line, measured as dots."""
    tokens = [size.tokens for size in growth.sizes]
    computed = go.Scatter(
        name="computed from the configuration",
        x=[0, *tokens],
        mode="lines",
        y=[0, *(size.computed_bytes / MIB for size in growth.sizes)],
        line={"color": theme.GREY, "dash": "dash"},
        hoverinfo="skip",
    )
    groups = (
        ("measured", "used_bytes", theme.BLUE, "circle"),
        ("allocated, with room to grow", "allocated_bytes", theme.ORANGE, "diamond-open"),
    )
    dots = [
        go.Scatter(
            name=name,
            x=tokens,
            y=[getattr(size, field) / MIB for size in growth.sizes],
            mode="markers",
            marker={"color": colour, "symbol": symbol, "size": 11},
            hovertemplate="%{x} tokens: %{y:.2f} MiB<extra></extra>",
        )
        for name, field, colour, symbol in groups
    ]
    per_token = f"{digits(growth.token_bytes / 1024)} KiB per token in {growth.dtype}"
    longest = f"longest text here {growth.longest:,} tokens"
    title = f"{figure_text(growth.model)}: KV cache, {per_token} · {longest}"
    figure = theme.figure(
        computed, *dots, title=title, x="tokens in the cache", y="MiB", margin={"t": 80}, height=350
    )
    return figure.update_xaxes(range=[0, tokens[-1] * 1.06]).update_yaxes(rangemode="tozero")


FIGURES = {
    CacheGrowth: cache_figure,
    LatencyCheck: check_figure,
    LatencyFit: fit_figure,
    Roofline: roofline_figure,
}
