"""What figures share that show ranges of numbers, or several plots in one."""

from collections.abc import Iterable, Sequence

from labkit.stats import Spread

from . import theme


def columns(figure, names: Sequence[str], *, x: str = "", gap: float = 0.09, **axis) -> None:
    """Divides an empty figure into plots beside one another; traces go to a row and a column.

    Args:
        figure: of `theme.figure`.
        names: name of each plot, above it.
        x: title of every horizontal axis.
        gap: share of the width between two plots.
        axis: more of plotly's horizontal axis.
    """
    grid = {"gridcolor": theme.LINE, "zerolinecolor": theme.LINE, "title_font_size": 13}
    figure.set_subplots(1, len(names), horizontal_spacing=gap)
    figure.update_xaxes(**grid, title_text=x, **axis)
    figure.update_yaxes(**grid, rangemode="tozero")
    for column, name in enumerate(names, 1):
        corner = {"x": 0, "y": 1, "xref": "x domain", "yref": "y domain"}
        note(figure, name, **corner, yanchor="bottom", font={"size": 13}, row=1, col=column)


def note(figure, text: str, **layout) -> None:
    """A text that begins at a point of a figure, without an arrow."""
    figure.add_annotation(text=text, showarrow=False, **{"xanchor": "left", **layout})


def error_bars(ranges: Iterable[tuple[float, float, float]], **look) -> dict:
    """The range of each number, for ``error_x`` or ``error_y``.

    Args:
        ranges: low end, number and high end of each.
        look: more of plotly's error bars.
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
