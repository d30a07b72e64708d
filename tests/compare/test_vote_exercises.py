"""The exercise about votes: any right answer passes, wrong ones are told why."""

import pytest

from labkit.compare.vote_exercises import check_votes_needed


@pytest.mark.parametrize("votes", [243, 240, 250.0])
def test_right_answers_pass(votes):
    told = check_votes_needed(votes, share=0.6, undecided=0.2)
    assert told.right and "194 decided" in told.why and "243 in all" in told.why


@pytest.mark.parametrize(
    ("votes", "why"),
    [(None, "in place of None"), (True, "in place of None"), ("many", "in place of None"),
     (194, "must be decided"), (20, "too few"), (5000, "Fewer")],
)  # fmt: skip
def test_wrong_answers_are_told_why(votes, why):
    told = check_votes_needed(votes, share=0.6, undecided=0.2)
    assert not told.right and why in told.why
