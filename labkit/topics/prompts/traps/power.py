"""How many items settle which of two prompts is better."""

from dataclasses import dataclass

from labkit.checks import check_number, check_type
from labkit.stats import items_needed
from labkit.topics.prompts.scoring.difference import ScoreDifference

DIFFERENCES = tuple(n / 100 for n in range(2, 41))


@dataclass(frozen=True, slots=True, repr=False)
class ItemPlan:
    """The number of items that settle a difference, by its size (computed).

    Attributes:
        discordant: share of items on which only one of the prompts is right.
        curve: differences, and the number of items that each needs; empty where the prompts
            answer nearly all items alike.
        observed: the difference it was made from; None: none.
    """

    discordant: float
    curve: tuple[tuple[float, int], ...]
    observed: ScoreDifference | None = None

    @property
    def summary(self) -> str:
        """The number for 5, 10 and 20 points."""
        if not self.curve:
            return (
                f"the two prompts differ on {self.discordant:.0%} of the items: too few to say how "
                "many would settle a difference (computed)"
            )
        known = dict(self.curve)
        shown = [f"{n} points: {known[n / 100]:,}" for n in (5, 10, 20) if n / 100 in known]
        return (
            f"items that settle a difference, with {self.discordant:.0%} of items answered "
            f"differently: {', '.join(shown) or 'none in range'} (computed)"
        )

    def __repr__(self) -> str:
        return self.summary


def plan_items(difference: ScoreDifference | None = None, *, discordant: float = 0.3) -> ItemPlan:
    """How many items settle which of two prompts is better, by how much better it truly is.

    Settled means that a test of pairs finds the difference in about 80 of 100 such comparisons; by
    the exact test, in some fewer.

    Args:
        difference: from `compare_scores`: how often its two prompts disagree is taken from it.
        discordant: that share, where there is no comparison yet: above 0, at most 1.
    Raises:
        ValueError: discordant is out of range.
    """
    if difference is not None:
        check_type("difference", difference, ScoreDifference, "lab.prompts.compare_scores")
        discordant = (difference.gained + difference.lost) / difference.count
    else:
        check_number("discordant", discordant, "above 0 and at most 1", lambda x: 0 < x <= 1)
    curve = tuple((d, items_needed(d, discordant)) for d in DIFFERENCES if d <= discordant)
    return ItemPlan(discordant, curve, difference)
