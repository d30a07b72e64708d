"""Figures of accuracy maps: cells with their intervals, tokens beside them, answers in a table."""

import math

import plotly.graph_objects as go

from labkit.ui import html, subplots, theme
from labkit.ui.html import figure_text
from labkit.ui.table import grid
from labkit.ui.visible_text import spell

from .accuracy_map import AccuracyMap, Cell
from .facts import FactsMap
from .repeat import RepeatedMistakes

MOST_ROWS = 80
MOST_WIDE = 6  # columns in which an interval has room on one line
LONGEST = 160  # characters that are shown of a question, its end
SCALE = [[0, "#FFFFFF"], [1, theme.SKY]]  # dark ink can be read on all of it


def _head(answered: AccuracyMap) -> str:
    """What is asked, whom, and how: the first line of a title."""
    title, model = figure_text(answered.plan.title), figure_text(answered.model)
    return f"{title}: {model} · {answered.how}<br>"


def map_figure(answered: AccuracyMap, *, height: int | None = None):
    """A heat map: each cell's share of right answers with its 95 % interval."""
    figure = theme.figure(
        title=_head(answered)
        + '<span style="font-size:.8em">share of right answers, in brackets its 95 % interval'
        "</span>",
        x=answered.plan.axes[0],
        y=answered.plan.axes[1],
        height=height or 190 + 56 * len(answered.rows),
        margin={"t": 84},
    )
    figure.add_trace(cells_trace(answered))
    figure.update_xaxes(type="category", showgrid=False)
    figure.update_yaxes(type="category", autorange="reversed", showgrid=False)
    return figure


def cells_trace(answered: AccuracyMap):
    """The cells of a map as plotly's heat map."""
    cells = [[answered.cell(row, column) for column in answered.columns] for row in answered.rows]
    return go.Heatmap(
        z=[[None if math.isnan(cell.share) else cell.share for cell in row] for row in cells],
        x=list(answered.columns),
        y=list(answered.rows),
        text=[[_cell_text(cell, len(row) > MOST_WIDE) for cell in row] for row in cells],
        texttemplate="%{text}",
        textfont={"color": theme.INK, "size": 12},
        colorscale=SCALE,
        zmin=0,
        zmax=1,
        xgap=2,
        ygap=2,
        showscale=False,
        hoverongaps=False,
        hovertemplate="%{y}, %{x}: %{text}<extra></extra>",
    )


def _cell_text(cell: Cell, is_narrow: bool) -> str:
    if not cell.count:
        return ""
    low, high = (f"{100 * each:.0f}" for each in cell.interval)
    return f"{cell.right} of {cell.count}<br>({low} to{'<br>' if is_narrow else ' '}{high} %)"


def tokens_table(answered: AccuracyMap) -> html.HtmlFigure:
    """What the model reads: a sample of each column, cut into its tokens."""
    rows = [
        (figure_text(sample), _chips(pieces), str(len(pieces)))
        for sample, pieces in zip(answered.plan.samples, answered.tokens, strict=True)
    ]
    caption = f"What {figure_text(answered.model)} reads: each frame is a token"
    return html.HtmlFigure(grid(("text", "tokens", "number"), rows, caption))


def _chips(pieces) -> str:
    style = f"border:1px solid {theme.RULE};border-radius:4px;padding:0 4px;margin-right:3px"
    return "".join(
        f'<span style="{style};font-family:monospace">{figure_text(spell(each))}</span>'
        for each in pieces
    )


def answers_table(answered: AccuracyMap) -> html.HtmlFigure:
    """Each question with its answer, wrong ones first."""
    ordered = sorted(answered.answers, key=lambda each: each.right)
    rows = [
        (
            "✓" if each.right else "✗",
            figure_text(each.question.text[-LONGEST:]),
            figure_text(each.text),
            figure_text(each.question.answer),
        )
        for each in ordered
    ]
    heads = ("", "question", "answer", "right answer")
    return html.HtmlFigure(grid(heads, rows, figure_text(answered.summary), MOST_ROWS))


def fame_figure(answered: FactsMap):
    """Capitals known by tenth of the countries; beside it those that do not exist."""
    columns = [name for name in answered.columns if answered.cell(None, name).count]
    cells = [answered.cell(None, name) for name in columns]
    exist = [name != "invented" for name in columns]
    shares = [
        cell.share if is_real else 1 - cell.share
        for cell, is_real in zip(cells, exist, strict=True)
    ]
    ranges = []
    for cell, share, is_real in zip(cells, shares, exist, strict=True):
        low, high = cell.interval
        ranges.append((low, share, high) if is_real else (1 - high, share, 1 - low))
    figure = theme.figure(
        title=_head(answered)
        + '<span style="font-size:.8em">with 95 % intervals; countries by number of people '
        "(GeoNames, 2018)</span>",
        x=answered.plan.axes[0],
        height=380,
        margin={"t": 100},
    )
    for name, wanted, colour, shape in (
        ("named the right capital", True, theme.SKY, ""),
        ("named a capital of a country that does not exist", False, theme.ORANGE, "/"),
    ):
        own = [n for n, is_real in enumerate(exist) if is_real is wanted]
        bars = go.Bar(
            x=[columns[n] for n in own],
            y=[shares[n] for n in own],
            name=name,
            marker={"color": colour, "pattern": theme.pattern(shape)},
            error_y=subplots.error_bars([ranges[n] for n in own]),
            hovertemplate="%{x}: %{y:.0%}<extra></extra>",
        )
        figure.add_trace(bars)
    figure.update_xaxes(type="category")
    return figure.update_yaxes(tickformat=".0%", range=[0, 1.04])


def repeats_table(repeated: RepeatedMistakes) -> html.HtmlFigure:
    """Each question with its right answer, the answers at temperature 0, and those drawn."""
    rows = [
        (
            figure_text(each.question.text),
            figure_text(each.question.answer),
            _counted(each.cold),
            _counted(each.warm),
        )
        for each in repeated.questions
    ]
    warm = f"temperature {repeated.temperature:g}"
    heads = ("question", "right", "temperature 0", warm)
    return html.HtmlFigure(grid(heads, rows, figure_text(repeated.summary)))


def _counted(answers: tuple[str, ...]) -> str:
    counts = {each: answers.count(each) for each in dict.fromkeys(answers)}
    return ", ".join(
        f"{count} × {figure_text(text or '(nothing)')}" for text, count in counts.items()
    )


_MAP = {"map": map_figure, "tokens": tokens_table, "answers": answers_table}
FIGURES = {
    AccuracyMap: _MAP,
    FactsMap: {"fame": fame_figure, "answers": answers_table},
    RepeatedMistakes: repeats_table,
}
