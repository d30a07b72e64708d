"""Any right answer passes, a wrong one is told why."""

from labkit.backends.base import Reply, Settings, Step
from labkit.backends.engine import EngineTimings
from labkit.backends.wire import Wire
from labkit.compare import exercises
from labkit.compare.analysis import SideBySide

WIRE = Wire("https://far", 0.0, 0.08, 0.08, 0.002, 0.08, 0.458, 1.0)


def a_reply(*times, **more):
    steps = tuple(Step(1, "a", None, None, (), None, at) for at in times)
    return Reply("made up", "x", Settings(), steps, 5, "stop", **more)


NEAR = a_reply(0.2, *(0.2 + 0.02 * n for n in range(1, 51)))  # 50 tokens/s
FAR = a_reply(0.7, 1.7, wire=WIRE, timings=EngineTimings("x", prompt_s=0.45))
NAMES = ("in this process", "ocean: 80 ms there and back")
SIDE = SideBySide("x", NAMES, (NEAR, FAR), (True, True))


def test_how_often_the_link_was_crossed():
    assert exercises.check_round_trips(SIDE, 3).right
    assert "too few" in exercises.check_round_trips(SIDE, 1).why
    assert "too many" in exercises.check_round_trips(SIDE, 5).why
    for given in (None, "three"):
        assert "your number" in exercises.check_round_trips(SIDE, given).why
    assert "no link 'fibre'" in exercises.check_round_trips(SIDE, 3, link="fibre").why


def test_from_which_length_on_the_far_one_is_first():
    """0.5 s behind, and 10 ms gained a token: 50 tokens after the first."""
    assert exercises.check_overtaking(NEAR, FAR, 51, far_tokens_per_s=100).right
    assert "too few" in exercises.check_overtaking(NEAR, FAR, 10, far_tokens_per_s=100).why
    assert "too many" in exercises.check_overtaking(NEAR, FAR, 200, far_tokens_per_s=100).why
    assert "never" in exercises.check_overtaking(NEAR, FAR, 51, far_tokens_per_s=40).why
    for given in (None, "x"):
        assert (
            "your number" in exercises.check_overtaking(NEAR, FAR, given, far_tokens_per_s=100).why
        )
    assert not exercises.check_overtaking(a_reply(0.1), FAR, 3, far_tokens_per_s=100).right
