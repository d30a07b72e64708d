"""Least squares of relative errors: coefficients of 0 or more, with their uncertainty."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import sqrt
from statistics import NormalDist

import numpy as np

MIN_GAIN = 0.9  # a term is added if it cuts the error on left-out runs to this share or less


@dataclass(frozen=True, slots=True)
class LinearFit:
    """One part of the time: a sum of terms whose coefficients are 0 or more.

    Attributes:
        coefficients: seconds per unit of each term.
        spread: standard deviation of the relative errors.
        covariance: matrix of the coefficients, for a relative error of 1.
        freedom: degrees of freedom: runs less terms.
    """

    coefficients: tuple[float, ...]
    spread: float
    covariance: tuple[tuple[float, ...], ...]
    freedom: int

    def predict(self, terms: Sequence[float]) -> float:
        """Expected seconds."""
        return float(np.dot(self.coefficients, terms))

    def deviation(self, terms: Sequence[float]) -> float:
        """Standard deviation of a new run in seconds: its noise and the fit's uncertainty.

        Source: Draper and Smith 1998, "Applied Regression Analysis", section 3.1, with weights
        of one over the expected time.
        """
        row = np.asarray(terms)
        variance = float(row @ np.asarray(self.covariance) @ row)
        return self.spread * sqrt(self.predict(terms) ** 2 + max(0.0, variance))


def fit_linear(rows: Sequence[Sequence[float]], seconds: Sequence[float]) -> LinearFit:
    """Least squares of the relative errors over the terms that help; no coefficient is negative."""
    rows, seconds = np.asarray(rows, float), np.asarray(seconds, float)
    scaled = rows / seconds[:, None]
    chosen = _choose(scaled)
    coefficients = np.zeros(rows.shape[1])
    part = scaled[:, chosen]
    coefficients[chosen] = np.linalg.lstsq(part, np.ones(len(part)), rcond=None)[0]
    freedom = max(1, len(rows) - len(chosen))
    errors = 1 - scaled @ coefficients
    covariance = np.zeros((rows.shape[1],) * 2)
    covariance[np.ix_(chosen, chosen)] = np.linalg.pinv(part.T @ part)
    return LinearFit(
        coefficients=tuple(map(float, coefficients)),
        spread=sqrt(float(errors @ errors) / freedom),
        covariance=tuple(tuple(map(float, row)) for row in covariance),
        freedom=freedom,
    )


def _choose(scaled: np.ndarray) -> list[int]:
    """The fewest terms; more only if they predict left-out runs clearly better."""
    best, best_error = None, np.inf
    for count in range(1, scaled.shape[1] + 1):
        for terms in map(list, combinations(range(scaled.shape[1]), count)):
            error = _press_error(scaled[:, terms])
            if error is not None and error < best_error * (MIN_GAIN if best else 1):
                best, best_error = terms, error
    return best or [int(np.argmax(scaled.sum(axis=0) > 0))]


def _press_error(part: np.ndarray) -> float | None:
    """Root mean squared error of leave-one-out predictions; None if the terms are unusable.

    Source: Allen 1974, PRESS: each residual over 1 - leverage.
    """
    scale = np.sqrt((part**2).sum(axis=0))
    if not scale.all() or np.linalg.matrix_rank(part / scale) < part.shape[1]:
        return None
    coefficients = np.linalg.lstsq(part / scale, np.ones(len(part)), rcond=None)[0]
    if (coefficients < 0).any():
        return None
    leverage = (np.linalg.qr(part / scale)[0] ** 2).sum(axis=1)
    left_out = (1 - part / scale @ coefficients) / np.maximum(1 - leverage, 1e-9)
    return float(np.sqrt((left_out**2).mean()))


def student_quantile(share: float, freedom: int) -> float:
    """The quantile of Student's t at a share, by its series; exact for freedom 1 and 2.

    Source: Abramowitz and Stegun 1964, 26.7.5; off by less than 1 % from 3 degrees of freedom.

    >>> round(student_quantile(0.95, 10), 2), round(student_quantile(0.95, 2), 2)
    (1.81, 2.92)
    """
    if freedom == 1:
        return float(np.tan(np.pi * (share - 0.5)))
    if freedom == 2:
        return (2 * share - 1) * sqrt(2 / (4 * share * (1 - share)))
    z = NormalDist().inv_cdf(share)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / freedom**power for power, term in enumerate(terms, 1))
