"""Figure of pairs that were trained in one direction and asked in both."""

from textwrap import wrap

import plotly.graph_objects as go

from labkit.formatting import LINE
from labkit.ui import html, subplots, theme
from labkit.ui.html import figure_text
from labkit.ui.table import grid

from .directions import DirectionTest


def directions_figure(test: DirectionTest):
    """Right answers in both directions, before and after the training, beside chance."""
    kinds = {"as trained": test.forward, "the other direction": test.reversed}
    count = len(test.forward)
    figure = theme.figure(
        title=f"One fact, two directions · {figure_text(test.model)}, {count} pairs, measured",
        y="share of right answers",
        height=380,
        barmode="group",
    )
    looks = {"before the training": (theme.SKY, ""), "after it": (theme.ORANGE, "/")}
    for name, (colour, shape) in looks.items():
        ranges = [test.share(own, name == "after it") for own in kinds.values()] if count else []
        figure.add_trace(
            go.Bar(
                x=list(kinds)[: len(ranges)],
                y=[share for _, share, _ in ranges],
                name=name,
                marker={"color": colour, "pattern": theme.pattern(shape)},
                error_y=subplots.error_bars(ranges, thickness=1, width=4),
                hovertemplate="%{x}: %{y:.0%}<extra></extra>",
            )
        )
    chance = f"chance, 1 of {test.candidates}"
    line = {"color": theme.INK, "dash": "dot", "width": 1}
    figure.add_hline(test.chance, line=line, annotation={"text": chance})
    if test.notes:
        lines = [figure_text(line) for each in test.notes for line in wrap(each, LINE)]
        below = {"x": 0, "xref": "paper", "y": 0, "yref": "paper", "yanchor": "top", "yshift": -24}
        subplots.note(figure, "<br>".join(lines), **below, align="left", font={"size": 12})
        figure.update_layout(margin={"b": 28 + 16 * len(lines)})
    return figure.update_yaxes(tickformat=".0%", range=[0, 1.05])


def directions_table(test: DirectionTest) -> html.HtmlFigure:
    """Each question with the right answer and what the model chose."""
    rows = [
        (
            figure_text(each.example.prompt),
            figure_text(each.example.answer),
            figure_text(each.before),
            f"{'✓ ' if each.is_right(True) else ''}{figure_text(each.after)}",
        )
        for pair in zip(test.forward, test.reversed, strict=True)
        for each in pair
    ]
    heads = ("asked", "right", "before the training", "after it")
    notes = "".join(html.note(each, "warning") for each in test.notes)
    return html.HtmlFigure(grid(heads, rows, figure_text(test.summary)) + notes)


FIGURES = {DirectionTest: {"shares": directions_figure, "answers": directions_table}}
