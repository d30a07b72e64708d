"""Pictures of experiments: each number against the value that was varied."""

from html import escape
from statistics import median

from labkit.topics.speed.explain.kv_cache import MIB, CacheGrowth
from labkit.topics.speed.measure.figures import panel
from labkit.ui import theme

from .runner import SAID, Experiment

_COLOURS = {"ttft_s": theme.ORANGE, "elapsed_s": theme.GREEN, "prefill_tokens_per_s": theme.ORANGE}
LOOKS = ((theme.BLUE, "solid", "circle"), (theme.RED, "dash", "square"))


def experiment_figure(experiment: Experiment):
    """Median and range of each number at each value; for the KV cache, the gaps as they grow."""
    if experiment.name == "KV cache":
        return _cache_figure(experiment)
    shown = experiment.shown
    picture = theme.figure(
        title=_title(experiment), x="", y="", height=350, margin={"b": 44, "t": 76},
        showlegend=False,
    )  # fmt: skip
    for place, name in enumerate(shown):
        picture.add_trace(_line(experiment, name, place))
        panel(picture, place, len(shown), SAID[name], x=experiment.axis, **_axis(experiment))
    return picture


def _title(experiment: Experiment) -> str:
    return f"{escape(experiment.model)}, {experiment.name} varied · {how_measured(experiment)}"


def how_measured(experiment: Experiment) -> str:
    """How often, and whether in quiet, for a title."""
    rounds = f"{experiment.rounds} round{'s' if experiment.rounds != 1 else ''} in turn"
    disturbed = any(each.disturbed for each in experiment.disturbances)
    return f"{rounds}, measured{' · machine disturbed' if disturbed else ''}"


def _axis(experiment: Experiment) -> dict:
    """Words and few numbers stand side by side, each with its own mark; sizes to a scale."""
    values = [point.value for point in experiment.points]
    if any(isinstance(value, str) for value in values):
        return {"type": "category"}
    if experiment.name in ("prompt length", "output length"):
        return {"rangemode": "tozero", "tickvals": _apart(values)}
    return {"type": "category"} if len(values) < 2 else {"tickvals": values, "type": "log"}


def _apart(values: list[float]) -> list[float]:
    """Only those marks that leave room for their neighbours' numbers."""
    kept = []
    for value in sorted(values, reverse=True):
        if not kept or kept[-1] - value >= max(values) / 9:
            kept.append(value)
    return kept


def _line(experiment: Experiment, name: str, place: int):
    import plotly.graph_objects as go

    known = experiment.numbers(name)
    axis = str(place + 1) if place else ""
    words = any(isinstance(value, str) for value, _ in known)
    return go.Scatter(
        x=[value for value, _ in known], y=[several.median for _, several in known],
        xaxis=f"x{axis}", yaxis=f"y{axis}", mode="markers" if words else "lines+markers",
        line={"color": _COLOURS.get(name, theme.BLUE)}, marker={"size": 9},
        error_y={
            "type": "data", "symmetric": False, "thickness": 1.5, "width": 5,
            "array": [several.high - several.median for _, several in known],
            "arrayminus": [several.median - several.low for _, several in known],
        },
        customdata=[[several.low, several.high, len(several.values)] for _, several in known],
        hovertemplate="%{x}: %{y:.3g}, from %{customdata[0]:.3g} to %{customdata[1]:.3g} in "
        "%{customdata[2]} runs<extra></extra>",
    )  # fmt: skip


def _cache_figure(experiment: Experiment):
    """The time before each token, with the cache and without."""
    import plotly.graph_objects as go

    lines = []
    for point, (colour, dash, symbol) in zip(experiment.points, LOOKS, strict=False):
        columns = zip(*(run.itl_s for run in point.measurement.counted), strict=False)
        gaps = [1000 * median(column) for column in columns]
        lines.append(go.Scatter(
            name=str(point.value), x=list(range(2, len(gaps) + 2)), y=gaps, mode="lines+markers",
            line={"color": colour, "dash": dash}, marker={"symbol": symbol},
            hovertemplate="token %{x}: %{y:.0f} ms<extra></extra>",
        ))  # fmt: skip
    picture = theme.figure(
        *lines, title=_title(experiment), x="token of the answer",
        y="milliseconds for it, median", height=350, margin={"t": 80},
    )  # fmt: skip
    return picture.update_yaxes(rangemode="tozero")


def cache_figure(growth: CacheGrowth):
    """Bytes of the cache at each length: computed as a line, measured as dots."""
    import plotly.graph_objects as go

    tokens = [size.tokens for size in growth.sizes]
    end = [0, tokens[-1]]
    computed = go.Scatter(
        name="computed from the configuration", x=[0, *tokens], mode="lines",
        y=[0, *(size.computed_bytes / MIB for size in growth.sizes)],
        line={"color": theme.GREY, "dash": "dash"}, hoverinfo="skip",
    )  # fmt: skip
    dots = [
        go.Scatter(
            name=name, x=tokens, y=values, mode="markers",
            marker={"color": colour, "symbol": symbol, "size": 11},
            hovertemplate="%{x} tokens: %{y:.2f} MiB<extra></extra>",
        )
        for name, values, colour, symbol in (
            ("measured", [s.used_bytes / MIB for s in growth.sizes], theme.BLUE, "circle"),
            ("held, with room to grow", [s.held_bytes / MIB for s in growth.sizes],
             theme.ORANGE, "diamond-open"),
        )
    ]  # fmt: skip
    title = (
        f"{escape(growth.model)}: KV cache, {growth.token_bytes / 1024:,.0f} KiB a token in "
        f"{growth.dtype} · longest text here {growth.longest:,} tokens"
    )
    picture = theme.figure(
        computed, *dots, title=title, x="tokens in the cache", y="MiB", margin={"t": 80},
        height=350,
    )  # fmt: skip
    return picture.update_xaxes(range=[0, end[1] * 1.06]).update_yaxes(rangemode="tozero")
