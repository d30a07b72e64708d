"""Figures of published scores: a dot for each source, and a table with every source."""

from html import escape

import plotly.graph_objects as go

from labkit.ui import subplots, theme
from labkit.ui.html import HtmlFigure
from labkit.ui.table import grid

from .benchmark_scores import Benchmark, PublishedScores, Score

LOOKS = {
    True: (theme.BLUE, "circle", "open weights"),
    False: (theme.RED, "diamond", "only in a cloud"),
}


def scores_figure(published: PublishedScores):
    """Each model's scores, largest model first; a line joins the scores of different sources."""
    names = [model.name for model in published.models]
    height = 170 + 21 * len(names)
    figure = theme.figure(
        title="Published scores, as their publishers state them (recorded, not measured)",
        height=height,
        showlegend=True,
        margin={"t": 96, "b": 44, "l": 12},
        # Below the title and the tools, above the names of the tests.
        legend={"y": 1 - 36 / height, "yanchor": "top", "yref": "container"},
    )
    heads = [f"<b>{benchmark.name}</b>, %" for benchmark in published.benchmarks]
    subplots.columns(figure, heads, gap=0.03, shared_y=True)
    figure.update_xaxes(range=[-4, 104], dtick=50)
    figure.update_yaxes(
        type="category",
        categoryorder="array",
        categoryarray=names,
        range=[len(names) - 0.4, -0.6],
        dtick=1,
        tickfont={"size": 12},
    )
    for column, benchmark in enumerate(published.benchmarks, 1):
        cell = {"row": 1, "col": column}
        figure.add_trace(_ranges(published, benchmark), **cell)
        figure.add_traces(_dots(published, benchmark, column == 1), rows=1, cols=column)
        if benchmark.guessing_percent:
            label = {"text": "guessing", "textangle": -90, "font": {"size": 11}}
            line = {"color": theme.INK, "width": 1, "dash": "dot"}
            figure.add_vline(
                benchmark.guessing_percent,
                line=line,
                annotation=label,
                annotation_position="bottom left",
                **cell,
            )
    return figure


def _dots(published: PublishedScores, benchmark: Benchmark, showlegend: bool) -> list:
    traces = []
    for is_open, (colour, symbol, label) in LOOKS.items():
        dots = [
            score
            for model in published.models
            if model.is_open == is_open
            for score in published.of(model.name, benchmark.name)
        ]
        traces.append(
            go.Scatter(
                name=label,
                legendgroup=label,
                x=[dot.percent for dot in dots],
                y=[dot.model for dot in dots],
                mode="markers",
                marker={"color": colour, "symbol": symbol, "size": 9},
                marker_line={"color": theme.PAPER, "width": 1},
                customdata=[
                    escape(f"{dot.how}; {dot.source.publisher}, {dot.source.date or 'no date'}")
                    for dot in dots
                ],
                showlegend=showlegend,
                hovertemplate="%{y}: %{x:g} %<br>%{customdata}<extra></extra>",
            )
        )
    return traces


def _ranges(published: PublishedScores, benchmark: Benchmark):
    """A line from the lowest to the highest score of each model with several sources."""
    points: list[tuple[float | None, str]] = []
    for model in published.models:
        scores = [score.percent for score in published.of(model.name, benchmark.name)]
        if len(scores) > 1:
            points += [(min(scores), model.name), (max(scores), model.name), (None, model.name)]
    return go.Scatter(
        x=[x for x, _ in points],
        y=[y for _, y in points],
        mode="lines",
        hoverinfo="skip",
        line={"color": theme.GREY, "width": 1.5},
        showlegend=False,
    )


def scores_table(published: PublishedScores) -> HtmlFigure:
    """Every score with its method, publisher, address and date."""
    heads = ("model", "parameters", "benchmark", "score", "how", "source", "date")
    rows = []
    for model in published.models:
        size = f"{model.parameters_billion:g} B" if model.parameters_billion else "not published"
        for benchmark in published.benchmarks:
            for score in published.of(model.name, benchmark.name):
                rows.append([escape(model.name), size, *_cells(score)])
    caption = f'<span style="font-weight:400">{escape(published.note)}</span>'
    return HtmlFigure(grid(heads, rows, caption))


def _cells(score: Score) -> list[str]:
    source = score.source
    link = f'<a href="{escape(source.url)}">{escape(source.publisher)}: {escape(source.title)}</a>'
    version = f"; {escape(source.version)}" if source.version else ""
    made = f"{escape(source.harness)}; read in {escape(source.read_in)}{version}"
    return [
        score.benchmark,
        f"{score.percent:g}\u00a0%",
        escape(score.how),
        f'<div style="min-width:340px">{link}<br>{made}</div>',
        escape(source.date or "none").replace("-", "\u2011"),
    ]
