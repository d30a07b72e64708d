"""Figures of written code: which tasks pass, pass@k, and the code itself with its ending."""

import plotly.graph_objects as go

from labkit.formatting import number_of
from labkit.sandbox.sandbox import SandboxRun
from labkit.ui import html, theme
from labkit.ui.html import figure_text
from labkit.ui.table import grid

from .write_code import CodeScore

LONGEST = 100  # characters that are shown of an error


def code_table(score: CodeScore) -> html.HtmlFigure:
    """Each task with what was written, and how it ended; the first attempt at each."""
    rows = []
    for each in score.tasks:
        first = each.attempts[0]
        mark = {True: "✓", False: "✗", None: "–"}[first.passed]
        count = f" {each.passed} of {len(each.attempts)}" if score.samples > 1 else ""
        ending = "passed" if first.passed else _ending(first.run)
        rows.append(
            (mark + count, figure_text(each.task.name), _code(first.body), figure_text(ending))
        )
    heads = ("", "task", "the model wrote", "how it ended")
    return html.HtmlFigure(grid(heads, rows, figure_text(score.summary)))


def _ending(run: SandboxRun) -> str:
    if run.succeeded:
        return "ended before its tests did"
    return run.ending if len(run.ending) <= LONGEST else f"{run.ending[:LONGEST]} …"


def _code(body: str) -> str:
    style = "margin:0;font-size:12px;line-height:1.35;white-space:pre-wrap;background:none"
    style += ";min-width:26em;overflow-wrap:anywhere"
    return f'<pre style="{style}">{figure_text(body.rstrip() or "(nothing)")}</pre>'


def pass_figure(score: CodeScore):
    """pass@k for each k up to the number of attempts, with the interval over tasks."""
    if score.refusal or not score.tasks:
        return html.HtmlFigure(html.note(score.summary))
    ks = list(range(1, score.samples + 1))
    shares = [score.pass_at(k) for k in ks]
    tasks, attempts = number_of(len(score.tasks), "task"), number_of(score.samples, "attempt")
    lows, highs = zip(*(score.interval(k) for k in ks), strict=True)
    figure = theme.figure(
        title=f"{figure_text(score.title)}: {figure_text(score.model)} · {score.how}<br>"
        f'<span style="font-size:.8em">{tasks}, {attempts} each; '
        "band: 95 % over tasks</span>",
        x="k: attempts, of which one must pass",
        y="pass@k",
        height=340,
        margin={"t": 92},
    )
    band = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
    fill = {"fill": "tonexty", "fillcolor": theme.SKY + theme.TINT}
    figure.add_trace(go.Scatter(x=ks, y=lows, **band))
    figure.add_trace(go.Scatter(x=ks, y=highs, **band, **fill))
    line = {"color": theme.BLUE, "width": 2}
    curve = go.Scatter(x=ks, y=shares, mode="lines+markers", line=line, showlegend=False)
    figure.add_trace(curve.update(hovertemplate="pass@%{x}: %{y:.0%}<extra></extra>"))
    figure.update_xaxes(dtick=1)
    return figure.update_yaxes(tickformat=".0%", range=[-0.03, 1.03])  # 0 is seen


FIGURES = {CodeScore: {"code": code_table, "pass": pass_figure}}
