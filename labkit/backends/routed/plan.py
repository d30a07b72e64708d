"""How a router decides, as arithmetic: graded neighbours, and a calibrated confidence."""

import math
import reprlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labkit.checks import check_number, is_number
from labkit.stats import share_interval

NEAREST = 10  # graded items that a prompt is compared with
LEVEL = 0.8  # how often the interval of their share holds the true one
SMALL, LARGE, ASK = "small", "large", "ask"


@dataclass(frozen=True, slots=True)
class Calibrator:
    """From the log-probability of an answer to the chance that it is right.

    Attributes:
        slope, offset: of the logistic curve.
    """

    slope: float
    offset: float

    def chance(self, logprob: float) -> float:
        """The chance that an answer with that log-probability is right."""
        return 1 / (1 + math.exp(-max(-500.0, min(500.0, self.slope * logprob + self.offset))))


def fit_calibrator(logprobs: Sequence[float], right: Sequence[bool]) -> Calibrator:
    """The logistic curve that is most likely, given answers and whether they were right.

    Args:
        logprobs: of each answer.
        right: whether each is right.
    Raises:
        ValueError: no answers, or a log-probability that is not finite.
    Source: Platt 1999, "Probabilistic Outputs for Support Vector Machines", with its targets that
        keep the curve finite; Newton's method, halved where it goes too far.
    """
    if not len(right) or len(logprobs) != len(right):
        raise ValueError(f"right must be one for each answer, at least 1; got {len(right)}")
    if not all(map(is_number, logprobs)):
        raise ValueError(f"logprobs must be finite numbers; got {reprlib.repr(list(logprobs))}")
    good = sum(right)
    targets = ((good + 1) / (good + 2), 1 / (len(right) - good + 2))
    wanted = np.where(np.asarray(right), *targets)
    values = np.asarray(logprobs, float)
    spread = float(values.std()) or 1.0
    design = np.column_stack([(values - values.mean()) / spread, np.ones(len(values))])
    weights = np.zeros(2)
    for _ in range(100):
        shares = 1 / (1 + np.exp(-np.clip(design @ weights, -500, 500)))
        gradient = design.T @ (shares - wanted)
        curvature = (design * (shares * (1 - shares))[:, None]).T @ design + 1e-9 * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        while _loss(design, wanted, weights - step) > _loss(design, wanted, weights) + 1e-12:
            step /= 2
        weights = weights - step
        if np.abs(step).max() < 1e-10:
            break
    slope = max(0.0, float(weights[0])) / spread  # less sure is never likelier right
    return Calibrator(slope, float(weights[1]) - slope * float(values.mean()))


def _loss(design: np.ndarray, wanted: np.ndarray, weights: np.ndarray) -> float:
    scores = design @ weights
    return float((np.logaddexp(0, scores) - wanted * scores).sum())


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Graded items by meaning.

    Attributes:
        vectors: (items, width), each of length 1.
        right: whether the small model got each right.
    """

    vectors: np.ndarray
    right: np.ndarray

    def interval(self, vector: np.ndarray, *, without: int | None = None) -> tuple[float, float]:
        """Between which shares the small model is right on items such as this, by the nearest.

        It is Wilson's interval of their share: with `NEAREST` items it is never certain.

        Args:
            vector: (width,) of length 1.
            without: an item that does not count, such as this one.
        """
        order = np.argsort(-(self.vectors @ vector), kind="stable")
        near = order[order != without][:NEAREST]
        return share_interval(float(self.right[near].mean()), len(near), LEVEL)


@dataclass(frozen=True, slots=True)
class RoutingPlan:
    """What a router knows, and how sure it must be to keep the small model's answer.

    Attributes:
        calibrator: the small model's confidence, made honest; None: it is not asked for.
        neighbours: graded items; None: no neighbours are looked at.
        threshold: the least chance of being right with which the small model's answer is kept.
    Raises:
        ValueError: the threshold is out of range.
    """

    calibrator: Calibrator | None
    neighbours: Neighbours | None
    threshold: float = 0.5

    def __post_init__(self):
        check_number("threshold", self.threshold, "0 to 1", lambda x: 0 <= x <= 1)

    def interval(self, vector: np.ndarray | None) -> tuple[float, float]:
        """What the neighbours say; without them, all is possible."""
        if self.neighbours is None or vector is None:
            return 0, 1
        return self.neighbours.interval(vector)

    def first_asked(self, interval: tuple[float, float]) -> str:
        """Whom the neighbours alone send a prompt to, or that the small model is asked first."""
        low, high = interval
        if low >= self.threshold:
            return SMALL
        # Without a confidence there is no use in asking first: the middle of the interval decides.
        if self.calibrator is None and high >= self.threshold:
            return SMALL if (low + high) / 2 >= self.threshold else LARGE
        return LARGE if high < self.threshold else ASK

    def chance(self, interval: tuple[float, float], logprob: float) -> float:
        """The chance that the small model is right: its confidence, within what neighbours say."""
        low, high = interval
        own = self.calibrator.chance(logprob) if self.calibrator else (low + high) / 2
        return min(max(own, low), high)
