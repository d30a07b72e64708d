"""What figures share that show ranges of numbers, or several plots in one."""

from collections.abc import Iterable, Sequence

from labkit.stats import Spread

from . import theme


def divide(figure, rows: int, columns: int, **layout) -> None:
    """Divides an empty figure into plots, which traces and notes join by row and column.

    Args:
        figure: of `theme.figure`.
        rows: number of plots below one another.
        columns: number of plots beside one another.
        layout: more for plotly's ``set_subplots``, such as ``horizontal_spacing``.
    """
    figure.set_subplots(rows, columns, **layout)
    figure.update_xaxes(theme.axis()).update_yaxes(theme.axis())


def columns(figure, names: Sequence[str], *, gap: float = 0.09, shared_y: bool = False) -> None:
    """Divides an empty figure into plots beside one another.

    Args:
        figure: of `theme.figure`.
        names: name of each plot, above it.
        gap: share of the width between two plots.
        shared_y: whether the vertical axis of the first counts for all.
    """
    divide(figure, 1, len(names), horizontal_spacing=gap, shared_yaxes=shared_y)
    for column, name in enumerate(names, 1):
        heading(figure, name, row=1, col=column, font={"size": 13})


def heading(figure, text: str, **layout) -> None:
    """A text above the left end of the plot at a row and column."""
    corner = {"x": 0, "y": 1, "xref": "x domain", "yref": "y domain", "yanchor": "bottom"}
    note(figure, text, **corner, **layout)


def note(figure, text: str, **layout) -> None:
    """A text that begins at a point of a figure, without an arrow."""
    figure.add_annotation(text=text, showarrow=False, **{"xanchor": "left", **layout})


def error_bars(ranges: Iterable[tuple[float, float, float]], **look) -> dict:
    """The range of each number, for ``error_x`` or ``error_y``.

    Args:
        ranges: low end, number and high end of each.
        look: more of plotly's error bars.

    >>> bars = error_bars([(1, 2, 5)])
    >>> bars["arrayminus"], bars["array"]
    ([1], [3])
    """
    ranges = list(ranges)
    return {
        "type": "data",
        "symmetric": False,
        "thickness": 1.5,
        "width": 5,
        "color": theme.INK,
        "array": [high - number for _, number, high in ranges],
        "arrayminus": [number - low for low, number, _ in ranges],
        **look,
    }


def spread_bars(spreads: Iterable[Spread], **look) -> dict:
    """The `error_bars` from the least to the most of several runs, around their medians."""
    return error_bars(((each.low, each.median, each.high) for each in spreads), **look)
