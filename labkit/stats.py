"""Numbers that were counted or repeated: intervals and tests for shares, the spread of runs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from labkit.checks import check_number, check_whole, is_number
from labkit.formatting import in_lines, number_of, points

LEVEL, ALPHA = 0.95, 0.05  # the confidence level of an interval, the significance level of a test


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


def items_behind(share: float, low: float, high: float, level: float = LEVEL) -> float:
    """How many items a share was counted on, by its interval from `share_interval`.

    Two intervals are not compared by their widths: that of a share near 0 or 1 is the narrower one.

    >>> round(items_behind(0.7, *share_interval(0.7, 50))), round(items_behind(1, 0.8389, 1))
    (50, 20)
    """
    half = (high - low) / 2
    if not 0 < half < 0.5:
        return 0.0 if half else math.inf
    # Wilson's half-width, solved for the count.
    a, b = 0.25 - half**2, share * (1 - share) - 2 * half**2
    return z_of(level) ** 2 * (math.sqrt(b**2 + 4 * a * half**2) + b) / (2 * half**2)


def z_of(level: float) -> float:
    """How many standard deviations to each side hold that share of a normal distribution."""
    check_number("level", level, "above 0 and below 1", lambda x: 0 < x < 1)
    return NormalDist().inv_cdf((1 + level) / 2)


def mcnemar_p(gained: int, lost: int) -> float:
    """How likely chance alone makes two counts differ this much, if neither side is better.

    Of two prompts on the same items, only those items count that one of them alone answered
    right.

    Args:
        gained: number of items that only the second got right.
        lost: number of items that only the first got right.
    Returns:
        The exact two-sided p-value.
    Source: McNemar 1947; the exact form is the sign test, Fagerland, Lydersen and Laake 2014.

    >>> mcnemar_p(8, 1)
    0.0390625
    """
    for name, count in (("gained", gained), ("lost", lost)):
        check_whole(name, count, 0)
    pairs = gained + lost
    tail = sum(math.comb(pairs, n) for n in range(min(gained, lost) + 1))
    return min(1.0, 2 * tail / 2**pairs)


def paired_interval(
    gained: int, lost: int, count: int, level: float = LEVEL
) -> tuple[float, float]:
    """Where the true difference of two shares may lie, both counted on the same items.

    Args:
        gained: number of items that only the second got right.
        lost: number of items that only the first got right.
        count: number of all items.
        level: how often such an interval holds the true difference, 0 to 1.
    Source: Bonett and Price 2012; the first recommendation of Fagerland, Lydersen and Laake 2014,
        "Recommended tests and confidence intervals for paired binomial proportions", equation 16.

    >>> low, high = paired_interval(12, 3, 50)
    >>> round(low, 3), round(high, 3)
    (0.025, 0.321)
    """
    for name, number in (("gained", gained), ("lost", lost)):
        check_whole(name, number, 0)
    check_whole("count", count, max(1, gained + lost))
    up, down = (gained + 1) / (count + 2), (lost + 1) / (count + 2)
    half = z_of(level) * math.sqrt((up + down - (up - down) ** 2) / (count + 2))
    return max(-1.0, up - down - half), min(1.0, up - down + half)


@dataclass(frozen=True, slots=True, repr=False)
class PairedDifference:
    """What a second side gains over a first one on the same items (computed).

    Attributes:
        gained: number of items that only the second got right.
        lost: number of items that only the first got right.
        count: number of items that both answered.
    """

    gained: int
    lost: int
    count: int

    @property
    def difference(self) -> float:
        """Share of right answers of the second, less that of the first."""
        return (self.gained - self.lost) / self.count

    @property
    def interval(self) -> tuple[float, float]:
        """Where the true difference may lie, 95 %: Bonett and Price's interval for pairs."""
        return paired_interval(self.gained, self.lost, self.count)

    @property
    def p(self) -> float:
        """How likely chance alone gives such a difference: McNemar's exact test."""
        return mcnemar_p(self.gained, self.lost)

    @property
    def is_settled(self) -> bool:
        """Whether the interval lies on one side of 0, and the exact test agrees."""
        return not why_unsettled(self.interval, self.p)

    @property
    def summary(self) -> str:
        """The difference with its interval, and whether it is settled."""
        low, high = self.interval
        why = why_unsettled(self.interval, self.p)
        end = f"not settled: {why}" if why else "settled"
        return (
            f"{points(self.difference)} ({points(low)} to {points(high)}) on "
            f"{number_of(self.count, 'item')}: "
            f"{self.gained} gained, {self.lost} lost, p {p_text(self.p)}; {end} (computed)"
        )

    def __repr__(self) -> str:
        return in_lines(self.summary)


