"""Figures of published scores: a dot for each source, and a table with every source."""

from html import escape

from labkit.ui import theme
from labkit.ui.html import HtmlFigure

from .benchmark_scores import Benchmark, PublishedScores, Score

LOOKS = {
    True: (theme.BLUE, "circle", "open weights"),
    False: (theme.RED, "diamond", "only in a cloud"),
}
ROW_PX = 21
_CELL = f"border:1px solid {theme.LINE};padding:3px 8px;text-align:left;vertical-align:top"


def scores_figure(published: PublishedScores):
    """Each model's scores, largest model first; a line joins the scores of different sources."""
    names = [model.name for model in published.models]
    traces = []
    for index, benchmark in enumerate(published.benchmarks):
        traces += _benchmark(published, benchmark, index)
    height = 170 + ROW_PX * len(names)
    figure = theme.figure(
        *traces,
        title="Published scores, as their publishers state them (recorded, not measured)",
        x="",
        y="",
        height=height,
        showlegend=True,
        margin={"t": 96, "b": 44, "l": 12},
        # Below the title and the tools, above the names of the tests.
        legend={
            "y": 1 - 36 / height,
            "yanchor": "top",
            "yref": "container",
            "x": 1,
            "xanchor": "right",
        },
    )
    for index, benchmark in enumerate(published.benchmarks):
        _arrange(figure, benchmark, index, len(published.benchmarks), names)
    return figure


def _benchmark(published: PublishedScores, benchmark: Benchmark, index: int) -> list:
    import plotly.graph_objects as go

    axis = "" if index == 0 else str(index + 1)
    lines = _ranges(published, benchmark)
    traces = [
        go.Scatter(
            x=[x for x, _ in lines],
            y=[y for _, y in lines],
            mode="lines",
            hoverinfo="skip",
            line={"color": theme.GREY, "width": 1.5},
            xaxis=f"x{axis}",
            yaxis="y",
            showlegend=False,
        )
    ]
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
                xaxis=f"x{axis}",
                yaxis="y",
                marker={
                    "color": colour,
                    "symbol": symbol,
                    "size": 9,
                    "line": {"color": theme.PAPER, "width": 1},
                },
                customdata=[_source(dot) for dot in dots],
                showlegend=index == 0,
                hovertemplate="%{y}: %{x:g} %<br>%{customdata}<extra></extra>",
            )
        )
    return traces


def _ranges(published: PublishedScores, benchmark: Benchmark) -> list[tuple[float | None, str]]:
    """A line from the lowest to the highest score of each model with several sources."""
    points: list[tuple[float | None, str]] = []
    for model in published.models:
        scores = [score.percent for score in published.of(model.name, benchmark.name)]
        if len(scores) > 1:
            points += [(min(scores), model.name), (max(scores), model.name), (None, model.name)]
    return points


def _source(score: Score) -> str:
    date = score.source.date or "no date"
    return escape(f"{score.how}; {score.source.publisher}, {date}")


def _arrange(figure, benchmark: Benchmark, index: int, count: int, names: list[str]) -> None:
    number = "" if index == 0 else str(index + 1)
    width = (1 - 0.03 * (count - 1)) / count
    left = index * (width + 0.03)
    axis = {"gridcolor": theme.LINE, "zerolinecolor": theme.LINE}
    figure.update_layout(
        {
            f"xaxis{number}": {
                **axis,
                "anchor": "y",
                "domain": [left, left + width],
                "range": [-4, 104],
                "dtick": 50,
            }
        }
    )
    if index == 0:
        figure.update_yaxes(
            type="category",
            categoryorder="array",
            categoryarray=names,
            automargin=True,
            range=[len(names) - 0.4, -0.6],
            dtick=1,
            tickfont={"size": 12},
        )
    figure.add_annotation(
        text=f"<b>{benchmark.name}</b>, %",
        x=left,
        y=1,
        xref="paper",
        yref="paper",
        xanchor="left",
        yanchor="bottom",
        showarrow=False,
    )
    if benchmark.guessing_percent:
        figure.add_shape(
            type="line",
            x0=benchmark.guessing_percent,
            x1=benchmark.guessing_percent,
            xref=f"x{number}",
            y0=0,
            y1=1,
            yref="paper",
            line={"color": theme.INK, "width": 1, "dash": "dot"},
        )
        figure.add_annotation(
            text="guessing",
            x=benchmark.guessing_percent,
            y=0.01,
            xref=f"x{number}",
            yref="paper",
            xanchor="right",
            yanchor="bottom",
            showarrow=False,
            textangle=-90,
            font={"size": 11},
        )


def scores_table(published: PublishedScores) -> HtmlFigure:
    """Every score with its method, publisher, address and date."""
    heads = ("model", "parameters", "benchmark", "score", "how", "source", "date")
    head = "".join(f'<th scope="col" style="{_CELL}">{each}</th>' for each in heads)
    rows = []
    for model in published.models:
        size = f"{model.parameters_billion:g} B" if model.parameters_billion else "not published"
        for benchmark in published.benchmarks:
            for score in published.of(model.name, benchmark.name):
                rows.append(_row(model.name, size, score))
    caption = escape(published.note)
    return HtmlFigure(
        f'<div style="overflow-x:auto;color:{theme.INK};font-size:13px">'
        f'<table style="border-collapse:collapse"><caption style="text-align:left">{caption}'
        f"</caption><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _row(model: str, size: str, score: Score) -> str:
    source = score.source
    link = f'<a href="{escape(source.url)}">{escape(source.publisher)}: {escape(source.title)}</a>'
    version = f"; {escape(source.version)}" if source.version else ""
    made = f"{escape(source.harness)}; read in {escape(source.read_in)}{version}"
    origin = f'<div style="min-width:340px">{link}<br>{made}</div>'
    cells = [
        escape(model),
        size,
        score.benchmark,
        f"{score.percent:g}\u00a0%",
        escape(score.how),
        origin,
        escape(source.date or "none").replace("-", "\u2011"),
    ]
    return "<tr>" + "".join(f'<td style="{_CELL}">{cell}</td>' for cell in cells) + "</tr>"
