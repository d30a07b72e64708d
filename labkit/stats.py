"""Numbers that were counted or repeated: an interval for a share, the spread of several runs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

LEVEL = 0.95


def share_interval(share: float, count: float, level: float = LEVEL) -> tuple[float, float]:
    """Where the true share may lie, given the share that was counted.

    It keeps within 0 and 1 and holds for small counts, where the plain ± of school books fails.

    Args:
        share: of what was counted, 0 to 1.
        count: how many were counted, above 0; of those that hang together, how many independent
            ones they are worth.
        level: how often such an interval holds the true share, 0 to 1.
    Source: Wilson 1927, "Probable Inference …"; recommended for small numbers by Brown, Cai and
        DasGupta 2001, "Interval Estimation for a Binomial Proportion".

    >>> low, high = share_interval(0.7, 10)
    >>> round(low, 3), round(high, 3)
    (0.397, 0.892)
    """
    if not 0 <= share <= 1 or not count > 0:
        raise ValueError(f"share must be 0 to 1, of a count above 0; got {share!r} of {count!r}")
    z2 = z_of(level) ** 2
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = math.sqrt(z2 * (share * (1 - share) / count + z2 / (4 * count**2))) / (1 + z2 / count)
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))


def z_of(level: float) -> float:
    """How many standard deviations to each side hold that share of a normal distribution."""
    if not 0 < level < 1:
        raise ValueError(f"level must be above 0 and below 1; got {level!r}")
    return NormalDist().inv_cdf((1 + level) / 2)


@dataclass(frozen=True, slots=True)
class Spread:
    """A number over several runs.

    Attributes:
        values: of each run, in the order in which they ran; at least one.
    """

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return percentile(self.values, 50)

    @property
    def low(self) -> float:
        """The least."""
        return min(self.values)

    @property
    def high(self) -> float:
        """The most."""
        return max(self.values)

    @property
    def quartiles(self) -> tuple[float, float]:
        """Between them lies the middle half."""
        return percentile(self.values, 25), percentile(self.values, 75)


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that a percentage of all lie at or below, interpolated between neighbours.

    It is numpy's default: sorted values have the positions 0 to n - 1; the percentile is at
    ``(n - 1) * percent / 100``, on the straight line between the two next to it.

    Args:
        values: at least one.
        percent: 0 to 100.
    Source: Hyndman and Fan 1996, "Sample Quantiles in Statistical Packages", definition 7.

    >>> percentile([1, 2, 3, 4], 50), percentile([10, 20], 95)
    (2.5, 19.5)
    """
    if not values or not 0 <= percent <= 100:
        raise ValueError(
            f"percent must be 0 to 100, of at least one value; got {percent!r} of {len(values)}"
        )
    import numpy as np

    return float(np.percentile(values, percent))
