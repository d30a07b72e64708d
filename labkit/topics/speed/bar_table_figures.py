"""A table of bars: names in rows, numbers in columns, each bar with its number as text."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from labkit.stats import Spread
from labkit.ui import theme

ROW_HEIGHT, GAP = 40, 0.02


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
    figure = theme.figure(
        title=title, x="", y="", height=128 + ROW_HEIGHT * len(names), showlegend=False, bargap=0.4,
    )  # fmt: skip
    width = (1 + GAP) / len(columns) - GAP
    names = [escape(name) for name in names]
    for index, column in enumerate(columns):
        number = str(index + 1) if index else ""
        figure.add_trace(_bars(column, names, number))
        _add_labels(figure, column, names, number)
        left = index * (width + GAP)
        figure.update_layout({
            f"xaxis{number}": _x_axis(column, left, width, number),
            f"yaxis{number}": {"anchor": f"x{number}", "autorange": "reversed", "showgrid": False,
                               "showticklabels": not index, "ticksuffix": "  ", "type": "category",
                               "title": {"text": ""}, "automargin": True},
        })  # fmt: skip
        figure.add_annotation(
            text=escape(column.title).replace("\n", "<br>"), x=left, xref="paper", xanchor="left",
            y=1, yref="paper", yanchor="bottom", showarrow=False, font={"size": 12}, align="left",
        )  # fmt: skip
    return figure.update_layout(margin={"t": 104, "b": 12})


def _middle(value: Spread | float | None) -> float:
    return value.median if isinstance(value, Spread) else value or 0.0


def _high(value: Spread | float | None) -> float:
    return value.high if isinstance(value, Spread) else value or 0.0


def _low(value: Spread | float | None) -> float:
    return value.low if isinstance(value, Spread) else value or 0.0


def _x_axis(column: BarColumn, left: float, width: float, number: str) -> dict:
    """From 0, with room for the labels, which replace the ticks."""
    most = max(map(_high, column.values), default=0) or 1.0
    return {
        "domain": [left, min(1.0, left + width)], "anchor": f"y{number}", "showgrid": False,
        "showticklabels": False, "zeroline": True, "zerolinecolor": theme.GREY,
        "range": [0, 1.9 * most], "title": {"text": ""},
    }  # fmt: skip


def _bars(column: BarColumn, names: Sequence[str], number: str):
    import plotly.graph_objects as go

    bars = go.Bar(
        x=list(map(_middle, column.values)), y=names, orientation="h",
        xaxis=f"x{number}", yaxis=f"y{number}", customdata=column.labels,
        marker={"color": theme.SKY, "line": {"color": theme.BLUE, "width": 1}},
        hovertemplate="%{y}: %{customdata}<extra></extra>",
    )  # fmt: skip
    if any(isinstance(value, Spread) for value in column.values):
        bars.error_x = {
            "type": "data", "symmetric": False, "thickness": 1.5, "width": 4, "color": theme.INK,
            "array": [_high(value) - _middle(value) for value in column.values],
            "arrayminus": [_middle(value) - _low(value) for value in column.values],
        }  # fmt: skip
    return bars


def _add_labels(figure, column: BarColumn, names: Sequence[str], number: str) -> None:
    """The number as text, right of its bar and its range."""
    for name, value, label in zip(names, column.values, column.labels, strict=True):
        figure.add_annotation(
            x=_high(value), y=name, xref=f"x{number}", yref=f"y{number}", xanchor="left",
            text=f" {escape(label)}", showarrow=False, font={"size": 12},
        )  # fmt: skip
