"""Figures of a comparison of methods, right answers and each answer; and of base and chat."""

import plotly.graph_objects as go

from labkit.ui import html, subplots, theme
from labkit.ui.html import figure_text
from labkit.ui.table import grid

from .base_and_chat import BaseComparison
from .result import MethodComparison


def methods_figure(comparison: MethodComparison):
    """Right answers of each method with their intervals; its time and memory in its name."""
    names = [
        f"{figure_text(each.name)}<br>{each.answer_ms:,.0f} ms · {each.weights_bytes / 1e6:,.0f} MB"
        for each in comparison.methods
    ]
    ranges = [each.share for each in comparison.methods]
    figure = theme.figure(
        title=f"Right answers · {figure_text(comparison.title)}, measured",
        x="share of right answers",
        height=120 + 62 * max(1, len(names)),
        showlegend=False,
    )
    figure.add_trace(
        go.Bar(
            x=[share for _, share, _ in ranges],
            y=names,
            orientation="h",
            marker={"color": theme.SKY, "line": {"color": theme.BLUE, "width": 1}},
            error_x=subplots.error_bars(ranges),
            hovertemplate="%{x:.0%}<extra></extra>",
        )
    )
    figure.update_xaxes(range=[0, 1.02], tickformat=".0%")
    return figure.update_yaxes(autorange="reversed")


def methods_table(comparison: MethodComparison) -> html.HtmlFigure:
    """Each item with the answer of each method."""
    rows = []
    for answers in zip(*(each.answers for each in comparison.methods), strict=True):
        example = answers[0].example
        cells = [html.paragraph(f"{'✓ ' if each.right else ''}{each.answer}") for each in answers]
        prompt = example.prompt.splitlines()[-1]
        rows.append((html.paragraph(prompt), html.paragraph(example.answer), *cells))
    heads = ("asked", "wanted", *(figure_text(each.name) for each in comparison.methods))
    return html.HtmlFigure(grid(heads, rows, figure_text(comparison.title)))


def base_table(comparison: BaseComparison) -> html.HtmlFigure:
    """Each prompt with what was written in each form, and whether the model ended there."""
    rows = []
    for number, prompt in enumerate(comparison.prompts):
        replies = [each.replies[number] for each in comparison.forms]
        ends = ["■" if each.finish == "stop" else "…" for each in replies]
        texts = [
            f"{reply.text.strip()} {end}".strip() for reply, end in zip(replies, ends, strict=True)
        ]
        rows.append((figure_text(prompt), *map(html.paragraph, texts)))
    heads = ("prompt", *(figure_text(each.name) for each in comparison.forms))
    below = (
        "■ the model ended here · … it was cut off · ■ alone: it wrote nothing. "
        + comparison.summary
    )
    notes = "".join(html.note(each) for each in comparison.missing)
    return html.HtmlFigure(grid(heads, rows, figure_text(below)) + notes)


FIGURES = {
    BaseComparison: base_table,
    MethodComparison: {"shares": methods_figure, "answers": methods_table},
}
