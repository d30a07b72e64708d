"""Figures of a day's waiting: a distribution for each backend, not a single number."""

from html import escape
from textwrap import wrap

from labkit.ui import theme

from .day_simulation import UNTIL, DaySimulation, WaitingTime, format_duration

LOOKS = (
    (theme.BLUE, ""),
    (theme.ORANGE, "/"),
    (theme.GREEN, "x"),
    (theme.PINK, "."),
    (theme.GREY, "|"),
)
BINS = 40
ROW_PX = 120


def day_figure(day: DaySimulation):
    """Simulated days by waiting time, a row for each backend: median, and the range of 95 %."""
    rows = len(day.waits)
    most = max(waiting.days_s[-1] for waiting in day.waits)
    size, unit = (3600, "hours") if most > 7200 else (60, "minutes") if most > 120 else (1, "s")
    figure = theme.figure(
        *(_bars(waiting, index, size, most) for index, waiting in enumerate(day.waits)),
        title=_title(day),
        x="",
        y="",
        height=100 + ROW_PX * rows,
        showlegend=False,
        bargap=0,
        margin={"t": 60, "b": 24, "l": 170},
    )
    for index, waiting in enumerate(day.waits):
        _arrange(figure, index, rows, waiting, size, most)
    number = "" if rows == 1 else str(rows)
    unit = "seconds" if unit == "s" else unit
    figure.update_layout(
        {
            f"xaxis{number}": {
                "title": {"text": f"{unit} of waiting in a day", "font": {"size": 13}},
                "showticklabels": True,
            }
        }
    )
    return figure


def _title(day: DaySimulation) -> str:
    return f"{day.requests} requests a day: waiting {UNTIL[day.until]} (computed from replies)"


def _bars(waiting: WaitingTime, index: int, size: float, most: float):
    import plotly.graph_objects as go

    colour, pattern = LOOKS[index % len(LOOKS)]
    axis = "" if index == 0 else str(index + 1)
    counts, width = count_days(waiting, most)
    return go.Bar(
        name=escape(waiting.name),
        x=[(n + 0.5) * width / size for n in range(BINS)],
        y=[100 * count / len(waiting.days_s) for count in counts],
        width=width / size,
        xaxis=f"x{axis}",
        yaxis=f"y{axis}",
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


def _arrange(figure, index: int, rows: int, waiting: WaitingTime, size: float, most: float) -> None:
    number = "" if index == 0 else str(index + 1)
    height = 1 / rows
    top = 1 - index * height
    axis = {"gridcolor": theme.LINE, "zerolinecolor": theme.LINE}
    low, high = waiting.interval_s
    figure.update_layout(
        {
            f"xaxis{number}": {
                **axis,
                "anchor": f"y{number}",
                "range": [0, 1.02 * (most or 1) / size],
                "showticklabels": False,
            },
            f"yaxis{number}": {
                **axis,
                "anchor": f"x{number}",
                "domain": [top - 0.72 * height, top - 0.12 * height],
                "showticklabels": False,
                "rangemode": "tozero",
            },
        }
    )
    figure.add_shape(
        type="line",
        x0=waiting.median_s / size,
        x1=waiting.median_s / size,
        xref=f"x{number}",
        y0=0,
        y1=1,
        yref=f"y{number} domain",
        line={"color": theme.INK, "width": 2},
    )
    span = f"{format_duration(low)} to {format_duration(high)}"
    label = f" {format_duration(waiting.median_s)} ({span}) "
    right = waiting.median_s > 0.6 * most
    figure.add_annotation(
        x=waiting.median_s / size,
        xref=f"x{number}",
        y=1.02,
        yref=f"y{number} domain",
        xanchor="right" if right else "left",
        yanchor="bottom",
        showarrow=False,
        text=label,
    )
    name = wrap(waiting.name, 20, break_on_hyphens=False)
    heading = "<br>".join(f"<b>{escape(line)}</b>" for line in name)
    origin = "<br>".join(escape(line) for line in wrap(waiting.origin, 24))
    figure.add_annotation(
        x=-0.01,
        xref="paper",
        y=0.5,
        yref=f"y{number} domain",
        xanchor="right",
        align="right",
        showarrow=False,
        text=f"{heading}<br>{len(waiting.waits_s)} replies<br><i>{origin}</i>",
        font={"size": 12},
    )
