"""Figures of a sweep: its measures by temperature, and the answers themselves."""

from collections.abc import Sequence
from html import escape

from labkit.ui import html, theme

from .sweep import MEASURES, Sweep, SweepCell

COLUMNS = 3
STYLES = (
    (theme.BLUE, "solid", "circle"),
    (theme.ORANGE, "dash", "square"),
    (theme.GREEN, "dot", "diamond"),
    (theme.PINK, "dashdot", "cross"),
)
GAP, ROW_GAP = 0.07, 0.22


def sweep_figure(sweep: Sweep):
    """Each measure by temperature: median and range of the samples, a line for each top_p."""
    top_ps = list(dict.fromkeys(cell.top_p for cell in sweep.cells))
    lines = [
        _line(name, index, [cell for cell in sweep.cells if cell.top_p == top_p], number)
        for index, name in enumerate(MEASURES)
        for number, top_p in enumerate(top_ps)
    ]
    figure = theme.figure(
        *lines,
        title=_title(sweep),
        height=520,
        showlegend=len(top_ps) > 1,
        margin={"t": 96, "b": 44, "l": 34},
        legend={"yref": "container", "y": 0, "yanchor": "bottom", "x": 0, "xanchor": "left"},
    )
    for index, (name, title) in enumerate(MEASURES.items()):
        _place_subplot(figure, index, name, title)
    return figure


def _line(name: str, index: int, cells: Sequence[SweepCell], number: int):
    import plotly.graph_objects as go

    colour, dash, symbol = STYLES[number % len(STYLES)]
    known = [(cell.temperature, m) for cell in cells if (m := cell.measures[name])]
    axis = "" if index == 0 else str(index + 1)
    return go.Scatter(
        x=[temperature for temperature, _ in known],
        y=[samples.middle for _, samples in known],
        xaxis=f"x{axis}",
        yaxis=f"y{axis}",
        name=f"top_p {cells[0].top_p:g}",
        legendgroup=str(number),
        showlegend=index == 0,
        mode="lines+markers",
        line={"color": colour, "dash": dash},
        marker={"symbol": symbol, "size": 8},
        error_y={
            "type": "data",
            "symmetric": False,
            "thickness": 1,
            "width": 4,
            "array": [samples.high - samples.middle for _, samples in known],
            "arrayminus": [samples.middle - samples.low for _, samples in known],
        },
        customdata=[[samples.low, samples.high] for _, samples in known],
        hovertemplate="temperature %{x:g}: %{y:.2f}, from %{customdata[0]:.2f} to "
        "%{customdata[1]:.2f}<extra></extra>",
    )


def _place_subplot(figure, index: int, name: str, title: str) -> None:
    """Puts a measure into its cell of the grid, with its title above it."""
    row, column = divmod(index, COLUMNS)
    width = (1 - GAP * (COLUMNS - 1)) / COLUMNS
    left, height = column * (width + GAP), (1 - ROW_GAP) / 2
    bottom = (1 - row) * (height + ROW_GAP)
    number = "" if index == 0 else str(index + 1)
    x = theme.axis("temperature" if row else "", domain=[left, left + width], anchor=f"y{number}")
    y = theme.axis(domain=[bottom, bottom + height], anchor=f"x{number}", rangemode="tozero")
    y["automargin"] = False
    if name not in ("entropy_bits", "tokens"):  # shares
        y["range"] = [-0.04, 1.04]
    figure.update_layout({f"xaxis{number}": x, f"yaxis{number}": y})
    theme.add_heading(figure, title, left, bottom + height)


def _title(sweep: Sweep) -> str:
    samples = max((len(cell.replies) for cell in sweep.cells), default=0)
    return (
        f"{len(sweep.replies)} answers of {escape(sweep.model)}, {samples} for each setting "
        '(measured)<br><span style="font-size:12px">points: the median, or the share; '
        "whiskers: from the lowest to the highest, of shares the 95 % interval</span>"
    )


def sweep_texts_table(sweep: Sweep, samples: int = 4) -> html.HtmlFigure:
    """The answers themselves: a column for each setting, a row for each of the first seeds."""
    cells = sweep.cells
    heads = "".join(
        f'<th scope="col" style="{_CELL};font-weight:600">{cell.title}</th>' for cell in cells
    )
    seeds = list(dict.fromkeys(reply.settings.seed for reply in sweep.replies))[:samples]
    rows = "".join(
        f'<tr><th scope="row" style="{_BOX};font-weight:400;white-space:nowrap">seed {seed}</th>'
        + "".join(_answer(cell, seed) for cell in cells)
        + "</tr>"
        for seed in seeds
    )
    more = len(sweep.replies) - len(seeds) * len(cells)
    note = html.note(f"{more} more answers are in .replies.") if more > 0 else ""
    return html.HtmlFigure(
        '<div style="overflow-x:auto"><table style="border-collapse:collapse;table-layout:auto;'
        f'width:100%;color:{theme.INK};font-size:13px">'
        '<caption style="text-align:left;font-weight:600">'
        "The same prompt at different settings; each row has the same random numbers</caption>"
        f"<thead><tr><td></td>{heads}</tr></thead><tbody>{rows}</tbody></table></div>{note}"
    )


_BOX = f"border:1px solid {theme.LINE};padding:6px 8px;vertical-align:top"
_CELL = f"{_BOX};text-align:left;min-width:150px;line-height:1.4"
_ENDS = {"stop": "ended at the end token", "length": "cut at max_tokens", "interrupted": "stopped"}


def _answer(cell: SweepCell, seed: int) -> str:
    reply = next((reply for reply in cell.replies if reply.settings.seed == seed), None)
    if reply is None:
        return f'<td style="{_CELL}">(not written)</td>'
    end = f"{len(reply.steps)} tokens, {_ENDS[reply.finish]}"
    thought = html.thought(reply.thinking, is_open=not reply.text)
    return (
        f'<td style="{_CELL}">{thought}{html.paragraph(reply.text)}'
        f'<div style="color:{theme.GREY};font-size:12px">{end}</div></td>'
    )


FIGURES = {Sweep: {"measures": sweep_figure, "texts": sweep_texts_table}}
