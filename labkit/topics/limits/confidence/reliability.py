"""Confidence against correctness: bins, scores, and what a perfect model would show by chance."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labkit.checks import check_whole
from labkit.stats import share_interval

BINS = 8
MOST_BINS = 30
DRAWS = 2000  # simulated perfect models
_SMALLEST = 1e-12


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers of about the same confidence.

    Attributes:
        count: how many.
        confidence: their mean confidence.
        right: how many are right.
        perfect: between which shares 95 of 100 perfect models would lie.
    """

    count: int
    confidence: float
    right: int
    perfect: tuple[float, float]

    @property
    def share(self) -> float:
        """Share of right answers."""
        return self.right / self.count

    @property
    def interval(self) -> tuple[float, float]:
        """Where the true share may lie, 95 %: Wilson's interval."""
        return share_interval(self.share, self.count)


@dataclass(frozen=True, slots=True)
class BrierParts:
    """Murphy's parts of the Brier score: it is reliability − resolution + uncertainty.

    Attributes:
        reliability: mean squared distance of confidence and share; 0 is best.
        resolution: how far the shares of the bins lie apart; more is better.
        uncertainty: of the questions themselves: share right × share wrong.
    """

    reliability: float
    resolution: float
    uncertainty: float


@dataclass(frozen=True, slots=True)
class Reliability:
    """Confidences, and whether each answer was right (computed from what was measured).

    Attributes:
        name: which confidence.
        confidences: of each answer, 0 to 1.
        right: whether each is right.
    """

    name: str
    confidences: tuple[float, ...]
    right: tuple[bool, ...]

    def __post_init__(self):
        if len(self.confidences) != len(self.right) or not self.right:
            raise ValueError(
                "confidences and right must have the same length, at least 1; got "
                f"{len(self.confidences)} and {len(self.right)}"
            )
        if not all(0 <= each <= 1 for each in self.confidences):
            raise ValueError("confidences must be 0 to 1")

    @property
    def share(self) -> float:
        """Share of right answers."""
        return sum(self.right) / len(self.right)

    @property
    def confidence(self) -> float:
        """Mean confidence."""
        return float(np.mean(self.confidences))

    @property
    def brier(self) -> float:
        """Brier score: mean squared distance of confidence and outcome; 0 is best.

        Source: Brier 1950, "Verification of Forecasts Expressed in Terms of Probability".
        """
        return float(np.mean((np.array(self.confidences) - np.array(self.right)) ** 2))

    @property
    def log_loss(self) -> float:
        """Mean surprise at the outcome, in nats; a certain error costs without end."""
        sure = np.clip(self.confidences, _SMALLEST, 1 - _SMALLEST)
        return float(-np.mean(np.where(self.right, np.log(sure), np.log1p(-sure))))

    def bins(self, count: int = BINS) -> tuple[Bin, ...]:
        """Bins of about the same number of answers; fewer where confidences are equal."""
        confidences, right = np.array(self.confidences), np.array(self.right)
        ids = bin_numbers(confidences, count)
        counts, means, shares = _bin_means(confidences, right, ids)
        perfect = np.percentile(_perfect_shares(confidences, ids), (2.5, 97.5), axis=0)
        columns = counts.tolist(), means.tolist(), (shares * counts).round().astype(int).tolist()
        return tuple(map(Bin, *columns, map(tuple, perfect.T.tolist())))

    def brier_parts(self, count: int = BINS) -> BrierParts:
        """Murphy's parts of the Brier score, by bins.

        They add up to the Brier score of the bins' mean confidences, which differs a little.

        Source: Murphy 1973, "A New Vector Partition of the Probability Score".
        """
        confidences, right = np.array(self.confidences), np.array(self.right, float)
        counts, means, shares = _bin_means(confidences, right, bin_numbers(confidences, count))
        weights, share = counts / counts.sum(), self.share
        return BrierParts(
            float(np.sum(weights * (means - shares) ** 2)),
            float(np.sum(weights * (shares - share) ** 2)),
            share * (1 - share),
        )

    def ece(self, count: int = BINS) -> float:
        """Expected calibration error: mean distance of confidence and share over the bins.

        It is biased upwards: a perfect model's is not 0 but `perfect_ece`.

        Source: Naeini, Cooper and Hauskrecht 2015; here with bins of equal numbers.
        """
        confidences, right = np.array(self.confidences), np.array(self.right, float)
        counts, means, shares = _bin_means(confidences, right, bin_numbers(confidences, count))
        return float(np.sum(counts * np.abs(means - shares)) / counts.sum())

    def perfect_ece(self, count: int = BINS) -> tuple[float, float]:
        """The ECE that a perfect model with these confidences shows: its mean, and 95 of 100."""
        confidences = np.array(self.confidences)
        ids = bin_numbers(confidences, count)
        counts, means, _ = _bin_means(confidences, confidences, ids)
        distances = np.abs(_perfect_shares(confidences, ids) - means)
        found = distances @ (counts / counts.sum())
        return float(found.mean()), float(np.percentile(found, 95))


def bin_numbers(confidences: np.ndarray, count: int) -> np.ndarray:
    """The bin of each confidence, cut at quantiles; what is equal falls into one bin."""
    check_whole("bins", count, 1, MOST_BINS)
    edges = np.quantile(confidences, np.linspace(0, 1, count + 1))
    is_tied = edges[-2] == edges[-1]  # the largest value fills the last bin, or more than that
    edges = np.unique(edges)
    return np.digitize(confidences, edges[1:] if is_tied else edges[1:-1])


def _bin_means(
    confidences: np.ndarray, right: np.ndarray, ids: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Number, mean confidence and share of right answers of each bin that has some."""
    _, dense = np.unique(ids, return_inverse=True)
    counts = np.bincount(dense)
    return counts, np.bincount(dense, confidences) / counts, np.bincount(dense, right) / counts


def _perfect_shares(confidences: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """(draws, bins): shares of right answers, if each were right as often as its confidence says.

    The draws are the same every time, so that a slider shows the change and not the chance.
    """
    outcomes = _uniform(len(confidences)) < confidences
    _, dense = np.unique(ids, return_inverse=True)
    bins = np.eye(dense.max() + 1, dtype=np.float32)[dense]
    return outcomes.astype(np.float32) @ bins / bins.sum(0)


@functools.lru_cache(maxsize=4)
def _uniform(count: int) -> np.ndarray:
    return np.random.default_rng(0).random((DRAWS, count), dtype=np.float32)


def at_temperature(logits: Sequence[Sequence[float]], temperature: float) -> np.ndarray:
    """(items, options): probabilities of the options, their scores divided by a temperature."""
    scores = np.array(logits, dtype=float) / temperature
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)