def why_unsettled(interval: tuple[float, float], p: float | None) -> str:
    """What leaves a difference open: its interval, or else the exact test; empty: nothing does.

    Args:
        interval: where the true difference may lie, 95 %.
        p: of an exact test; None: no such test was made.

    >>> why_unsettled((-0.1, 0.3), 0.3), why_unsettled((0.01, 0.3), 0.0625)
    ('the interval contains 0', 'p is above 0.05')
    >>> why_unsettled((0.1, 0.3), 0.01)
    ''
    """
    if not (interval[0] > 0 or interval[1] < 0):
        return "the interval contains 0"
    return f"p is above {ALPHA}" if p is not None and p > ALPHA else ""


def p_text(p: float) -> str:
    """A p value in two digits, or in as many as tell it from the level.

    >>> p_text(0.00098), p_text(0.05006)
    ('0.00098', '0.0501')
    """
    return next(text for n in range(2, 18) if (float(text := f"{p:.{n}g}") > ALPHA) == (p > ALPHA))


def count_pairs(pairs: Sequence[tuple[bool, bool]]) -> tuple[int, int, int]:
    """Of pairs (the first was right, the second was right): gained, lost, and how many.

    >>> count_pairs([(False, True), (True, True), (True, False), (False, True)])
    (2, 1, 4)
    """
    return pairs.count((False, True)), pairs.count((True, False)), len(pairs)


def bootstrap_interval(
    values: Sequence[float], level: float = LEVEL, *, times: int = 10_000, seed: int = 0
) -> tuple[float, float]:
    """Where the true mean may lie, by drawing the same number of values again and again.

    Args:
        values: one for each item, such as the difference of two scores on it; at least two.
        level: how often such an interval holds the true mean, 0 to 1.
        times: number of draws.
        seed: of the draws.
    Source: Efron 1979, the percentile interval.
    """
    import numpy as np

    if len(values) < 2:
        raise ValueError(f"values must be at least two; got {len(values)}")
    z_of(level)
    drawn = np.random.default_rng(seed).choice(np.asarray(values, float), (times, len(values)))
    edge = 50 * (1 - level)
    low, high = np.percentile(drawn.mean(axis=1), (edge, 100 - edge))
    return float(low), float(high)


def items_needed(
    difference: float, discordant: float, *, power: float = 0.8, level: float = LEVEL
) -> int:
    """How many items settle which of two prompts is better, both answering the same ones.

    Args:
        difference: the true difference of the two shares, such as 0.1.
        discordant: share of items on which only one of them is right: at least the difference.
        power: how often the test is to find the difference, 0 to 1.
        level: 1 minus the share of false alarms.
    Source: Connor 1987, "Sample Size for Testing Differences in Proportions for the Paired-Sample
        Design", equation 2.

    >>> items_needed(0.1, 0.15), items_needed(0.1, 0.3), items_needed(0.05, 0.15)
    (116, 234, 469)
    """
    size = abs(difference) if is_number(difference) else math.nan
    check_number("difference", difference, "-1 to 1 and not 0", lambda x: 0 < abs(x) <= 1)
    bound = f"at least the difference ({size:g}) and at most 1"
    check_number("discordant", discordant, bound, lambda x: size <= x <= 1)
    check_number("power", power, "above 0 and below 1", lambda x: 0 < x < 1)
    noise = math.sqrt(max(0.0, discordant - size**2))
    root = z_of(level) * math.sqrt(discordant) + NormalDist().inv_cdf(power) * noise
    return math.ceil((root / size) ** 2)


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
