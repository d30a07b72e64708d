"""Figures of reasons: probabilities as parts are added, and under three templates."""

import plotly.graph_objects as go

from labkit.ui import html, subplots, theme
from labkit.ui.html import figure_text
from labkit.ui.table import grid
from labkit.ui.visible_text import spell

from .build_up import BuildUp
from .templates import TemplateComparison

COLOURS = (theme.BLUE, theme.ORANGE, theme.SKY, theme.PINK, theme.YELLOW, theme.GREY)
SHAPES = ("", "/", ".", "x", "-", "\\")


def build_up_figure(build: BuildUp):
    """A bar for each step, divided among the options; the right answer is at the bottom."""
    figure = theme.figure(
        title=f"“{figure_text(build.item.text)}” · {figure_text(build.model)} · {build.how}<br>"
        f'<span style="font-size:.8em">right: {figure_text(build.item.answer)}</span>',
        y="probability of each option",
        height=400,
        margin={"t": 100},
        barmode="stack",
    )
    labels = [
        f"{'+ ' if n else ''}{step.added.replace(' ', '<br>', 1)}<br>{step.tokens} tokens"
        for n, step in enumerate(build.steps)
    ]
    options = build.task.options
    ordered = sorted(range(len(options)), key=lambda n: options[n] != build.item.answer)
    for index, n in enumerate(ordered):
        values = [step.probabilities[n] for step in build.steps]
        pattern = theme.pattern(SHAPES[index % 6])
        look = {"color": COLOURS[index % 6], "pattern": pattern, "line": theme.OUTLINE}
        bars = go.Bar(x=labels, y=values, name=figure_text(options[n]), marker=look)
        if not index:  # on a pattern no number can be read
            bars.text = [f"{value:.0%}" if value >= 0.06 else "" for value in values]
        figure.add_trace(bars)
    figure.update_xaxes(tickangle=0, tickfont={"size": 12})
    return figure.update_yaxes(tickformat=".0%", range=[0, 1])


def templates_figure(comparison: TemplateComparison):
    """The likeliest first tokens with the right template, a wrong one, and none."""
    figure = theme.figure(
        title=figure_text(f"“{comparison.question}” · {comparison.model} · first token, measured"),
        height=380,
        showlegend=False,
        margin={"t": 128},
    )
    names = [
        f"{figure_text(v.name)}<br>{v.tokens} tokens<br>{v.entropy_bits:.1f} bits<br>"
        f"{v.distance:.0%} moved"
        for v in comparison.variants
    ]
    subplots.columns(figure, names, gap=0.17)
    figure.update_annotations(align="left")
    for column, variant in enumerate(comparison.variants, 1):
        texts = [f"{figure_text(spell(text))} " for text, _ in variant.leading]
        bars = go.Bar(
            x=[p for _, p in variant.leading],
            y=list(range(len(texts))),
            orientation="h",
            marker={"color": theme.SKY, "line": {"color": theme.BLUE, "width": 1}},
        )
        figure.add_trace(bars, row=1, col=column)
        ticks = {"tickvals": list(range(len(texts))), "ticktext": texts}
        figure.update_yaxes(**ticks, autorange="reversed", row=1, col=column)
    return figure.update_xaxes(tickformat=".0%", range=[0, 1], dtick=0.5)


def template_texts(comparison: TemplateComparison) -> html.HtmlFigure:
    """The three texts that the model read, and what the template added without being asked."""
    rows = [(figure_text(v.name), html.paragraph(v.text)) for v in comparison.variants]
    silent = comparison.silent_system
    caption = (
        f"The template adds a system message that nobody wrote: “{figure_text(silent)}”"
        if silent
        else "The template adds no system message"
    )
    return html.HtmlFigure(grid(("template", "what the model reads"), rows, caption))


FIGURES = {
    BuildUp: build_up_figure,
    TemplateComparison: {"tokens": templates_figure, "texts": template_texts},
}
