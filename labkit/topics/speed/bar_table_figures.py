"""Names in rows, their numbers in columns: a bar for each number, told beside it in words."""

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
        title: what it is, with its unit, and what is better.
        values: of each row; None where it is not known.
        told: the same in words, for people.
    """

    title: str
    values: tuple[Spread | float | None, ...]
    told: tuple[str, ...]


def rows_figure(title: str, names: Sequence[str], columns: Sequence[BarColumn]):
    """A bar for each row in each column, with the range of several runs; the first row on top."""
    picture = theme.figure(
        title=title, x="", y="", height=128 + ROW_HEIGHT * len(names), showlegend=False, bargap=0.4,
    )  # fmt: skip
    width = (1 + GAP) / len(columns) - GAP
    names = [escape(name) for name in names]
    for place, column in enumerate(columns):
        number = str(place + 1) if place else ""
        picture.add_trace(_bars(column, names, number))
        _tell(picture, column, names, number)
        left = place * (width + GAP)
        picture.update_layout({
            f"xaxis{number}": _x_axis(column, left, width, number),
            f"yaxis{number}": {"anchor": f"x{number}", "autorange": "reversed", "showgrid": False,
                               "showticklabels": not place, "ticksuffix": "  ", "type": "category",
                               "title": {"text": ""}, "automargin": True},
        })  # fmt: skip
        picture.add_annotation(
            text=escape(column.title).replace("\n", "<br>"), x=left, xref="paper", xanchor="left",
            y=1, yref="paper", yanchor="bottom", showarrow=False, font={"size": 12}, align="left",
        )  # fmt: skip
    return picture.update_layout(margin={"t": 104, "b": 12})


def _middle(value: Spread | float | None) -> float:
    return value.median if isinstance(value, Spread) else value or 0.0


def _high(value: Spread | float | None) -> float:
    return value.high if isinstance(value, Spread) else value or 0.0


def _low(value: Spread | float | None) -> float:
    return value.low if isinstance(value, Spread) else value or 0.0


def _x_axis(column: BarColumn, left: float, width: float, number: str) -> dict:
    """From 0, with room for the words; they tell the numbers, so that no ticks are needed."""
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
        xaxis=f"x{number}", yaxis=f"y{number}", customdata=column.told,
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


def _tell(picture, column: BarColumn, names: Sequence[str], number: str) -> None:
    """The number in words, right of its bar and of its range."""
    for name, value, told in zip(names, column.values, column.told, strict=True):
        picture.add_annotation(
            x=_high(value), y=name, xref=f"x{number}", yref=f"y{number}", xanchor="left",
            text=f" {escape(told)}", showarrow=False, font={"size": 12},
        )  # fmt: skip
