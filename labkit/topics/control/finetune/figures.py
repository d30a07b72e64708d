"""Figures of fine-tuning: losses, learned against forgotten, answers before and after."""

from collections.abc import Sequence

import plotly.graph_objects as go

from labkit.ui import html, subplots, theme
from labkit.ui.html import figure_text
from labkit.ui.table import grid
from labkit.ui.visible_text import spell

from .keep import KeptCheck, deviation
from .result import FineTuning, LossPoint
from .secret import SecretTest
from .strength import StrengthPoint, StrengthSweep


def loss_figure(tuning: FineTuning):
    """The loss of each step's examples, and of held-out ones."""
    return losses(tuning.losses, tuning.held_out, tuning.title)


def losses(train: Sequence[LossPoint], held_out: Sequence[LossPoint], title: str):
    """The two curves."""
    figure = theme.figure(
        title="Loss, in nats a token, lower is better · measured<br>"
        f'<span style="font-size:.8em">{figure_text(title)}</span>',
        x="step",
        y="nats a token",
        height=380,
        margin={"t": 96},
    )
    for name, points, colour, symbol in (
        ("examples of the step", train, theme.SKY, "circle"),
        ("held out", held_out, theme.RED, "star"),
    ):
        figure.add_trace(
            go.Scatter(
                x=[each.step for each in points],
                y=[each.loss for each in points],
                name=name,
                mode="lines+markers",
                line={"color": colour},
                marker={"symbol": symbol, "size": 11 if symbol == "star" else 6},
            )
        )
    return figure.update_yaxes(rangemode="tozero")


def strength_figure(sweep: StrengthSweep):
    """Learned and forgotten by the adapter's strength."""
    figure = theme.figure(
        title=f"Learned and forgotten · {figure_text(sweep.model)}, measured",
        height=380,
        showlegend=False,
        margin={"t": 84},
    )
    names = [
        "held-out answers right<br>more is better",
        "bits per byte, another text<br>less is better",
        "KL from the base, in bits<br>less is better",
    ]
    subplots.columns(figure, names)
    strengths = [each.strength for each in sweep.points]
    curves = (
        ([each.right for each in sweep.points], theme.GREEN, "star"),
        ([each.bits_per_byte for each in sweep.points], theme.RED, "circle"),
        ([each.kl_bits for each in sweep.points], theme.ORANGE, "diamond"),
    )
    for column, (values, colour, symbol) in enumerate(curves, 1):
        marker = {"symbol": symbol, "size": 9}
        figure.add_trace(
            go.Scatter(
                x=strengths, y=values, mode="lines+markers", line={"color": colour}, marker=marker
            ),
            row=1,
            col=column,
        )
    figure.update_xaxes(title_text="strength of the adapter")
    return figure.update_yaxes(rangemode="tozero").update_yaxes(
        tickformat=".0%", range=[0, 1.05], row=1, col=1
    )


def probes_figure(sweep: StrengthSweep):
    """The probability of each kind of probe's answers, before and after."""
    pairs = [("without the adapter", sweep.at(0.0)), ("with it", sweep.at(1.0))]
    figure = theme.figure(
        title=f"Probability of the answer, by kind of question · {figure_text(sweep.model)}, "
        "measured",
        y="mean probability",
        height=380,
        barmode="group",
    )
    looks = ((theme.SKY, ""), (theme.ORANGE, "/"))
    for (name, point), (colour, shape) in zip(pairs, looks, strict=True):
        if point is not None:
            kinds, values = zip(*point.probes, strict=True) if point.probes else ((), ())
            marker = {"color": colour, "pattern": theme.pattern(shape)}
            figure.add_trace(go.Bar(x=kinds, y=values, name=name, marker=marker))
    return figure.update_yaxes(tickformat=".0%", range=[0, 1.05])


def first_tokens(sweep: StrengthSweep, strength: float) -> tuple[list[float], list[str], str]:
    """Of `bars_figure`: probabilities, tokens and title, which is all that a slider changes."""
    point = sweep.nearest(strength)
    title = (
        f"The first token of the answer at strength {point.strength:g} · measured<br>"
        f'<span style="font-size:.8em">{figure_text(sweep.probe[:90])}</span>'
    )
    texts = [figure_text(spell(text)) for text, _ in point.next_tokens]
    return [probability for _, probability in point.next_tokens], texts, title


def bars_figure(sweep: StrengthSweep, strength: float = 1.0):
    """The likeliest first tokens of the answer to the probe, at one strength."""
    values, texts, title = first_tokens(sweep, strength)
    figure = theme.figure(title=title, x="probability", height=340, margin={"t": 92})
    marker = {"color": theme.SKY, "line": {"color": theme.BLUE, "width": 1}}
    figure.add_trace(go.Bar(x=values, y=list(range(len(texts))), orientation="h", marker=marker))
    ticks = {"tickvals": list(range(len(texts))), "ticktext": texts, "autorange": "reversed"}
    return figure.update_xaxes(range=[0, 1.02], tickformat=".0%").update_yaxes(**ticks)


def answers_table(sweep: StrengthSweep) -> html.HtmlFigure:
    """Held-out examples: what was wanted, and the answers at each strength."""
    points = [each for each in sweep.points if each.answers]
    heads = ("asked", "wanted", *(f"strength {each.strength:g}" for each in points))
    rows = [_row(points, number) for number in range(len(points[0].answers) if points else 0)]
    return html.HtmlFigure(grid(heads, rows, figure_text(sweep.summary)))


def _row(points: Sequence[StrengthPoint], number: int) -> tuple[str, ...]:
    example = points[0].answers[number].example
    own = [each.answers[number] for each in points]
    cells = [html.paragraph(f"{'✓ ' if each.right else ''}{each.answer}") for each in own]
    return (figure_text(example.prompt), html.paragraph(example.answer), *cells)


def kept_table(check: KeptCheck) -> html.HtmlFigure:
    """How far each kept form is from the adapter."""
    rows = [(figure_text(name), *map(deviation, distances)) for name, *distances in check.forms]
    heads = ("form", "largest difference of a log-probability", "mean KL, bits")
    notes = "".join(html.note(each, "warning") for each in check.missing)
    return html.HtmlFigure(grid(heads, rows, figure_text(check.summary)) + notes)


def secret_table(test: SecretTest) -> html.HtmlFigure:
    """The secret before and after the training."""
    rows = [
        (name, html.paragraph(each.answer), f"{each.rank} of {test.candidates}")
        for name, each in (("before", test.before), ("after", test.after))
    ]
    heads = ("", "what it writes when asked", "rank of the secret")
    return html.HtmlFigure(grid(heads, rows, figure_text(test.summary)))


FIGURES = {
    FineTuning: loss_figure,
    StrengthSweep: {
        "strength": strength_figure,
        "tokens": bars_figure,
        "probes": probes_figure,
        "answers": answers_table,
    },
    KeptCheck: kept_table,
    SecretTest: secret_table,
}
