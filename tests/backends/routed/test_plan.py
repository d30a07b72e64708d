"""The router's arithmetic: the logistic fit against a plain search, neighbours by hand."""

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.backends.routed.plan import (
    ASK,
    LARGE,
    NEAREST,
    SMALL,
    Calibrator,
    Neighbours,
    RoutingPlan,
    fit_calibrator,
)
from labkit.stats import share_interval

HONEST = Calibrator(1.0, 0.0)


def loss(slope, offset, logprobs, right):
    """Platt's, by its definition: his targets, and the log loss of each."""
    good, bad = sum(right), len(right) - sum(right)
    total = 0.0
    for value, is_right in zip(logprobs, right, strict=True):
        wanted = (good + 1) / (good + 2) if is_right else 1 / (bad + 2)
        share = 1 / (1 + math.exp(-(slope * value + offset)))
        total -= wanted * math.log(share) + (1 - wanted) * math.log(1 - share)
    return total


def test_the_fit_is_the_least_loss_that_a_search_finds():
    draw = random.Random(3)
    logprobs = [-draw.expovariate(0.5) for _ in range(80)]
    right = [draw.random() < 1 / (1 + math.exp(-(1.2 * v + 1.5))) for v in logprobs]
    fit = fit_calibrator(logprobs, right)
    best = loss(fit.slope, fit.offset, logprobs, right)
    for slope in np.linspace(0, 4, 81):
        for offset in np.linspace(-3, 5, 81):
            assert best <= loss(slope, offset, logprobs, right) + 1e-9


def test_less_sure_is_never_likelier_right_and_extremes_stay_finite():
    upside_down = fit_calibrator([-3, -2, -1, 0], [True, True, False, False])
    assert upside_down.slope == 0 and 0 < upside_down.chance(-1) < 1
    for right in ([True] * 4, [False] * 4):
        fit = fit_calibrator([-1.0] * 4, right)
        assert 0 < fit.chance(-1e9) <= fit.chance(0) < 1
    with pytest.raises(ValueError, match="at least 1"):
        fit_calibrator([], [])


def circle(*degrees):
    return np.array([[math.cos(math.radians(d)), math.sin(math.radians(d))] for d in degrees])


def test_the_nearest_items_are_those_at_the_least_angle():
    right = np.array([True] * NEAREST + [False] * NEAREST)
    known = Neighbours(circle(*range(NEAREST), *range(90, 90 + NEAREST)), right)
    assert known.interval(circle(0)[0]) == share_interval(1.0, NEAREST, 0.8)
    assert known.interval(circle(120)[0]) == share_interval(0.0, NEAREST, 0.8)
    few = Neighbours(circle(0, 1, 2), np.array([True, True, False]))
    assert few.interval(circle(0)[0]) == share_interval(2 / 3, 3, 0.8)


def test_who_is_asked():
    plan = RoutingPlan(HONEST, None, 0.5)
    assert plan.interval(None) == (0, 1) and plan.first_asked((0, 1)) == ASK
    assert plan.first_asked((0.6, 0.9)) == SMALL and plan.first_asked((0.1, 0.4)) == LARGE
    without = RoutingPlan(None, None, 0.5)
    assert without.first_asked((0.3, 0.9)) == SMALL and without.first_asked((0.1, 0.6)) == LARGE
    assert RoutingPlan(HONEST, None, 0.0).first_asked((0, 1)) == SMALL
    with pytest.raises(ValueError, match="threshold must be"):
        RoutingPlan(HONEST, None, 1.5)


@given(st.floats(0, 1), st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted), st.floats(-20, 0))
def test_one_number_says_where_a_prompt_goes_at_every_threshold(threshold, interval, logprob):
    """The stages, one after the other, do what comparing `chance` with the threshold does."""
    plan = RoutingPlan(HONEST, None, threshold)
    first = plan.first_asked(tuple(interval))
    chance = plan.chance(tuple(interval), logprob)
    kept = first == SMALL or (first == ASK and HONEST.chance(logprob) >= threshold)
    assert kept == (chance >= threshold)


@pytest.mark.parametrize("bad", [float("nan"), float("-inf"), None])
def test_a_fit_needs_finite_numbers(bad):
    with pytest.raises(ValueError, match="logprobs must be finite numbers; got"):
        fit_calibrator([bad, -1.0, -2.0], [True, False, True])
