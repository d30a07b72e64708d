"""Figures of calibration: reliability diagrams, with what a perfect model would show by chance."""

import plotly.graph_objects as go

from labkit.ui import html, subplots, theme
from labkit.ui.html import figure_text
from labkit.ui.table import grid

from .reliability import BINS, Reliability
from .result import KINDS, Calibration
from .temperature_fit import TemperatureFit

MOST_ROWS = 60


def reliability_figure(measured: Calibration, *, bins: int = BINS):
    """A reliability diagram for each kind of confidence."""
    panels = [(kind, measured.reliability(kind)) for kind in measured.kinds or KINDS[:1]]
    title = f"How sure, and how often right: {figure_text(measured.model)} · {measured.how}"
    return diagrams(title, panels, bins)


def fit_figure(fit: TemperatureFit, *, bins: int = BINS):
    """The half that was not fitted on, before and after."""
    panels = [("as it was", fit.before), (f"temperature {fit.temperature:.2f}", fit.after)]
    title = f"A temperature fitted on other questions: {figure_text(fit.model)} · computed"
    return diagrams(title, panels, bins)


def diagrams(title: str, panels: list[tuple[str, Reliability]], bins: int):
    """A reliability diagram beside another, each with its name and its scores."""
    figure = theme.figure(
        title=f'{title}<br><span style="font-size:.8em">dots: bins of answers with 95 % '
        "intervals; grey: where a perfect model would lie</span>",
        height=440,
        showlegend=False,
        margin={"t": 128},
    )
    subplots.columns(figure, [_heading(name, each, bins) for name, each in panels], gap=0.06)
    for column, (_, each) in enumerate(panels, 1):
        for trace in diagram_traces(each, bins):
            figure.add_trace(trace, row=1, col=column)
    figure.update_xaxes(title_text="confidence", tickformat=".0%", range=[-0.02, 1.02])
    figure.update_yaxes(tickformat=".0%", range=[-0.02, 1.04])
    return figure.update_yaxes(title_text="share right", row=1, col=1)


def _heading(name: str, each: Reliability, bins: int) -> str:
    perfect = each.perfect_ece(bins)[0]
    return (
        f"<b>{figure_text(name)}</b><br>ECE {each.ece(bins):.2f}, perfect {perfect:.2f}<br>"
        f"Brier {each.brier:.2f}"
    )


def diagram_data(each: Reliability, bins: int) -> dict[str, list]:
    """What the traces of a diagram show, by bin."""
    found = each.bins(bins)
    lows, highs = zip(*(one.interval for one in found), strict=True)
    return {
        "x": [one.confidence for one in found],
        "y": [one.share for one in found],
        "low": [one.share - low for one, low in zip(found, lows, strict=True)],
        "high": [high - one.share for one, high in zip(found, highs, strict=True)],
        "perfect_low": [one.perfect[0] for one in found],
        "perfect_high": [one.perfect[1] for one in found],
        "text": [f"{one.right} of {one.count}" for one in found],
    }


def diagram_traces(each: Reliability, bins: int) -> list:
    """The band of a perfect model, the diagonal, and the bins; in that order."""
    data = diagram_data(each, bins)
    look = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
    ranges = {"array": data["high"], "arrayminus": data["low"]}
    return [
        go.Scatter(x=data["x"], y=data["perfect_low"], **look),
        go.Scatter(
            x=data["x"],
            y=data["perfect_high"],
            fill="tonexty",
            fillcolor=theme.GREY + theme.TINT,
            **look,
        ),
        go.Scatter(
            x=[0, 1],
            y=[0, 1],
            mode="lines",
            line={"color": theme.GREY, "dash": "dash", "width": 1},
            hoverinfo="skip",
        ),
        go.Scatter(
            x=data["x"],
            y=data["y"],
            mode="markers",
            marker={"size": 9, "color": theme.BLUE},
            error_y={"type": "data", "thickness": 1.5, "width": 4, "color": theme.INK, **ranges},
            text=data["text"],
            hovertemplate="sure to %{x:.0%}, right %{y:.0%}: %{text}<extra></extra>",
        ),
    ]


def numbers_table(measured: Calibration) -> html.HtmlFigure:
    """The scores of each kind of confidence, the Brier score in its three parts."""
    rows = []
    for kind in measured.kinds:
        own = measured.reliability(kind)
        parts, (perfect, most) = own.brier_parts(), own.perfect_ece()
        numbers = (own.brier, parts.reliability, parts.resolution, parts.uncertainty, own.log_loss)
        rows.append(
            (
                figure_text(kind),
                str(len(own.right)),
                f"{own.share:.0%}",
                f"{own.confidence:.0%}",
                *(f"{each:.3f}" for each in numbers),
                f"{own.ece():.3f}",
                f"{perfect:.3f}, up to {most:.3f}",
            )
        )
    heads = (
        "confidence",
        "answers",
        "right",
        "sure to",
        "Brier",
        "≈ reliability",
        "− resolution",
        "+ uncertainty",
        "log loss",
        "ECE",
        "a perfect model's ECE",
    )
    return html.HtmlFigure(grid(heads, rows, figure_text(measured.summary)))


def items_table(measured: Calibration) -> html.HtmlFigure:
    """Each question with the answer and its three confidences, the surest errors first."""
    ordered = sorted(measured.items, key=lambda each: (each.right, -each.probability))
    rows = [
        (
            "✓" if each.right else "✗",
            figure_text(each.country),
            figure_text(each.answer),
            figure_text(each.right_answer),
            f"{each.probability:.0%}",
            "" if each.p_true is None else f"{each.p_true:.0%}",
            figure_text((each.written or "").strip()),
        )
        for each in ordered
    ]
    heads = ("", "country", "answer", "right answer", "probability", "P(true)", "in words")
    return html.HtmlFigure(grid(heads, rows, figure_text(measured.summary), MOST_ROWS))


FIGURES = {
    Calibration: {
        "reliability": reliability_figure,
        "numbers": numbers_table,
        "answers": items_table,
    },
    TemperatureFit: fit_figure,
}
