"""Calibration in numbers: compared with calibstats, with a simulation, and by properties."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.topics.limits.confidence.reliability import Reliability, at_temperature
from labkit.topics.limits.confidence.result import ConfidenceItem
from labkit.topics.limits.confidence.temperature_fit import _best_temperature


@pytest.fixture(scope="module")
def drawn():
    """The numbers that calibstats was given, by the same generator."""
    chance = random.Random(7)
    confidences = [round(chance.random(), 3) for _ in range(200)]
    right = [int(chance.random() < p**1.5) for p in confidences]
    tied = [0.9] * 50 + [0.5] * 30 + [0.2] * 20
    of_tied = [int(chance.random() < 0.6) for _ in tied]
    logits = [[round(chance.gauss(0, 3), 3) for _ in range(4)] for _ in range(120)]
    labels = [max(range(4), key=lambda k: one[k] + chance.gauss(0, 3)) for one in logits]
    return confidences, right, tied, of_tied, logits, labels


def reliability(confidences, right):
    return Reliability("probability", tuple(confidences), tuple(map(bool, right)))


def test_the_scores_are_those_of_calibstats(drawn):
    """calibstats 0.1.0: brier_score, nll, calibration_error and brier_decomposition."""
    own = reliability(*drawn[:2])
    assert own.brier == pytest.approx(0.147857805, abs=1e-12)
    assert own.log_loss == pytest.approx(0.4586219830450601, abs=1e-12)
    eces = [0.08750499999999996, 0.08750499999999997, 0.10403500000000002]
    assert [own.ece(count) for count in (5, 8, 10)] == pytest.approx(eces, abs=1e-12)
    parts = own.brier_parts(8)
    assert parts.reliability == pytest.approx(0.012661204199999995, abs=1e-12)
    assert parts.resolution == pytest.approx(0.10200000000000002, abs=1e-12)
    assert parts.uncertainty == pytest.approx(0.2356, abs=1e-12)
    assert reliability(*drawn[2:4]).ece(8) == pytest.approx(0.18, abs=1e-12)  # equal confidences


def test_the_bins_are_those_of_calibstats(drawn):
    """calibstats 0.1.0: reliability_data(…, n_bins=5, strategy="quantile")."""
    bins = reliability(*drawn[:2]).bins(5)
    assert [each.count for each in bins] == [40] * 5
    means = [0.078725, 0.2514, 0.446375, 0.66725, 0.893775]
    assert [each.confidence for each in bins] == pytest.approx(means)
    assert [each.share for each in bins] == pytest.approx([0.05, 0.125, 0.325, 0.55, 0.85])
    low, high = zip(*(each.interval for each in bins), strict=True)
    lows = [0.01382067, 0.054595, 0.20084502, 0.39829092, 0.70927676]
    assert low == pytest.approx(lows, abs=1e-6)
    highs = [0.16503877, 0.2611212, 0.47982254, 0.69294692, 0.92938812]
    assert high == pytest.approx(highs, abs=1e-6)


def test_the_temperature_is_that_of_calibstats(drawn):
    """calibstats 0.1.0: TemperatureScaler().fit(logits, labels).temperature_."""
    options = ("a", "b", "c", "d")
    items = [
        ConfidenceItem("x", options[label], options, tuple(one))
        for one, label in zip(drawn[4], drawn[5], strict=True)
    ]
    assert _best_temperature(items) == pytest.approx(2.427347634443725, abs=1e-4)


@pytest.mark.parametrize(("count", "expected"), [(100, 0.100), (200, 0.069), (500, 0.044)])
def test_a_perfect_model_shows_an_error_too(count, expected):
    """Expected values of an own simulation with equal-width bins; here bins of equal numbers."""
    confidences = np.random.default_rng(1).random(count)
    mean, most = reliability(confidences, confidences < 0.5).perfect_ece(10)
    assert mean == pytest.approx(expected, rel=0.2) and most > mean


def test_95_of_100_perfect_models_lie_within_the_band():
    chance = np.random.default_rng(2)
    confidences = chance.random(300)
    inside = []
    for _ in range(60):
        own = reliability(confidences, chance.random(300) < confidences)
        inside += [each.perfect[0] <= each.share <= each.perfect[1] for each in own.bins(10)]
    assert 0.92 <= np.mean(inside) <= 1


@given(
    st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60), st.integers(1, 30)
)
def test_parts_add_up_and_bins_hold_everything(pairs, count):
    own = reliability(*zip(*pairs, strict=True))
    bins, parts = own.bins(count), own.brier_parts(count)
    assert sum(each.count for each in bins) == len(pairs) and len(bins) <= count
    of_means = sum(
        each.right * (1 - each.confidence) ** 2 + (each.count - each.right) * each.confidence**2
        for each in bins
    )
    whole = parts.reliability - parts.resolution + parts.uncertainty
    assert whole == pytest.approx(of_means / len(pairs), abs=1e-9)
    assert 0 <= own.ece(count) <= 1 and 0 <= own.brier <= 1


@given(st.lists(st.floats(-50, 50), min_size=2, max_size=6), st.floats(0.1, 10))
def test_a_temperature_changes_no_answer(scores, temperature):
    shares = at_temperature([scores], temperature)[0]
    assert shares.sum() == pytest.approx(1)
    assert shares[int(np.argmax(scores))] == pytest.approx(shares.max())


@pytest.mark.parametrize(
    ("confidences", "right", "message"),
    [
        ((), (), "same length, at least 1; got 0 and 0"),
        ((0.5,), (True, False), "got 1 and 2"),
        ((1.5,), (True,), "confidences must be 0 to 1"),
        ((float("nan"),), (True,), "confidences must be 0 to 1"),
    ],
)
def test_bad_input_gets_a_sentence(confidences, right, message):
    with pytest.raises(ValueError, match=message):
        Reliability("x", confidences, right)
    with pytest.raises(ValueError, match="bins must be a whole number, 1 to 30; got 0"):
        reliability((0.5,), (True,)).ece(0)


@pytest.mark.parametrize(("few", "many"), [(60, 60), (60, 61), (20, 100)])
def test_two_confidences_are_two_bins_however_often_each_came(few, many):
    """As in words: 10 % sure and right, 95 % sure and wrong."""
    own = reliability([0.1] * few + [0.95] * many, [1] * few + [0] * many)
    assert own.ece() == pytest.approx((few * 0.9 + many * 0.95) / (few + many))
