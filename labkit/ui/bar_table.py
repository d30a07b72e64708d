"""A table of bars: names in rows, numbers in columns, each bar with its number as text."""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from labkit.stats import Spread

from . import subplots, theme
from .html import figure_text


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
    subplots.divide(figure, 1, len(columns), horizontal_spacing=0.02, shared_yaxes=True)
    figure.update_yaxes(type="category", range=[len(names) - 0.5, -0.5], ticksuffix="  ")
    figure.update_xaxes(showticklabels=False, zeroline=True, zerolinecolor=theme.GREY)
    figure.update_xaxes(showgrid=False).update_yaxes(showgrid=False)
    for number, column in enumerate(columns, 1):
        _fill(figure, [_in_html(name) for name in names], column, row=1, col=number)
    return figure.update_layout(margin={"t": 104, "b": 12})


def _in_html(text: str) -> str:
    return figure_text(text).replace("\n", "  <br>")


def _fill(figure, names: Sequence[str], column: BarColumn, **cell: int) -> None:
    """The bars of a column from 0, each with its number right of it and of its range."""
    spreads = [
        each if isinstance(each, Spread) else Spread((each or 0.0,)) for each in column.values
    ]
    bars = go.Bar(
        x=[spread.median for spread in spreads],
        y=names,
        orientation="h",
        customdata=column.labels,
        marker={"color": theme.SKY, "line": {"color": theme.BLUE, "width": 1}},
        hovertemplate="%{y}: %{customdata}<extra></extra>",
    )
    if any(isinstance(value, Spread) for value in column.values):
        bars.error_x = subplots.spread_bars(spreads, width=4)
    figure.add_trace(bars, **cell)
    most = max((spread.high for spread in spreads), default=0) or 1.0
    figure.update_xaxes(range=[0, 1.9 * most], **cell)  # with room for the numbers
    look = {"font": {"size": 12}, **cell}
    for name, spread, label in zip(names, spreads, column.labels, strict=True):
        subplots.note(figure, f" {figure_text(label)}", x=spread.high, y=name, **look)
    subplots.heading(figure, _in_html(column.title), align="left", **look)
