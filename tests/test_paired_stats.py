"""Paired comparisons: compared with statsmodels, evalstats, a simulation, and by properties."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.stats import (
    PairedDifference,
    bootstrap_interval,
    items_behind,
    items_needed,
    mcnemar_p,
    paired_interval,
    share_interval,
    why_unsettled,
)

counts = st.integers(0, 60)


@pytest.mark.parametrize(
    ("gained", "lost", "p"),
    [(8, 1, 0.0390625), (12, 3, 0.03515625), (0, 0, 1), (5, 5, 1), (30, 11, 0.00432400493446039)],
)
def test_mcnemar_is_that_of_statsmodels(gained, lost, p):
    """statsmodels 0.15.0: mcnemar([[10, gained], [lost, 10]], exact=True).pvalue."""
    assert mcnemar_p(gained, lost) == pytest.approx(p, rel=1e-12)


@pytest.mark.parametrize(
    ("gained", "lost", "count", "low", "high"),
    [
        (12, 3, 50, 0.024961, 0.321193),
        (0, 0, 20, -0.125991, 0.125991),
        (5, 5, 30, -0.212172, 0.212172),
        (30, 11, 100, 0.065568, 0.306981),
        (1, 0, 15, -0.138901, 0.256548),
        (20, 0, 20, 0.735009, 1),
    ],
)
def test_the_interval_is_that_of_evalstats(gained, lost, count, low, high):
    """evalstats 0.3.3: bonett_price_paired_ci of the same pairs."""
    assert paired_interval(gained, lost, count) == pytest.approx((low, high), abs=1e-6)


@given(counts, counts, counts)
def test_swapping_the_prompts_swaps_the_signs(gained, lost, same):
    count = max(1, gained + lost + same)
    low, high = paired_interval(gained, lost, count)
    assert -1 <= low <= (gained - lost) / (count + 2) <= high <= 1
    assert paired_interval(lost, gained, count) == pytest.approx((-high, -low))
    assert 0 < mcnemar_p(gained, lost) == mcnemar_p(lost, gained) <= 1


@given(st.floats(0.02, 0.5), st.floats(0, 0.4))
def test_a_smaller_difference_needs_more_items(difference, more):
    discordant = min(1.0, difference + more)
    assert items_needed(difference / 2, discordant) > items_needed(difference, discordant)
    assert items_needed(-difference, discordant) == items_needed(difference, discordant)


def test_that_many_items_find_the_difference_in_80_of_100_comparisons():
    chance, count = random.Random(0), items_needed(0.2, 0.3)
    found = 0
    for _ in range(2000):
        draws = [chance.random() for _ in range(count)]
        gained = sum(each < 0.25 for each in draws)
        lost = sum(0.25 <= each < 0.3 for each in draws)
        pairs = gained + lost
        found += pairs > 0 and abs(gained - lost) / math.sqrt(pairs) > 1.959964
    assert 0.76 < found / 2000 < 0.86


def test_the_interval_holds_the_truth_in_95_of_100_comparisons():
    chance, held = random.Random(1), 0
    for _ in range(2000):
        draws = [chance.random() for _ in range(50)]
        gained, lost = sum(d < 0.3 for d in draws), sum(0.3 <= d < 0.4 for d in draws)
        low, high = paired_interval(gained, lost, 50)
        held += low <= 0.2 <= high
    assert 0.93 < held / 2000 <= 0.98


def test_a_difference_is_settled_where_interval_and_exact_test_agree():
    five, six = PairedDifference(5, 0, 20), PairedDifference(6, 0, 20)
    assert five.interval[0] > 0 and not five.is_settled
    assert five.summary.endswith("p 0.062; not settled: p is above 0.05 (computed)")
    assert six.is_settled and "; settled" in six.summary
    assert "not settled: the interval contains 0" in PairedDifference(3, 2, 20).summary


@pytest.mark.parametrize("count", [32, 64, 100])
def test_no_p_that_is_called_above_its_level_is_printed_as_that(count):
    near = PairedDifference(22, 10, count)
    assert near.summary.endswith("p 0.0501; not settled: p is above 0.05 (computed)")


@pytest.mark.parametrize("count", [1, 2, 20, 50, 1000])
@pytest.mark.parametrize("share", [0, 0.02, 0.5, 0.96, 1])
def test_an_interval_tells_how_many_items_are_behind_it(share, count):
    assert items_behind(share, *share_interval(share, count)) == pytest.approx(count)
    assert items_behind(0.5, 0.5, 0.5) == math.inf and items_behind(0.5, 0, 1) == 0


def test_an_interval_that_is_not_known_settles_nothing():
    assert why_unsettled((math.nan, math.nan), None)


def test_the_bootstrap_is_near_the_normal_interval_where_that_holds():
    values = [random.Random(n).gauss(0.5, 1) for n in range(400)]
    mean = sum(values) / 400
    half = 1.96 * math.sqrt(sum((v - mean) ** 2 for v in values) / 399 / 400)
    assert bootstrap_interval(values) == pytest.approx((mean - half, mean + half), abs=0.02)
    assert bootstrap_interval([1, 1, 1]) == (1, 1)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: mcnemar_p(-1, 2), "gained"),
        (lambda: mcnemar_p(1, 0.5), "lost"),
        (lambda: paired_interval(3, 3, 5), "count must be a whole number, 6 or more"),
        (lambda: items_needed(0, 0.3), "difference"),
        (lambda: items_needed(math.nan, 0.3), "difference"),
        (lambda: items_needed(0.4, 0.3), "at least the difference"),
        (lambda: items_needed(0.1, 1e300), "discordant"),
        (lambda: items_needed(0.1, 0.3, power=1), "power"),
        (lambda: bootstrap_interval([1]), "at least two"),
        (lambda: bootstrap_interval([1, 2], level=1), "level"),
    ],
)
def test_bad_numbers_are_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_one_item_is_no_plural():
    assert "on 1 item: 1 gained" in PairedDifference(1, 0, 1).summary
