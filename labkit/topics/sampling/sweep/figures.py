"""Figures of a sweep: its measures by temperature, and the answers themselves."""

from collections.abc import Sequence

import plotly.graph_objects as go

from labkit.formatting import digits, number_of
from labkit.ui import html, subplots, theme
from labkit.ui.html import figure_text

from .sweep import MEASURES, Sweep, SweepCell

COLUMNS = 2  # more would have their titles collide in a narrow window
OF_ALL = ("stopped", "looped")  # measures that are True or False for each answer
STYLES = (
    (theme.BLUE, "solid", "circle"),
    (theme.ORANGE, "dash", "square"),
    (theme.GREEN, "dot", "diamond"),
    (theme.PINK, "dashdot", "cross"),
)


def sweep_figure(sweep: Sweep):
    """Each measure by temperature: median and range of the samples, a line for each top_p."""
    top_ps = list(dict.fromkeys(cell.top_p for cell in sweep.cells))
    shown, constant = _varying(sweep.cells)
    rows = -(-len(shown) // COLUMNS)
    figure = theme.figure(
        title=_title(sweep, constant),
        height=150 + 190 * rows,
        showlegend=len(top_ps) > 1,
        margin={"t": 96, "b": 44, "l": 34},
        legend={"yref": "container", "y": 0, "yanchor": "bottom", "x": 0, "xanchor": "left"},
    )
    gaps = {"horizontal_spacing": 0.09, "vertical_spacing": 0.4 / max(2, rows)}
    subplots.divide(figure, rows, min(COLUMNS, len(shown)), **gaps)
    figure.update_yaxes(automargin=False, rangemode="tozero")
    figure.update_xaxes(title_text="temperature", row=rows)
    if rows > 1 and len(shown) % COLUMNS:
        figure.update_xaxes(visible=False, row=rows, col=COLUMNS)
        figure.update_yaxes(visible=False, row=rows, col=COLUMNS)
    for index, name in enumerate(shown):
        row, column = divmod(index, COLUMNS)
        cell_at = {"row": row + 1, "col": column + 1}
        for number, top_p in enumerate(top_ps):
            cells = [cell for cell in sweep.cells if cell.top_p == top_p]
            figure.add_trace(_line(name, cells, number, showlegend=not index), **cell_at)
        if name not in ("entropy_bits", "tokens"):  # shares
            figure.update_yaxes(range=[-0.04, 1.04], **cell_at)
        subplots.heading(figure, MEASURES[name], font={"size": 12}, **cell_at)
    return figure


def _varying(cells: Sequence[SweepCell]) -> tuple[list[str], str]:
    """The measures that differ between answers, and a line on those that are the same in all."""
    shown, constant = [], []
    for name, title in MEASURES.items():
        ranges = [samples for cell in cells if (samples := cell.measures[name])]
        if name in OF_ALL:  # a share has an interval even where all answers agree
            values = {each.middle for each in ranges}
        else:
            values = {value for each in ranges for value in (each.low, each.high)}
        if len(values) > 1 or (name in OF_ALL and not values <= {0, 1}):
            shown.append(name)
        elif values:
            constant.append(f"{title}: {digits(values.pop())}")
    if not shown:
        return list(MEASURES), ""
    return shown, f"the same in all answers: {'; '.join(constant)}" if constant else ""


def _line(name: str, cells: Sequence[SweepCell], number: int, showlegend: bool):
    colour, dash, symbol = STYLES[number % len(STYLES)]
    known = [(cell.temperature, m) for cell in cells if (m := cell.measures[name])]
    ranges = ((samples.low, samples.middle, samples.high) for _, samples in known)
    return go.Scatter(
        x=[temperature for temperature, _ in known],
        y=[samples.middle for _, samples in known],
        name=f"top_p {cells[0].top_p:g}",
        legendgroup=str(number),
        showlegend=showlegend,
        mode="lines+markers",
        line={"color": colour, "dash": dash},
        marker={"symbol": symbol, "size": 8},
        error_y=subplots.error_bars(ranges, thickness=1, width=4, color=None),
        customdata=[[samples.low, samples.high] for _, samples in known],
        hovertemplate="temperature %{x:g}: %{y:.2f}, from %{customdata[0]:.2f} to "
        "%{customdata[1]:.2f}<extra></extra>",
    )


def _title(sweep: Sweep, constant: str) -> str:
    samples = max((len(cell.replies) for cell in sweep.cells), default=0)
    answers = number_of(len(sweep.replies), "answer")
    return (
        f"{answers} of {figure_text(sweep.model)}, {samples} for each setting "
        f'({sweep.how})<br><span style="font-size:.8em">points: the median, or the share; '
        "whiskers: the lowest and the highest; around a share, its 95 % interval"
        f"{'<br>' if constant else ''}{constant}</span>"
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
        f'width:100%;color:{theme.TEXT};font-size:13px">'
        '<caption style="text-align:left;font-weight:600">'
        "The same prompt at different settings; each row has the same random numbers</caption>"
        f"<thead><tr><td></td>{heads}</tr></thead><tbody>{rows}</tbody></table></div>{note}"
    )


_BOX = f"border:1px solid {theme.RULE};padding:6px 8px;vertical-align:top"
_CELL = f"{_BOX};text-align:left;min-width:150px;line-height:1.4"
_ENDS = {"stop": "ended at the end token", "length": "cut at max_tokens", "interrupted": "stopped"}


def _answer(cell: SweepCell, seed: int) -> str:
    reply = next((reply for reply in cell.replies if reply.settings.seed == seed), None)
    if reply is None:
        return f'<td style="{_CELL}">(not written)</td>'
    end = f"{number_of(len(reply.steps), 'token')}, {_ENDS[reply.finish]}"
    thought = html.thought(reply.thinking, is_open=not reply.text)
    return (
        f'<td style="{_CELL}">{thought}{html.paragraph(reply.text)}'
        f'<div style="color:{theme.QUIET};font-size:12px">{end}</div></td>'
    )


FIGURES = {Sweep: {"measures": sweep_figure, "texts": sweep_texts_table}}
