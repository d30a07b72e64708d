"""RouteLLM's measures of a router, by their definitions, with intervals over items.

PGR is the share of the gap between the small and the large model that a router closes; APGR its
mean over all shares of prompts that go to the large one (a random mix has 0.5); CPT(x) the least
share with which a share x of the gap is closed. Source: Ong et al. 2024, "RouteLLM", section 3.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from labkit.stats import LEVEL

TIMES = 1000  # draws of the items
MOST_UNDEFINED = 0.05  # of the draws

# Of the (levels,) chances that occur, rising, and in each draw of the items, (draws, levels + 1):
# the shares that go to the large model, the least sure first, and the PGR there. Items of the same
# chance go together; between two points lies a mix of both.
Measure = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def curve(chance: np.ndarray, small: np.ndarray, large: np.ndarray) -> tuple[np.ndarray, ...]:
    """How many are right as more and more go to the large model, the least sure first.

    Args:
        chance: (items,) that the small model is right, as the router sees it.
        small: (items,) whether the small model was right.
        large: (items,) whether the large one was.
    Returns:
        (levels + 1,) shares that go to the large model, and shares of right answers.
    """
    _, (sent,), (gained,) = _cumulated(chance, small, large, np.ones((1, len(chance))))
    return sent / len(chance), small.mean() + gained / len(chance)


def _cumulated(
    chance: np.ndarray, small: np.ndarray, large: np.ndarray, counts: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The levels; items below each, and what the large model gains on them: (draws, levels + 1).

    `counts`, (draws, items), says how often each item was drawn.
    """
    levels, level = np.unique(chance, return_inverse=True)
    of_level = np.eye(len(levels))[level]
    sums = (counts @ of_level, counts @ ((large.astype(float) - small)[:, None] * of_level))
    sent, gained = (np.pad(np.cumsum(each, axis=1), ((0, 0), (1, 0))) for each in sums)
    return levels, sent, gained


def pgr_at(threshold: float) -> Measure:
    """PGR where what is below a chance goes to the large model."""
    return lambda levels, shares, closed: closed[:, np.searchsorted(levels, threshold)]


def pgr_of(share: float) -> Measure:
    """PGR where that share goes to the large model."""
    return lambda levels, shares, closed: _where_first(shares, share, closed)


def apgr(levels: np.ndarray, shares: np.ndarray, closed: np.ndarray) -> np.ndarray:
    """The area under PGR over the shares that go to the large model."""
    return ((closed[:, 1:] + closed[:, :-1]) / 2 * np.diff(shares)).sum(axis=1)


def cpt(share: float) -> Measure:
    """CPT: the least share that goes to the large model so that this share of the gap closes."""
    return lambda levels, shares, closed: _where_first(closed, share, shares)


def _where_first(curves: np.ndarray, value: float, others: np.ndarray) -> np.ndarray:
    """Other curves at the point where each of these first reaches a value, as all of them do."""
    rows, after = np.arange(len(curves)), np.argmax(curves >= value - 1e-12, axis=1)
    before = np.maximum(after - 1, 0)
    step = np.where(after > before, curves[rows, after] - curves[rows, before], 1)
    part = np.clip((value - curves[rows, before]) / step, 0, 1)
    return others[rows, before] + part * (others[rows, after] - others[rows, before])


@dataclass(frozen=True, slots=True)
class RoutingMeasure:
    """A measure with its interval.

    Attributes:
        value: None where the large model is not right more often.
        low, high: where the true value may lie, 95 %: items drawn again and again.
        undefined: share of the draws in which the measure is not defined.
    """

    value: float | None
    low: float | None
    high: float | None
    undefined: float

    @property
    def text(self) -> str:
        """The value with its interval, or that the two models are too alike to tell."""
        if self.value is None or self.low is None or self.undefined > MOST_UNDEFINED:
            return "too alike to tell"
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"


def with_intervals(
    measures: Mapping[str, Measure],
    chance: np.ndarray,
    small: np.ndarray,
    large: np.ndarray,
    seed: int = 0,
) -> dict[str, RoutingMeasure]:
    """Measures of a router, each with its percentile interval (Efron 1979); see `curve`."""
    count = len(chance)
    draws = np.random.default_rng(seed).integers(0, count, (TIMES, count))
    counts = np.stack([np.bincount(each, minlength=count) for each in draws])
    drawn, whole = (_gaps(chance, small, large, n) for n in (counts, np.ones((1, count))))
    undefined, edge = 1 - len(drawn[1]) / TIMES, 50 * (1 - LEVEL)
    if not len(drawn[1]) or not len(whole[1]):
        return dict.fromkeys(measures, RoutingMeasure(None, None, None, undefined))
    return {
        title: RoutingMeasure(
            float(measure(*whole)[0]),
            *map(float, np.percentile(measure(*drawn), (edge, 100 - edge))),
            undefined,
        )
        for title, measure in measures.items()
    }


def _gaps(*columns_and_counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What a `Measure` takes, of the draws in which the large model is right more often."""
    levels, sent, gained = _cumulated(*columns_and_counts)
    known = gained[:, -1] > 0
    return levels, sent[known] / sent[known, -1:], gained[known] / gained[known, -1:]
