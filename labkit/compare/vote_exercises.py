"""The check of the exercise about votes: a right answer passes, a wrong one is told why."""

from ..verdict import Verdict
from .preference import votes_needed

TOLERANCE = 0.1  # it may have been read off a picture whose scale is of powers


def check_votes_needed(votes: int | None, *, share: float, undecided: float = 0.0) -> Verdict:
    """How many votes settle a preference that is so clear, if so many stay undecided?

    Args:
        votes: the learner's answer.
        share: of the decided votes, for the preferred one.
        undecided: of all votes, ties and "both bad".
    """
    if isinstance(votes, bool) or not isinstance(votes, int | float):
        return Verdict(False, "Put a number of votes in place of None.")
    right = votes_needed(share, undecided=undecided)
    decided = votes_needed(share)
    told = f"{decided:,} decided votes, so {right:,} in all"
    if abs(votes - right) <= TOLERANCE * right:
        return Verdict(True, f"About {told}.")
    if undecided and abs(votes - decided) <= TOLERANCE * decided:
        return Verdict(False, "So many must be decided. How many have to vote for that?")
    way = "Fewer will do." if votes > right else "That is too few: chance alone does as well."
    return Verdict(False, way)
