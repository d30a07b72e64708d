"""Which of two prompts is better, on the same items."""

from dataclasses import dataclass

from labkit.formatting import in_lines
from labkit.stats import mcnemar_p, paired_interval

from .result import PromptScore


@dataclass(frozen=True, slots=True, repr=False)
class ScoreDifference:
    """What a second prompt gains over a first one on the same items (computed from both).

    Attributes:
        first: score of the first prompt.
        second: score of the second.
        gained: number of items that only the second got right.
        lost: number of items that only the first got right.
        count: number of items that both answered.
    """

    first: PromptScore
    second: PromptScore
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
        """Whether the interval lies on one side of 0."""
        low, high = self.interval
        return low > 0 or high < 0

    @property
    def summary(self) -> str:
        """The difference with its interval, and whether it is settled."""
        low, high = self.interval
        end = "settled" if self.is_settled else "not settled: the interval contains 0"
        return (
            f"{points(self.difference)} ({points(low)} to {points(high)}) on {self.count} items: "
            f"{self.gained} gained, {self.lost} lost, p {self.p:.2g}; {end} (computed)"
        )

    def __repr__(self) -> str:
        return in_lines(self.summary)


def points(share: float) -> str:
    """A difference of shares in percentage points.

    >>> points(0.124), points(-0.05)
    ('+12 points', '-5 points')
    """
    rounded = round(100 * share)
    return f"{rounded:+d} point{'' if abs(rounded) == 1 else 's'}" if rounded else "0 points"


def compare_scores(first: PromptScore, second: PromptScore) -> ScoreDifference:
    """What a second prompt gains over a first one, on the items that both answered.

    Raises:
        ValueError: they answered no item in common.
    """
    for name, each in (("first", first), ("second", second)):
        if not isinstance(each, PromptScore):
            raise ValueError(f"{name} must be a score; got {type(each).__name__}")
    before = {each.item: each.right for each in first.items}
    pairs = [(before[each.item], each.right) for each in second.items if each.item in before]
    if not pairs:
        raise ValueError("the two scores must have items in common; they have none")
    gained, lost = pairs.count((False, True)), pairs.count((True, False))
    return ScoreDifference(first, second, gained, lost, len(pairs))
