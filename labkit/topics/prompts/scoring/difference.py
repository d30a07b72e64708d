"""Which of two prompts is better, on the same items."""

from dataclasses import dataclass

from labkit.checks import check_type
from labkit.stats import PairedDifference, count_pairs

from .result import PromptScore


@dataclass(frozen=True, slots=True, repr=False)
class ScoreDifference(PairedDifference):
    """What a second prompt gains over a first one on the same items (computed from both).

    Attributes:
        first: score of the first prompt.
        second: score of the second.
    """

    first: PromptScore
    second: PromptScore


def compare_scores(first: PromptScore, second: PromptScore) -> ScoreDifference:
    """What a second prompt gains over a first one, on the items that both answered.

    Raises:
        ValueError: they answered no item in common.
    """
    for name, each in (("first", first), ("second", second)):
        check_type(name, each, PromptScore, "lab.prompts.score")
    before = {each.item: each.right for each in first.items}
    pairs = [(before[each.item], each.right) for each in second.items if each.item in before]
    if not pairs:
        raise ValueError("the two scores must have items in common; they have none")
    return ScoreDifference(*count_pairs(pairs), first, second)
