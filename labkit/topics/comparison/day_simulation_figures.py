"""Figures of a day's waiting: a distribution for each backend, not a single number."""

from html import escape
from textwrap import wrap

import plotly.graph_objects as go

from labkit.ui import subplots, theme

from .day_simulation import UNTIL, DaySimulation, WaitingTime, format_duration

LOOKS = (
    (theme.BLUE, ""),
    (theme.ORANGE, "/"),
    (theme.GREEN, "x"),
    (theme.PINK, "."),
    (theme.GREY, "|"),
)
BINS = 40


def day_figure(day: DaySimulation):
    """Simulated days by waiting time, a row for each backend: median, and the range of 95 %."""
    most = max(waiting.days_s[-1] for waiting in day.waits)
    size, unit = (
        (3600, "hours") if most > 7200 else (60, "minutes") if most > 120 else (1, "seconds")
    )
    rows = len(day.waits)
    figure = theme.figure(
        title=f"{day.requests} requests a day: waiting {UNTIL[day.until]} (computed from replies)",
        height=100 + 120 * rows,
        showlegend=False,
        bargap=0,
        margin={"t": 60, "b": 24, "l": 170},
    )
    subplots.divide(figure, rows, 1, shared_xaxes=True, vertical_spacing=0.4 / rows)
    figure.update_xaxes(range=[0, 1.02 * (most or 1) / size])
    figure.update_xaxes(title_text=f"{unit} of waiting in a day", row=rows)
    figure.update_yaxes(showticklabels=False, rangemode="tozero")
    for row, waiting in enumerate(day.waits, 1):
        figure.add_trace(_bars(waiting, LOOKS[(row - 1) % len(LOOKS)], size, most), row=row, col=1)
        _label(figure, waiting, size, most, row=row, col=1)
    return figure


def _bars(waiting: WaitingTime, look: tuple[str, str], size: float, most: float):
    colour, pattern = look
    counts, width = count_days(waiting, most)
    return go.Bar(
        name=escape(waiting.name),
        x=[(n + 0.5) * width / size for n in range(BINS)],
        y=[100 * count / len(waiting.days_s) for count in counts],
        width=width / size,
        marker={"color": colour, "pattern": theme.pattern(pattern), "line": {"width": 0}},
        hovertemplate="about %{x:.3g}: %{y:.1f} % of days<extra></extra>",
    )


def count_days(waiting: WaitingTime, most: float) -> tuple[list[int], float]:
    """Days in each of `BINS` equal bins from no waiting to the longest day, and the bins' width.

    Args:
        waiting: the waiting for one backend.
        most: seconds of the longest day of any backend.
    """
    width = (most or 1.0) * 1.02 / BINS
    counts = [0] * BINS
    for seconds in waiting.days_s:
        counts[int(seconds / width)] += 1
    return counts, width


def _label(figure, waiting: WaitingTime, size: float, most: float, **cell: int) -> None:
    """A line at the median, with its number and range; the backend's name to the left."""
    low, high = map(format_duration, waiting.interval_s)
    figure.add_vline(
        waiting.median_s / size,
        line={"color": theme.INK, "width": 2},
        annotation_text=f" {format_duration(waiting.median_s)} ({low} to {high}) ",
        annotation_position="top left" if waiting.median_s > 0.6 * most else "top right",
        annotation_yanchor="bottom",
        **cell,
    )
    name = wrap(waiting.name, 20, break_on_hyphens=False)
    heading = "<br>".join(f"<b>{escape(line)}</b>" for line in name)
    origin = "<br>".join(escape(line) for line in wrap(waiting.origin, 24))
    text = f"{heading}<br>{len(waiting.waits_s)} replies<br><i>{origin}</i>"
    left = {"x": -0.01, "xref": "x domain", "y": 0.5, "yref": "y domain", "xanchor": "right"}
    subplots.note(figure, text, **left, align="right", font={"size": 12}, **cell)
