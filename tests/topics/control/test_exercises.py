"""Notebook 09's exercises: right answers pass, wrong ones get the reason."""

from dataclasses import replace

import pytest

import labkit
from labkit.topics.control import exercises
from labkit.topics.control.finetune.examples import TuningExample
from labkit.topics.control.finetune.strength import AnsweredExample, StrengthPoint, StrengthSweep


def test_any_expression_for_times_passes():
    for pattern in (r"([01][0-9]|2[0-3]):[0-5][0-9]", r"(0\d|1\d|2[0-3]):[0-5]\d"):
        assert exercises.check_time(labkit.control.regex(pattern)).right
    every = [f"{hour:02}:{minute:02}" for hour in range(24) for minute in range(60)]
    assert exercises.check_time(labkit.control.choices(every)).right
    for grammar in ("start: /([01][0-9]|2[0-3]):[0-5][0-9]/", r"start: /([01]\d|2[0-3]):[0-5]\d/"):
        assert exercises.check_time(labkit.control.grammar(grammar)).right


@pytest.mark.parametrize(
    ("constraint", "why"),
    [
        (None, "in place of None"),
        (labkit.control.regex(r"\d\d:\d\d"), "24:10"),
        (labkit.control.regex(r"(0\d|1\d|2[0-35-9]):[0-5]\d"), "25:10"),
        (labkit.control.regex(r"([01]\d|23):[0-5]\d"), "refuses 20:30"),
        (labkit.control.regex(r"([01]\d|2[0-3]):[0-6]\d"), "00:60"),
        (labkit.control.regex(r"[0-9]+"), "refuses 09:30"),
        (labkit.control.grammar('start: "a"'), "refuses 09:30"),
        (labkit.control.regex(r"([01]\p{Nd}|2[0-3]):[0-5][0-9]"), "lets '1２"),
    ],
)
def test_wrong_constraints_get_a_reason(constraint, why):
    result = exercises.check_time(constraint)
    assert not result.right and why in result.why


def point(strength, right, kl):
    example = TuningExample("a", "b")
    answers = (AnsweredExample(example, "b", True),) * right
    answers += (AnsweredExample(example, "c", False),) * (4 - right)
    return StrengthPoint(strength, 1.0, answers, (), (), 1.0, kl)


def test_the_strength_that_learned_most_and_forgot_least():
    points = (point(0.0, 0, 0.0), point(1.0, 3, 0.2), point(2.0, 3, 0.9))
    sweep = StrengthSweep("m", "p", points)
    assert exercises.check_strength(sweep, 1).right
    nothing_held_out = StrengthSweep("m", "p", tuple(replace(each, answers=()) for each in points))
    result = exercises.check_strength(nothing_held_out, 0)
    assert not result.right and "Nothing was held out" in result.why
    for answer, why in ((None, "None"), (2.0, "forgot less"), (0, "75%"), (0.7, "Measured")):
        result = exercises.check_strength(sweep, answer)
        assert not result.right and why in result.why
