"""Any right answer passes, a wrong one gets the reason."""

from dataclasses import replace

import pytest

from labkit.backends.http_timing import HttpTiming
from labkit.backends.reply import Outcome, Reply, Step
from labkit.backends.settings import Settings
from labkit.backends.timings import EngineTimings
from labkit.topics.comparison import exercises
from labkit.topics.comparison.exercises import check_votes_needed
from labkit.topics.comparison.side_by_side.compare import SideBySide

HTTP = HttpTiming("https://remote", 0.0, 0.08, 0.08, 0.002, 0.08, 0.458, 1.0)


def a_reply(*times, **more):
    steps = tuple(Step(1, "a", None, None, (), None, at) for at in times)
    return Reply("made up", "x", Settings(), steps, Outcome("stop", 5, **more))


LOCAL = a_reply(0.2, *(0.2 + 0.02 * n for n in range(1, 51)))  # 50 tokens/s
REMOTE = a_reply(0.7, 1.7, http=HTTP, timings=EngineTimings("x", prompt_s=0.45))
NAMES = ("in this process", "ocean: 80 ms there and back")
SIDE = SideBySide("x", NAMES, (LOCAL, REMOTE), (True, True))


def test_how_many_round_trips_a_link_took():
    assert exercises.check_round_trips(SIDE, 3).right
    assert "too few" in exercises.check_round_trips(SIDE, 1).why
    assert "too many" in exercises.check_round_trips(SIDE, 5).why
    for given in (None, "three"):
        assert "your number" in exercises.check_round_trips(SIDE, given).why
    assert "no link 'fibre'" in exercises.check_round_trips(SIDE, 3, link="fibre").why
    untimed = replace(REMOTE, outcome=replace(REMOTE.outcome, timings=None))
    for reply, right, why in ((untimed, True, "3 × 0.08 s."), (LOCAL, False, "did not come")):
        result = exercises.check_round_trips(replace(SIDE, replies=(LOCAL, reply)), 3)
        assert result.right == right and why in result.why


def test_from_which_length_on_the_remote_one_is_first():
    """0.5 s behind, and 10 ms gained a token: 50 tokens after the first."""
    assert exercises.check_overtaking(LOCAL, REMOTE, 51, times_as_fast=2).right
    assert "too few" in exercises.check_overtaking(LOCAL, REMOTE, 10, times_as_fast=2).why
    assert "too many" in exercises.check_overtaking(LOCAL, REMOTE, 200, times_as_fast=2).why
    for given in (None, "x"):
        assert (
            "your number" in exercises.check_overtaking(LOCAL, REMOTE, given, times_as_fast=2).why
        )
    assert not exercises.check_overtaking(a_reply(0.1), REMOTE, 3, times_as_fast=2).right


def test_a_stopped_answer_is_a_sentence_and_the_exercise_says_what_to_do():
    assert exercises.describe_overtaking(LOCAL, REMOTE).splitlines() == [
        "here: first token after 0.20 s, 50.0 tokens/s",
        "remote: first token after 0.70 s",
    ]
    named = exercises.describe_overtaking(LOCAL, REMOTE, "LTE: 70 ms")
    assert named.endswith("\nLTE: 70 ms: first token after 0.70 s")
    stopped = a_reply()
    assert "here: no token, an unknown number of tokens/s" in exercises.describe_overtaking(
        stopped, stopped
    )
    result = exercises.check_overtaking(stopped, stopped, 3, times_as_fast=5)
    assert not result.right and "run the cell of links again" in result.why


@pytest.mark.parametrize("votes", [243, 240, 250.0])
def test_right_answers_pass(votes):
    result = check_votes_needed(votes, share=0.6, undecided=0.2)
    assert result.right and "199 decided" in result.why and "249 in all" in result.why


@pytest.mark.parametrize(
    ("votes", "why"),
    [
        (None, "Replace None"),
        (True, "Replace None"),
        ("many", "Replace None"),
        (194, "must be decided"),
        (20, "too few"),
        (5000, "Fewer"),
    ],
)
def test_wrong_answers_get_a_reason(votes, why):
    result = check_votes_needed(votes, share=0.6, undecided=0.2)
    assert not result.right and why in result.why
