"""Probabilities of options, and how a leaning to one of them is taken out."""

import math
from collections.abc import Sequence

CALIBRATIONS = ("content-free", "batch")
CONTENT_FREE = ("N/A", "[MASK]", "")  # Zhao et al. 2021, section 5


def normalized(logprobs: Sequence[float]) -> tuple[float, ...]:
    """Probabilities that sum to 1, from log-probabilities.

    >>> normalized([0.0, 0.0])
    (0.5, 0.5)
    """
    most = max(logprobs)
    weights = [math.exp(each - most) for each in logprobs]
    return tuple(weight / sum(weights) for weight in weights)


def calibrated(probabilities: Sequence[float], neutral: Sequence[float]) -> tuple[float, ...]:
    """Probabilities divided by those without information, scaled to sum to 1.

    Args:
        probabilities: of each option.
        neutral: of each option, where nothing speaks for any of them.
    Source: Zhao et al. 2021, "Calibrate Before Use", section 5: W = diag(p_cf)^-1, b = 0.

    >>> [round(each, 3) for each in calibrated((0.8, 0.2), (0.9, 0.1))]
    [0.308, 0.692]
    """
    weights = [p / max(q, 1e-12) for p, q in zip(probabilities, neutral, strict=True)]
    return tuple(weight / sum(weights) for weight in weights)
