"""Notebook 02's exercises: any right answer passes, a wrong one gets the reason."""

import numpy as np
import pytest

from labkit.topics.sampling.exercises import check_in_a_row, check_remaining, check_sure
from labkit.topics.sampling.next_token.prediction import Prediction
from labkit.topics.sampling.next_token.sampling_chain import run_chain


@pytest.fixture(scope="module")
def prediction():
    """Made up: one leading token, and a long tail."""
    scores = np.concatenate([[8.0], np.linspace(6, -6, 499)]).astype(np.float32)
    return Prediction("made up", "prompt", (0,), scores, 0.0, str)


def remaining(prediction, **settings):
    return run_chain(prediction, **settings).remaining


@pytest.mark.parametrize("name", ["top_p", "min_p"])
def test_any_settings_for_ten_tokens_are_right(prediction, name):
    tries = (value / 1000 for value in range(1, 1000))
    found = next(value for value in tries if remaining(prediction, **{name: value}) == 10)
    assert check_remaining(prediction, {name: found}, tokens=10).right


def test_too_few_too_many_and_top_k_get_different_answers(prediction):
    assert "Too many" in check_remaining(prediction, {"min_p": 0.001}, tokens=10).why
    assert "Too few" in check_remaining(prediction, {"top_p": 0.01}, tokens=10).why
    assert "without it" in check_remaining(prediction, {"top_k": 10}, tokens=10).why
    assert not check_remaining(prediction, {"top_k": 10}, tokens=10).right


@pytest.mark.parametrize(
    "bad", [None, {}, "hot", {"top_p": 7}, {"temperature": "hot"}, {"top_q": 1}]
)
def test_invalid_settings_get_a_sentence(prediction, bad):
    verdict = check_remaining(prediction, bad, tokens=10)
    assert not verdict.right and verdict.why


def test_a_misspelt_setting_gets_the_right_one(prediction):
    why = check_remaining(prediction, {"topp": 0.9}, tokens=10).why
    assert why == "There is no setting 'topp'. Did you mean 'top_p'?"
    assert "There are repetition_penalty" in check_remaining(prediction, {5: 1}, tokens=10).why


def test_draws_that_must_all_hit_are_multiplied(prediction):
    best = float(prediction.probabilities.max())
    assert check_in_a_row(prediction, best**3, draws=3).right
    assert check_in_a_row(prediction, prediction.probabilities.max() ** 3, draws=3).right
    for wrong, why in (
        (None, "None"),
        ("50 %", "None"),
        (best, "one draw"),
        (3 * best, "not added"),
        (0.9, "off"),
        (300 * best, "not added"),
        (99, "As a share"),
        (10**400, "None"),
    ):
        verdict = check_in_a_row(prediction, wrong, draws=3)
        assert not verdict.right and why in verdict.why


def test_a_small_probability_is_not_met_by_chance():
    """With a leading token of 10 %, three in a row have a tenth of a per cent: 0 is no answer."""
    scores = np.log(np.array([0.1, *[0.09] * 10])).astype(np.float32)
    prediction = Prediction("made up", "prompt", (0,), scores, 0.0, str)
    for right in (0.001, 0.00105):
        verdict = check_in_a_row(prediction, right, draws=3)
        assert verdict.right and "0.1 to the power of 3 is 0.001" in verdict.why
    for wrong, why in ((0, "0 is off"), (0.002, "off"), (0.1, "one draw"), (0.3, "not added")):
        verdict = check_in_a_row(prediction, wrong, draws=3)
        assert not verdict.right and why in verdict.why


def test_nearly_certain_is_a_narrow_range(prediction):
    shares = {
        t: run_chain(prediction, temperature=t).drawn_from.max()
        for t in np.arange(0.1, 1, 0.02).tolist()
    }
    right = next(t for t, share in shares.items() if 0.99 <= share < 0.999)
    assert check_sure(prediction, right).right
    assert "lower" in check_sure(prediction, 2).why
    assert "higher" in check_sure(prediction, 0).why
    assert "None" in check_sure(prediction, "hot").why
    assert not check_sure(prediction, None).right and not check_sure(prediction, -1).right
