"""The checks of notebook 03's exercises: right answers pass, each mistake gets its own hint."""

import numpy as np
import pytest

from labkit.backends.local.device_probe import Probe
from labkit.models.catalogue import CATALOGUE
from labkit.topics.speed import exercises
from labkit.topics.speed.explain.roofline import Roofline, build_roofline

PROBE = Probe("cpu", "float32", 2, (18e9, 20e9), (100e9, 100e9))


@pytest.mark.parametrize(
    ("answer", "solved", "message"),
    [
        (5.0, True, "never more"),  # 20 GB/s over 4 GB
        (np.float32(5.0), True, "never more"),
        (np.int64(5), True, "never more"),
        (4.4, True, "20.0 GB/s over 4.0 to 5.0 GB is 4 to 5 tokens/s"),
        (40.0, False, "a byte has 8 bits"),
        (0.6, False, "4 bits are half a byte"),
        (12.0, False, "Too fast"),
        (1.5, False, "Too slow"),
        (None, False, "in place of None"),
        ("quick", False, "above 0; got 'quick'"),
        (-3, False, "above 0; got -3"),
    ],
)
def test_the_ceiling_of_a_larger_model(answer, solved, message):
    verdict = exercises.check_ceiling(Roofline("a", PROBE, ()), answer, parameters=8e9)
    assert verdict.right is solved and message in str(verdict)


def test_the_ceiling_of_the_small_model_is_not_that_of_the_large_one(make_measurement):
    """It is about eight times right, so that it was called a mix-up of bits and bytes."""
    smollm2 = CATALOGUE["smollm2-135m"]
    roof = build_roofline(make_measurement(), PROBE, smollm2.config, 134_515_008, "float32")
    verdict = exercises.check_ceiling(roof, roof.points[1].ceiling_tokens_per_s, parameters=8e9)
    assert not verdict.right and "That is the ceiling of made up" in verdict.why


@pytest.mark.parametrize(
    ("answer", "solved", "message"),
    [
        (15 / 0.9, True, "(10 + 5) tokens in 0.90 s are 16.7 tokens/s, 1.7 times"),
        (10.0, False, "That is the right speed"),
        (99.0, False, "divide by the time end to end"),
        (None, False, "in place of None"),
        (True, False, "got True"),
    ],
)
def test_the_wrong_speed(make_measurement, make_run, answer, solved, message):
    measured = make_measurement(*[make_run(0.5, 0.1, 5, 10)] * 5)
    verdict = exercises.check_wrong_speed(measured, answer)
    assert verdict.right is solved and message in str(verdict)


def test_a_speed_that_was_not_measured_is_asked_for(make_measurement, make_run):
    for run in (make_run(tokens=1), make_run(prompt_tokens=None)):
        verdict = exercises.check_wrong_speed(make_measurement(run), 5.0)
        assert not verdict.right and "too few tokens, or they were not counted" in verdict.why
    with pytest.raises(ValueError, match="measurement must come from"):
        exercises.check_wrong_speed(3, 5.0)
