"""RouteLLM's measures of a router, by their definitions, with intervals over items.

PGR is the share of the gap between the small and the large model that a router closes; APGR its
mean over all shares of prompts that go to the large one (a random mix has 0.5); CPT(x) the least
share with which a share x of the gap is closed. Source: Ong et al. 2024, "RouteLLM", section 3.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from labkit.stats import LEVEL

TIMES = 1000  # draws of the items
MOST_UNDEFINED = 0.05  # of the draws


def curve(chance: np.ndarray, small: np.ndarray, large: np.ndarray) -> tuple[np.ndarray, ...]:
    """How many are right as more and more go to the large model, the least sure first.

    Args:
        chance: (items,) that the small model is right, as the router sees it.
        small: (items,) whether the small model was right.
        large: (items,) whether the large one was.
    Returns:
        Shares that go to the large model, and shares of right answers. Items of the same chance go
        together; between two points lies a mix of both.
    """
    order = np.argsort(chance, kind="stable")
    gains = np.concatenate([[0.0], np.cumsum(large[order].astype(float) - small[order])])
    steps = np.flatnonzero(np.diff(chance[order])) + 1
    ends = np.concatenate([[0], steps, [len(order)]])
    return ends / len(order), small.mean() + gains[ends] / len(order)


def gap_closed(right: np.ndarray, small: np.ndarray, large: np.ndarray) -> np.ndarray | None:
    """PGR of shares of right answers; None unless the large model is right more often."""
    gap = float(large.mean()) - float(small.mean())
    return (right - small.mean()) / gap if gap > 0 else None


def pgr_at(threshold: float) -> Callable[..., float | None]:
    """PGR where what is below a chance goes to the large model; None unless that one is better."""

    def closed(chance: np.ndarray, small: np.ndarray, large: np.ndarray) -> float | None:
        right = np.where(chance < threshold, large, small).mean()
        found = gap_closed(np.array([right]), small, large)
        return None if found is None else float(found[0])

    return closed


def pgr_of(share: float) -> Callable[..., float | None]:
    """PGR where that share goes to the large model; None unless that one is better."""

    def closed(chance: np.ndarray, small: np.ndarray, large: np.ndarray) -> float | None:
        shares, right = curve(chance, small, large)
        found = gap_closed(right, small, large)
        return None if found is None else float(np.interp(share, shares, found))

    return closed


def apgr(chance: np.ndarray, small: np.ndarray, large: np.ndarray) -> float | None:
    """The area under PGR over the shares that go to the large model; None where PGR is."""
    shares, right = curve(chance, small, large)
    closed = gap_closed(right, small, large)
    if closed is None:
        return None
    return float(((closed[1:] + closed[:-1]) / 2 * np.diff(shares)).sum())


def cpt(share: float) -> Callable[[np.ndarray, np.ndarray, np.ndarray], float | None]:
    """CPT: the least share that goes to the large model so that this share of the gap closes."""

    def least(chance: np.ndarray, small: np.ndarray, large: np.ndarray) -> float | None:
        shares, right = curve(chance, small, large)
        closed = gap_closed(right, small, large)
        if closed is None:
            return None
        after = int(np.argmax(closed >= share - 1e-12))
        if not after:
            return 0.0
        part = (share - closed[after - 1]) / (closed[after] - closed[after - 1])
        return float(shares[after - 1] + min(1.0, part) * (shares[after] - shares[after - 1]))

    return least


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


def with_interval(
    measure: Callable[..., float | None], *columns: np.ndarray, seed: int = 0
) -> RoutingMeasure:
    """A measure of items, and its percentile interval (Efron 1979)."""
    draws = np.random.default_rng(seed).integers(0, len(columns[0]), (TIMES, len(columns[0])))
    found = [measure(*(each[draw] for each in columns)) for draw in draws]
    known = [each for each in found if each is not None]
    undefined, edge = 1 - len(known) / TIMES, 50 * (1 - LEVEL)
    value = measure(*columns)
    if value is None or not known:
        return RoutingMeasure(None, None, None, undefined)
    low, high = np.percentile(known, (edge, 100 - edge))
    return RoutingMeasure(value, float(low), float(high), undefined)
