"""A table of bars: names in rows, numbers in columns, each bar with its number as text."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from labkit.stats import Spread

from . import theme
from .subplots import error_bars

GAP = 0.02  # between columns, as a share of the width


@dataclass(frozen=True, slots=True)
class BarColumn:
    """One number of each row.

    Attributes:
        title: name of the number, its unit, and whether more or less is better.
        values: value of each row; None if unknown.
        labels: value of each row as text.
    """

    title: str
    values: tuple[Spread | float | None, ...]
    labels: tuple[str, ...]


def bar_table_figure(title: str, names: Sequence[str], columns: Sequence[BarColumn]):
    """A bar for each row in each column, with the range of its runs; the first row on top."""
    figure = theme.figure(title=title, height=128 + 40 * len(names), showlegend=False, bargap=0.4)
    width = (1 + GAP) / len(columns) - GAP
    names = [escape(name) for name in names]
    for index, column in enumerate(columns):
        number = str(index + 1) if index else ""
        figure.add_trace(_bars(column, names, number))
        _add_labels(figure, column, names, number)
        left = index * (width + GAP)
        figure.update_layout(
            {
                f"xaxis{number}": _x_axis(column, left, width, number),
                f"yaxis{number}": {
                    "anchor": f"x{number}",
                    "autorange": "reversed",
                    "showgrid": False,
                    "showticklabels": not index,
                    "ticksuffix": "  ",
                    "type": "category",
                    "title": {"text": ""},
                    "automargin": True,
                },
            }
        )
        theme.add_heading(figure, escape(column.title).replace("\n", "<br>"), left, 1)
    return figure.update_layout(margin={"t": 104, "b": 12})


def _spread(value: Spread | float | None) -> Spread:
    return value if isinstance(value, Spread) else Spread((value or 0.0,))


def _x_axis(column: BarColumn, left: float, width: float, number: str) -> dict:
    """From 0, with room for the labels, which replace the ticks."""
    most = max((_spread(value).high for value in column.values), default=0) or 1.0
    return {
        "domain": [left, min(1.0, left + width)],
        "anchor": f"y{number}",
        "showgrid": False,
        "showticklabels": False,
        "zeroline": True,
        "zerolinecolor": theme.GREY,
        "range": [0, 1.9 * most],
        "title": {"text": ""},
    }


def _bars(column: BarColumn, names: Sequence[str], number: str):
    import plotly.graph_objects as go

    spreads = list(map(_spread, column.values))
    bars = go.Bar(
        x=[spread.median for spread in spreads],
        y=names,
        orientation="h",
        xaxis=f"x{number}",
        yaxis=f"y{number}",
        customdata=column.labels,
        marker={"color": theme.SKY, "line": {"color": theme.BLUE, "width": 1}},
        hovertemplate="%{y}: %{customdata}<extra></extra>",
    )
    if any(isinstance(value, Spread) for value in column.values):
        ranges = ((spread.low, spread.median, spread.high) for spread in spreads)
        bars.error_x = error_bars(ranges, width=4)
    return bars


def _add_labels(figure, column: BarColumn, names: Sequence[str], number: str) -> None:
    """The number as text, right of its bar and its range."""
    for name, value, label in zip(names, column.values, column.labels, strict=True):
        figure.add_annotation(
            x=_spread(value).high,
            y=name,
            xref=f"x{number}",
            yref=f"y{number}",
            xanchor="left",
            text=f" {escape(label)}",
            showarrow=False,
            font={"size": 12},
        )
