"""Figures of a class, in type that is read from the last row."""

import plotly.graph_objects as go

from labkit.formatting import digits, number_of
from labkit.lab_book.entry import BookEntry, with_unit
from labkit.models.catalogue import CATALOGUE
from labkit.stats import Spread
from labkit.topics.comparison.votes.figures import votes_figure
from labkit.ui import theme
from labkit.ui.html import figure_text

from .results import ClassResults, guess_name

LARGE, HEIGHT = 22, 600  # pixels
BINS = 12
MODEL = "smollm2-135m"


def _large(figure: go.Figure, height: int = HEIGHT) -> go.Figure:
    """The figure for a projector."""
    figure.update_layout(
        height=height,
        font_size=LARGE,
        margin={"t": 90, "b": 90, "l": 90, "r": 40},
        legend_font_size=LARGE,
    )
    for name in ("xaxis", "yaxis"):
        figure.layout[name].update(
            title_font_size=LARGE, tickfont_size=LARGE, automargin=True, title_standoff=16
        )
    return figure


def guesses_figure(results: ClassResults, number: str, *, truth: bool = False):
    """How often what was guessed, and where the numbers lie that the learners found for it.

    Args:
        results: the class.
        number: which one, of `ClassResults.guessed`.
        truth: whether what they found is shown.
    """
    guessed = [value for one in results.learners if (value := one.guess(number)) is not None]
    found = [each for one in results.learners if (each := one.truth(number)) is not None]
    unit = next((each.unit for each in found), _unit(results, number))
    labels = dict.fromkeys(each.label for each in found)
    label = " and ".join(labels) or number.replace("_", " ")
    figure = theme.figure(
        go.Histogram(x=guessed, nbinsx=BINS, marker={"color": theme.BLUE, "line": theme.OUTLINE}),
        title=figure_text(f"{label}: {number_of(len(guessed), 'learner')} guessed"),
        x=figure_text(unit),
        y="learners",
        showlegend=False,
        bargap=0.05,
    )
    figure.update_yaxes(dtick=max(1, len(guessed) // 8), rangemode="tozero")
    if truth and found:
        _add_truth(figure, found, unit)
    return _large(figure)


def _unit(results: ClassResults, number: str) -> str:
    guesses = (each for one in results.learners for each in one.guesses)
    return next((each.unit for each in guesses if number == guess_name(each)), "")


def _add_truth(figure: go.Figure, entries: list[BookEntry], unit: str) -> None:
    found = Spread(tuple(each.value for each in entries))
    figure.add_vline(x=found.median, line={"color": theme.ORANGE, "width": 5})
    if found.low != found.high:
        figure.add_vrect(
            x0=found.low, x1=found.high, fillcolor=theme.ORANGE, opacity=0.2, layer="below"
        )
    origins = " and ".join(sorted({each.origin for each in entries}))
    text = f"{origins}: {with_unit(found.median, unit)}"
    if found.low != found.high:
        text += f" ({digits(found.low)} to {digits(found.high)})"
    figure.add_annotation(
        x=found.median,
        y=1.02,
        yref="paper",
        yanchor="bottom",
        text=figure_text(text),
        showarrow=False,
        font={"size": LARGE},
    )


def speeds_figure(results: ClassResults, *, names: bool = False):
    """Everyone's tokens/s against the bandwidth of their memory, and the roof that it sets."""
    points = [
        (one.name, bandwidth.value, speed.value)
        for one in results.learners
        if (bandwidth := one.last("bandwidth_gb_per_s"))
        and (speed := one.last("decode_tokens_per_s", MODEL))
    ]
    weight_gb = 4 * CATALOGUE[MODEL].parameters / 1e9
    most = max([bandwidth for _, bandwidth, _ in points] or [100.0])
    roof = go.Scatter(
        x=[0, 1.1 * most],
        y=[0, 1.1 * most / weight_gb],
        mode="lines",
        name=f"roof: {digits(weight_gb)} GB read for each token",
        line={"color": theme.GREY, "width": 4, "dash": "dash"},
    )
    dots = go.Scatter(
        x=[bandwidth for _, bandwidth, _ in points],
        y=[speed for *_, speed in points],
        mode="markers+text" if names else "markers",
        text=[figure_text(name) for name, *_ in points],
        textposition="top center",
        textfont={"size": LARGE - 4},
        name=number_of(len(points), "machine"),
        marker={"size": 18, "color": theme.BLUE, "line": theme.OUTLINE},
        hovertemplate="%{x:,.3~r} GB/s, %{y:,.3~r} tokens/s<extra></extra>",
    )
    figure = theme.figure(
        roof,
        dots,
        title="One model, many machines",
        x="memory bandwidth, GB/s",
        y="tokens/s",
        showlegend=True,
    )
    figure.update_xaxes(rangemode="tozero")
    return _large(figure.update_yaxes(rangemode="tozero"))


def exercises_figure(results: ClassResults):
    """How many have solved each exercise that somebody has tried."""
    found = [each for one in results.learners for each in one.exercises]
    known = sorted({(notebook, name) for notebook, name, _ in found})
    solved = [
        sum((notebook, name, True) in one.exercises for one in results.learners)
        for notebook, name in known
    ]
    count = len(results.learners)
    figure = theme.figure(
        go.Bar(
            y=[figure_text(f"{notebook[:2]} {name}") for notebook, name in known],
            x=solved,
            orientation="h",
            text=[f"{number} of {count}" for number in solved],
            textposition="outside",
            cliponaxis=False,
            marker={"color": theme.GREEN, "line": theme.OUTLINE},
        ),
        title="Exercises solved",
        x="learners",
        showlegend=False,
    )
    figure.update_xaxes(range=[0, 1.15 * max(1, count)], dtick=max(1, count // 6))
    figure.update_yaxes(autorange="reversed", ticksuffix="  ")
    return _large(figure, max(HEIGHT, 200 + 44 * len(known)))


def class_votes_figure(results: ClassResults):
    """All blind votes on one pair, with their interval; None without a vote."""
    votes = results.votes
    if votes is None:
        return None
    figure = _large(votes_figure(votes), 520)
    return figure.update_layout(margin_b=230, legend={"y": -0.35, "yanchor": "top"})


def table_of_names(results: ClassResults) -> list[tuple[str, str]]:
    """Each learner, and what they have solved, for a leader who shows names."""
    rows = []
    for one in results.learners:
        solved = [f"{notebook[:2]} {name}" for notebook, name, right in one.exercises if right]
        rows.append((one.name, ", ".join(solved) or "—"))
    return rows
