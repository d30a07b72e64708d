"""Suggestions that a model is not sure of can be withheld: what that gains, and what it costs."""

from collections.abc import Iterable
from dataclasses import dataclass

from .result import Suggestion


@dataclass(frozen=True, slots=True)
class SilencePoint:
    """What is shown from one threshold on (computed).

    Attributes:
        threshold: mean log-probability per token; what is below is withheld.
        count: number of suggestions that are shown.
        shown: their share of all.
        right: share of those shown that pass their tests.
    """

    threshold: float
    count: int
    shown: float
    right: float


def silence_curve(suggestions: Iterable[Suggestion]) -> tuple[SilencePoint, ...]:
    """A point for each threshold at which one more suggestion is shown, the highest first.

    Suggestions without a token are never shown; those that are equally sure are shown together.
    """
    every = list(suggestions)
    sure = [(e.completion.mean_logprob, e.passed) for e in every]
    known = [(value, passed) for value, passed in sure if value is not None]
    points = []
    for threshold in sorted({value for value, _ in known}, reverse=True):
        shown = [passed for value, passed in known if value >= threshold]
        right = sum(shown) / len(shown)
        points.append(SilencePoint(threshold, len(shown), len(shown) / len(every), right))
    return tuple(points)
