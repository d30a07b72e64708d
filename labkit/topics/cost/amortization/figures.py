"""Figures of a break-even: cumulative cost as a fan, and which assumption decides."""

import math

import numpy as np
import plotly.graph_objects as go

from labkit.formatting import digits
from labkit.ui import subplots, theme
from labkit.ui.html import figure_text

from .break_even import BreakEven, Swing, in_weeks
from .solve import NAMES, WEEKS_A_YEAR

POINTS = 8  # the lines are straight, or nearly so
SHOWN = 7  # assumptions of a tornado
TICKS = [digit * 10**power for power in range(-1, 5) for digit in (1, 2, 5)]  # weeks
UNITS = {
    "price_usd": "$",
    "resale_share": "",
    "life_years": "years",
    "idle_w": "W",
    "load_w": "W",
    "seconds": "s",
    "usd_per_kwh": "$/kWh",
    "question_usd": "$",
    "questions": "a week",
}


def horizon_weeks(result: BreakEven) -> float:
    """The weeks that the figure shows: well beyond the break-even, and not beyond its life."""
    life = result.estimates["life_years"].high * WEEKS_A_YEAR
    late = result.quantile_weeks(0.9) or life
    return min(life, max(26.0, 2 * late))


def fan_data(result: BreakEven) -> dict[str, np.ndarray]:
    """The lines of `fan_figure`: weeks, the cloud, and owning at 10, 50 and 90 % of the draws."""
    weeks = np.linspace(0, horizon_weeks(result), POINTS)
    low, middle, high = result.fan(weeks)
    cloud = result.cloud_after(weeks)
    return {"weeks": weeks, "cloud": cloud, "low": low, "middle": middle, "high": high}


def fan_title(result: BreakEven) -> str:
    """The break-even in words."""
    return f"break-even: {result.headline}"


def fan_names(result: BreakEven) -> tuple[str, str]:
    """The names of the two lines: owning, and the cloud."""
    own = f"{figure_text(result.hardware.title)}: price and electricity"
    return own, f"cloud: {figure_text(result.cloud_name)}"


def fan_figure(result: BreakEven):
    """Cumulative cost over the weeks: the cloud as a line, owning as a line with its 80 %."""
    data = fan_data(result)
    x, width = data["weeks"], {"width": 2.5}
    own, cloud = fan_names(result)
    hover = "week %{x:.0f}: $%{y:,.0f}<extra></extra>"
    edge = {"mode": "lines", "line": {"width": 1, "color": theme.BLUE}, "hoverinfo": "skip"}
    return theme.figure(
        go.Scatter(x=x, y=data["low"], showlegend=False, **edge),
        go.Scatter(
            name="80 % of the draws",
            x=x,
            y=data["high"],
            fill="tonexty",
            fillcolor="rgba(0,114,178,0.18)",
            **edge,
        ),
        go.Scatter(
            name=own,
            x=x,
            y=data["middle"],
            mode="lines",
            line={**width, "color": theme.BLUE},
            hovertemplate=hover,
        ),
        go.Scatter(
            name=cloud,
            x=x,
            y=data["cloud"],
            mode="lines",
            line={**width, "color": theme.RED, "dash": "dash"},
            hovertemplate=hover,
        ),
        title=f"{fan_title(result)} (computed)",
        x="weeks",
        y="US dollars, added up",
        height=420,
        margin={"t": 104},  # for a legend in three lines, where the window is narrow
    ).update_yaxes(rangemode="tozero", tickprefix="$", tickformat=",")


def tornado_data(result: BreakEven) -> list[tuple[Swing, float, float]]:
    """The assumptions that matter, most first, with both ends clipped to the hardware's life."""
    life = result.estimates["life_years"].likely * WEEKS_A_YEAR
    rows = []
    for swing in result.swings[:SHOWN]:
        low, high = sorted((swing.low_weeks, swing.high_weeks))
        if swing.size:
            rows.append((swing, min(low, life), min(high, life)))
    return rows


def tornado_label(swing: Swing, weeks: float) -> str:
    """An end of a bar: the value that leads to it, and the weeks."""
    is_low = weeks == swing.low_weeks
    value, unit = swing.low if is_low else swing.high, UNITS[swing.name]
    number = digits(value)
    text = f"${number}{unit[1:]}" if unit.startswith("$") else f"{number} {unit}".strip()
    return f"{text}: {in_weeks(weeks)}"


def tornado_figure(result: BreakEven):
    """Break-even at both ends of each assumption, all others at their likeliest."""
    rows = tornado_data(result)
    title = "Which assumption decides? Break-even at both ends of each"
    if not rows:
        leads = "leads to a break-even within the hardware's life"
        effect = leads if result.median_weeks is None else "changes the break-even"
        title = f"No single assumption {effect}"
    labels = [NAMES[swing.name] + (", ½ to ×2" * swing.is_what_if) for swing, *_ in rows]
    figure = theme.figure(
        go.Bar(
            x=[high - low for _, low, high in rows],
            base=[low for _, low, high in rows],
            y=list(range(len(rows))),
            customdata=labels,
            orientation="h",
            marker={"color": theme.SKY, "line": {"color": theme.BLUE, "width": 1}},
            hovertemplate="%{customdata}<extra></extra>",
        ),
        title=f"{title} (computed)",
        x="weeks to break even, logarithmic",
        height=130 + 52 * max(1, len(rows)),
        showlegend=False,
        bargap=0.55,
        margin={"t": 56, "b": 48},
    )
    ends = [end for _, *both in rows for end in both if end > 0] or [1.0, 100.0]
    figure.update_xaxes(type="log", range=_log_range(min(ends), max(ends)), tickvals=TICKS)
    figure.update_yaxes(
        range=[len(rows) - 0.5, -0.7], showticklabels=False, showgrid=False, zeroline=False
    )
    for row, ((swing, low, high), label) in enumerate(zip(rows, labels, strict=True)):
        subplots.note(figure, label, x=0, xref="paper", y=row - 0.42)
        weeks = sorted((swing.low_weeks, swing.high_weeks))
        for at, end, side in ((low, weeks[0], "right"), (high, weeks[1], "left")):
            text = f" {tornado_label(swing, end)} "
            where = {"x": math.log10(max(at, 1e-3)), "y": row, "xanchor": side}
            subplots.note(figure, text, font={"size": 12}, **where)
    return figure


def _log_range(low: float, high: float) -> list[float]:
    """With room for the words at both ends."""
    left, right = math.log10(low), math.log10(high)
    room = 0.62 * max(0.5, right - left)
    return [left - room, right + room]


FIGURES = {BreakEven: {"fan": fan_figure, "tornado": tornado_figure}}
