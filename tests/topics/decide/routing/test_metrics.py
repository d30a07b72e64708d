"""RouteLLM's measures against a slow reference of their definitions, in exact fractions."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.topics.decide.routing.metrics import apgr, cpt, curve, pgr_at, pgr_of, with_intervals

items = st.lists(
    st.tuples(st.integers(0, 4).map(lambda n: n / 4), st.booleans(), st.booleans()),
    min_size=2,
    max_size=25,
)


def columns(found):
    chance, small, large = zip(*found, strict=True)
    return np.array(chance), np.array(small), np.array(large)


def interval(measure, *columns):
    return with_intervals({"it": measure}, *columns)["it"]


def value(measure, *columns):
    return interval(measure, *columns).value


def slow_points(found):
    """(share to the large model, share right) at every threshold, each counted from scratch."""
    points = set()
    for threshold in [0, *sorted({chance for chance, _, _ in found}), 2]:
        sent = sum(chance < threshold for chance, _, _ in found)
        right = sum(large if chance < threshold else small for chance, small, large in found)
        points.add((Fraction(sent, len(found)), Fraction(right, len(found))))
    return sorted(points)


def slow_pgr(found):
    small = Fraction(sum(each[1] for each in found), len(found))
    large = Fraction(sum(each[2] for each in found), len(found))
    if large <= small:
        return None
    return [(sent, (right - small) / (large - small)) for sent, right in slow_points(found)]


def slow_apgr(found):
    points = slow_pgr(found)
    if points is None:
        return None
    return sum((y0 + y1) / 2 * (x1 - x0) for (x0, y0), (x1, y1) in pairwise(points))


def slow_cpt(found, share):
    """The first crossing, searched on each straight piece."""
    points = slow_pgr(found)
    if points is None:
        return None
    for (x0, y0), (x1, y1) in pairwise(points):
        if y0 >= share:
            return x0
        if y1 >= share:
            return x0 + (share - y0) / (y1 - y0) * (x1 - x0)
    raise AssertionError("all of the gap is closed at the end")


@settings(max_examples=300)
@given(items)
def test_the_measures_are_those_of_their_definitions(found):
    shares, right = curve(*columns(found))
    points = [(float(a), float(b)) for a, b in slow_points(found)]
    assert list(zip(shares, right, strict=True)) == [pytest.approx(each) for each in points]
    area = slow_apgr(found)
    assert value(apgr, *columns(found)) == (None if area is None else pytest.approx(float(area)))
    for percent in (0, 20, 50, 80, 100):
        least = slow_cpt(found, Fraction(percent, 100))
        mine = value(cpt(percent / 100), *columns(found))
        assert mine == (None if least is None else pytest.approx(float(least), abs=1e-9))
    for threshold in (0.0, 0.3, 0.5, 1.1):
        mine, gaps = value(pgr_at(threshold), *columns(found)), dict(slow_pgr(found) or ())
        sent = Fraction(sum(each[0] < threshold for each in found), len(found))
        assert mine == (pytest.approx(float(gaps[sent])) if gaps else None)


def test_a_case_computed_by_hand():
    """Four items; the large model is right on all, the small one on the last two, and knows it."""
    chance, small, large = np.array([0.1, 0.2, 0.8, 0.9]), np.arange(4) > 1, np.ones(4, bool)
    shares, right = curve(chance, small, large)
    assert shares.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert right.tolist() == [0.5, 0.75, 1, 1, 1]
    assert value(apgr, chance, small, large) == pytest.approx((0.25 + 0.75 + 1 + 1) / 4)
    measures = (cpt(0.5), cpt(0.8), pgr_at(0.15), pgr_of(0.25), pgr_of(0.125))
    found = [value(measure, chance, small, large) for measure in measures]
    assert found == pytest.approx([0.25, 0.4, 0.5, 0.5, 0.25])
    assert value(apgr, np.full(4, 0.5), small, large) == 0.5  # a router that knows nothing


def test_equal_models_are_too_alike_to_tell():
    same = np.array([True, False, True, False])
    measured = interval(apgr, np.arange(4) / 4, same, same)
    assert measured.value is None and measured.text == "too alike to tell"
    nearly = interval(apgr, np.arange(4) / 4, same, np.array([True, True, True, False]))
    assert nearly.value is not None and nearly.undefined > 0.05
    assert nearly.text == "too alike to tell"


def test_the_interval_of_a_router_that_knows_nothing_holds_a_half():
    draw = np.random.default_rng(1)
    small, large = draw.random(200) < 0.3, draw.random(200) < 0.8
    measured = interval(apgr, draw.random(200), small, large)
    assert measured.low < 0.5 < measured.high and measured.undefined == 0
    knows = interval(apgr, small + 0.1 * draw.random(200), small, large)
    assert knows.low > 0.5
