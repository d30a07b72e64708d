"""Figures of a vocabulary: how merges build it, and what is in it."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from labkit.topics.tokens.token_strip import visible
from labkit.ui import subplots, theme
from labkit.ui.html import figure_text

from .bpe_training import BpeTraining
from .vocabulary_statistics import VocabularyMap

LONGEST_SHOWN = 16  # characters of a token's text on an axis
LENGTHS = 20  # bytes; longer tokens share a bar
SCRIPTS = 12


def bpe_figure(training: BpeTraining, merges: int | None = None):
    """The compression curve, with a mark at a number of merges; None: at all of them."""
    merges = len(training.merges) if merges is None else merges
    counts, ratios = zip(*training.curve, strict=True)
    traces = (
        go.Scatter(x=counts, y=ratios, mode="lines", line={"color": theme.BLUE}, name="corpus"),
        go.Scatter(
            x=[merges],
            y=[ratio_at(training, merges)],
            mode="markers",
            marker={"color": theme.RED, "size": 13, "symbol": "diamond"},
            name="now",
        ),
    )
    figure = theme.figure(
        *traces,
        title=bpe_title(training, merges),
        x="number of merges",
        y="tokens per character",
        height=280,
        showlegend=False,
    )
    x, y = bpe_ranges(training)
    return figure.update_xaxes(range=x).update_yaxes(range=y)


def bpe_ranges(training: BpeTraining) -> tuple[tuple[float, float], tuple[float, float]]:
    """Both axes of the curve, wherever its mark is: with room for it at either end."""
    most, highest = len(training.merges) or 1, max(ratio for _, ratio in training.curve)
    return (-0.03 * most, 1.03 * most), (0, 1.1 * highest)


def ratio_at(training: BpeTraining, merges: int) -> float:
    """The curve at a number of merges, interpolated between its points."""
    return float(np.interp(merges, *zip(*training.curve, strict=True)))


def bpe_title(training: BpeTraining, merges: int) -> str:
    """Size and compression after a number of merges, in one line."""
    size = training.reader(merges).size
    ratio = ratio_at(training, merges)
    count = f"{merges} merge{'s' if merges != 1 else ''}"
    return f"{count}: a vocabulary of {size}, {ratio:.2f} tokens per character"


def vocabulary_figure(vocabulary: VocabularyMap):
    """A vocabulary's token lengths, scripts, longest tokens, and kinds of token."""
    parts = (
        ("tokens by length in bytes", _lengths(vocabulary.lengths), theme.BLUE, "v"),
        ("tokens by script", _top(vocabulary.scripts), theme.GREEN, "h"),
        ("longest tokens (their ids), in bytes", _longest(vocabulary), theme.ORANGE, "h"),
        ("tokens by kind", _kinds(vocabulary), theme.PINK, "h"),
    )
    title = f"{figure_text(vocabulary.reader.title)}: {vocabulary.reader.size:,} tokens (computed)"
    figure = theme.figure(title=title, height=720, showlegend=False, margin={"t": 90})
    gaps = {"horizontal_spacing": 0.26, "vertical_spacing": 0.16}
    subplots.divide(figure, 2, 2, column_widths=[0.38, 0.36], **gaps)
    for number, (heading, pairs, colour, orientation) in enumerate(parts):
        names, values = zip(*pairs, strict=True)
        cell = {"row": 1 + number // 2, "col": 1 + number % 2}
        x, y = (names, values) if orientation == "v" else (values, names)
        bars = go.Bar(
            x=x,
            y=y,
            orientation=orientation,
            text=[f"{value:,}" for value in values] if orientation == "h" else None,
            textposition="outside",
            cliponaxis=False,
            marker={"color": colour},
            hovertemplate="%{x}: %{y}<extra></extra>",
        )
        figure.add_trace(bars, **cell)
        subplots.heading(figure, heading, **cell)
        if orientation == "h":
            figure.update_yaxes(autorange="reversed", showgrid=False, ticksuffix=" ", **cell)
            # With room for the numbers, which say what the axis would.
            figure.update_xaxes(range=[0, 1.4 * max(values)], visible=False, **cell)
    return figure.update_xaxes(type="category", tickangle=0, row=1, col=1)


# The name and the number of each bar of a part.
_Bars = list[tuple[str, int]]


def _lengths(lengths: Sequence[tuple[int, int]]) -> _Bars:
    rest = sum(tokens for length, tokens in lengths if length > LENGTHS)
    short = [(str(length), tokens) for length, tokens in lengths if length <= LENGTHS]
    return [*short, (f">{LENGTHS}", rest)]


def _top(scripts: Sequence[tuple[str, int]]) -> _Bars:
    rest = sum(tokens for _, tokens in scripts[SCRIPTS:])
    return [*scripts[:SCRIPTS], *([("others", rest)] if rest else [])]


def _longest(vocabulary: VocabularyMap) -> _Bars:
    return [
        (f"{_short(visible(data))} ({each.token_id})", len(data))
        for each in vocabulary.longest
        for data in [each.text.encode()]
    ]


def _short(text: str) -> str:
    return figure_text(text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 1]}…")


def _kinds(vocabulary: VocabularyMap) -> _Bars:
    beside = len(vocabulary.special) + vocabulary.unused + vocabulary.fragments
    return [
        ("whole characters", vocabulary.reader.size - beside),
        ("of these, unreachable", len(vocabulary.unreached)),
        ("part of a character", vocabulary.fragments),
        ("special", len(vocabulary.special)),
        ("ids without a token", vocabulary.unused),
    ]


FIGURES = {BpeTraining: bpe_figure, VocabularyMap: vocabulary_figure}
