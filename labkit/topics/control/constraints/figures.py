"""Figures of constraints: the mask's price token by token, both answers, valid against right."""

import plotly.graph_objects as go

from labkit.formatting import number_of
from labkit.ui import html, subplots, theme
from labkit.ui.html import figure_text
from labkit.ui.table import grid
from labkit.ui.token_chips import chips
from labkit.ui.visible_text import spell

from .bias import BiasedAnswer
from .constrain import ConstrainedAnswer, keeps_to
from .validity import ValidityTest


def price_figure(answer: ConstrainedAnswer):
    """Before each token: the probability that the mask removed; and what it has cost so far."""
    if not answer.masks:
        return answers_table(answer)
    numbers = list(range(1, len(answer.masks) + 1))
    texts = [spell(step.text) for step in answer.reply.steps]
    figure = theme.figure(
        title=f"What the {answer.constraint.kind} removed · {figure_text(answer.reply.model)}, "
        "measured",
        height=460,
        margin={"t": 92, "b": 76},
        showlegend=False,
    )
    subplots.divide(figure, 2, 1, shared_xaxes=True, vertical_spacing=0.16)
    subplots.heading(figure, "probability that the mask removed", row=1, col=1)
    subplots.heading(figure, "log-probability lost so far, in nats", row=2, col=1)
    hover = [
        f"{figure_text(text)}<br>wanted: {figure_text(spell(each.wanted))} "
        f"({each.wanted_probability:.0%})<br>removed: {each.removed:.1%}<br>"
        f"{number_of(each.allowed, 'token')} left"
        for text, each in zip(texts, answer.masks, strict=True)
    ]
    colours = [theme.SKY if each.is_wanted else theme.ORANGE for each in answer.masks]
    shapes = ["" if each.is_wanted else "/" for each in answer.masks]
    pattern = {**theme.pattern(""), "shape": shapes}
    bars = go.Bar(
        x=numbers,
        y=[each.removed for each in answer.masks],
        marker={"color": colours, "pattern": pattern},
        hovertext=hover,
        hoverinfo="text",
    )
    line = {"color": theme.BLUE, "shape": "hv"}
    lost = go.Scatter(
        x=numbers, y=list(answer.lost_nats), mode="lines+markers", line=line, hovertext=hover
    )
    figure.add_trace(bars, row=1, col=1)
    figure.add_trace(lost.update(hoverinfo="text+y"), row=2, col=1)
    figure.update_yaxes(range=[0, 1.02], tickformat=".0%", row=1, col=1)
    ticks = {"tickvals": numbers, "ticktext": [figure_text(text) for text in texts]}
    figure.update_xaxes(**ticks, tickangle=-60, tickfont={"size": 11}, row=2, col=1)
    text = "hatched: the model wanted another token than it wrote"
    below = {"xref": "paper", "yref": "paper", "x": 0, "y": 1.12, "yanchor": "bottom"}
    subplots.note(figure, text, **below, font={"size": 12})
    return figure


def answers_table(answer: ConstrainedAnswer) -> html.HtmlFigure:
    """The free and the constrained answer, token by token, and whether each is valid."""
    rows = []
    pairs = (("free", answer.free), ("constrained", answer.reply))
    for (name, reply), time in zip(pairs, answer.token_ms, strict=True):
        judged = keeps_to(answer.constraint, reply)
        valid = {True: "yes", False: "no", None: "not judged"}[judged]
        if reply.finish != "stop":
            valid = "no: cut off" if judged is not True else valid
        per_token = f"{time:.0f}" if time else "unknown"
        rows.append((name, chips(step.text for step in reply.steps), valid, per_token))
    loop = ""
    if answer.is_blank_loop:
        loop = html.note("It wrote white space up to its limit: every blank was valid.", "warning")
    heads = ("", "answer", "valid", "ms a token")
    return html.HtmlFigure(grid(heads, rows, figure_text(answer.summary)) + loop)


def validity_figure(test: ValidityTest):
    """Valid and right answers of each form."""
    forms = [form for form in test.answers if test.count]
    figure = theme.figure(
        title=f"Valid is not right · {figure_text(test.model)}, "
        f"{number_of(test.count, 'booking')}, measured",
        y="share of answers",
        height=380,
        barmode="group",
    )
    looks = {"valid": (theme.SKY, ""), "right": (theme.ORANGE, "/")}
    for what, (colour, shape) in looks.items():
        ranges = [test.share(form, what) for form in forms]
        figure.add_trace(
            go.Bar(
                x=forms,
                y=[share for _, share, _ in ranges],
                name=what,
                marker={"color": colour, "pattern": theme.pattern(shape)},
                error_y=subplots.error_bars(ranges, thickness=1, width=4),
                hovertemplate="%{x}: %{y:.0%}<extra></extra>",
            )
        )
    return figure.update_yaxes(tickformat=".0%", range=[0, 1.05])


def validity_table(test: ValidityTest) -> html.HtmlFigure:
    """Each booking with the three answers."""
    rows = []
    for number in range(test.count):
        own = [answers[number] for answers in test.answers.values()]
        marks = ["right" if each.right else "valid" if each.valid else "not valid" for each in own]
        cells = [
            html.paragraph(f"{each.answer}\n({mark})")
            for each, mark in zip(own, marks, strict=True)
        ]
        rows.append((figure_text(own[0].text), *cells))
    return html.HtmlFigure(grid(("booking", *test.answers), rows, figure_text(test.summary)))


def biased_table(answer: BiasedAnswer) -> html.HtmlFigure:
    """The free and the biased answer, token by token, and the tokens that were biased."""
    rows = [
        (name, chips(step.text for step in reply.steps))
        for name, reply in (("free", answer.free), ("biased", answer.reply))
    ]
    for word, forms in answer.spellings.items():
        head = figure_text(f"{word.strip()} {answer.biases[word]:+g}")
        rows.append((head, " or ".join(map(chips, forms))))
    return html.HtmlFigure(grid(("", "tokens"), rows, figure_text(answer.summary)))


FIGURES = {
    BiasedAnswer: biased_table,
    ConstrainedAnswer: {"price": price_figure, "answers": answers_table},
    ValidityTest: {"shares": validity_figure, "answers": validity_table},
}
