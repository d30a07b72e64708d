"""Figures of a simulated day, as a distribution for each backend, and of published scores."""

from html import escape
from textwrap import wrap

import plotly.graph_objects as go

from labkit.formatting import number_of
from labkit.ui import subplots, theme
from labkit.ui.html import HtmlFigure, figure_text
from labkit.ui.table import grid

from .benchmark_scores import Benchmark, PublishedScores, Score
from .day_simulation import UNTIL, DaySimulation, WaitingTime, format_duration

LOOKS = (
    (theme.BLUE, ""),
    (theme.ORANGE, "/"),
    (theme.GREEN, "x"),
    (theme.PINK, "."),
    (theme.GREY, "|"),
)
BINS = 40


def day_figure(day: DaySimulation):
    """Simulated days by waiting time, a row for each backend: median, and the range of 95 %."""
    most = max(waiting.days_s[-1] for waiting in day.waits)
    size, unit = (
        (3600, "hours") if most > 7200 else (60, "minutes") if most > 120 else (1, "seconds")
    )
    rows = len(day.waits)
    figure = theme.figure(
        title=f"{number_of(day.requests, 'request')} a day: waiting {UNTIL[day.until]} "
        "(computed from replies)",
        height=100 + 120 * rows,
        showlegend=False,
        bargap=0,
        margin={"t": 60, "b": 24, "l": 170},
    )
    subplots.divide(figure, rows, 1, shared_xaxes=True, vertical_spacing=0.4 / rows)
    figure.update_xaxes(range=[0, 1.02 * (most or 1) / size])
    figure.update_xaxes(title_text=f"{unit} of waiting in a day", row=rows)
    figure.update_yaxes(showticklabels=False, rangemode="tozero")
    for row, waiting in enumerate(day.waits, 1):
        figure.add_trace(_bars(waiting, LOOKS[(row - 1) % len(LOOKS)], size, most), row=row, col=1)
        _label(figure, waiting, size, most, row=row, col=1)
    return figure


def _bars(waiting: WaitingTime, look: tuple[str, str], size: float, most: float):
    colour, pattern = look
    counts, width = count_days(waiting, most)
    return go.Bar(
        name=figure_text(waiting.name),
        x=[(n + 0.5) * width / size for n in range(BINS)],
        y=[100 * count / len(waiting.days_s) for count in counts],
        width=width / size,
        marker={"color": colour, "pattern": theme.pattern(pattern), "line": {"width": 0}},
        hovertemplate="about %{x:,.3~r}: %{y:.1f} % of days<extra></extra>",
    )


def count_days(waiting: WaitingTime, most: float) -> tuple[list[int], float]:
    """Days in each of `BINS` equal bins from no waiting to the longest day, and the bins' width.

    Args:
        waiting: the waiting for one backend.
        most: seconds of the longest day of any backend.
    """
    width = (most or 1.0) * 1.02 / BINS
    counts = [0] * BINS
    for seconds in waiting.days_s:
        counts[int(seconds / width)] += 1
    return counts, width


def _label(figure, waiting: WaitingTime, size: float, most: float, **cell: int) -> None:
    """A line at the median, with its number and range; the backend's name to the left."""
    low, high = map(format_duration, waiting.interval_s)
    figure.add_vline(
        waiting.median_s / size,
        line={"color": theme.INK, "width": 2},
        annotation_text=f" {format_duration(waiting.median_s)} ({low} to {high}) ",
        annotation_position="top left" if waiting.median_s > 0.6 * most else "top right",
        annotation_yanchor="bottom",
        **cell,
    )
    name = wrap(waiting.name, 20, break_on_hyphens=False)
    heading = "<br>".join(f"<b>{figure_text(line)}</b>" for line in name)
    origin = "<br>".join(figure_text(line) for line in wrap(waiting.origin, 24))
    text = f"{heading}<br>{len(waiting.waits_s)} replies<br><i>{origin}</i>"
    left = {"x": -0.01, "xref": "x domain", "y": 0.5, "yref": "y domain", "xanchor": "right"}
    subplots.note(figure, text, **left, align="right", font={"size": 12}, **cell)


MARKERS = {
    True: (theme.BLUE, "circle", "open weights"),
    False: (theme.RED, "diamond", "only in a cloud"),
}


def scores_figure(published: PublishedScores):
    """Each model's scores, largest model first; a line joins the scores of different sources."""
    names = [figure_text(model.name) for model in published.models]
    height = 170 + 21 * len(names)
    figure = theme.figure(
        title="Published scores, as their publishers state them (recorded, not measured)",
        height=height,
        showlegend=True,
        margin={"t": 96, "b": 44, "l": 12},
        # Below the title and the tools, above the names of the tests.
        legend={"y": 1 - 36 / height, "yanchor": "top", "yref": "container"},
    )
    heads = [f"<b>{figure_text(benchmark.name)}</b>, %" for benchmark in published.benchmarks]
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
        figure.add_trace(_range_lines(published, benchmark), **cell)
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
    for is_open, (colour, symbol, label) in MARKERS.items():
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
                y=[figure_text(dot.model) for dot in dots],
                mode="markers",
                marker={"color": colour, "symbol": symbol, "size": 9},
                marker_line={"color": theme.PAPER, "width": 1},
                customdata=[figure_text(_stated(dot)) for dot in dots],
                showlegend=showlegend,
                hovertemplate="%{y}: %{x:g} %<br>%{customdata}<extra></extra>",
            )
        )
    return traces


def _stated(score: Score) -> str:
    return f"{score.how}; {score.source.publisher}, {score.source.date or 'no date'}"


def _range_lines(published: PublishedScores, benchmark: Benchmark):
    """A line from the lowest to the highest score of each model with several sources."""
    points: list[tuple[float | None, str]] = []
    for model in published.models:
        scores = [score.percent for score in published.of(model.name, benchmark.name)]
        if len(scores) > 1:
            points += [(min(scores), model.name), (max(scores), model.name), (None, model.name)]
    return go.Scatter(
        x=[x for x, _ in points],
        y=[figure_text(y) for _, y in points],
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


FIGURES = {
    DaySimulation: day_figure,
    PublishedScores: {"scores": scores_figure, "table": scores_table},
}
