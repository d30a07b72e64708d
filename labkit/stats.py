"""How sure a share is that was counted."""

import math
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
