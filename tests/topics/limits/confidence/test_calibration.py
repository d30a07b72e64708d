"""Three confidences of the real model, the temperature that is fitted, and the panel of both."""

import random
from dataclasses import replace

import pytest

import labkit
from labkit.topics.limits import exercises
from labkit.topics.limits.confidence.reliability import at_temperature
from labkit.topics.limits.confidence.result import Calibration, ConfidenceItem, read_percent


@pytest.fixture(scope="module")
def measured(smollm2, notebook_files):
    return labkit.limits.calibration(smollm2, items=20)


@pytest.fixture(scope="module")
def made_up():
    """A model that is right as often as a temperature of 3 would have it say."""
    chance, items = random.Random(0), []
    for number in range(400):
        logits = tuple(chance.gauss(0, 4) for _ in range(4))
        weights = at_temperature([logits], 3.0)[0]
        right = chance.choices("abcd", weights)[0]
        items.append(ConfidenceItem(f"c{number}", right, ("a", "b", "c", "d"), logits, 0.5))
    return Calibration("made up", tuple(items), 400, 1.0)


def test_the_real_model_is_asked_in_three_ways(measured):
    assert len(measured.items) == 20
    for each in measured.items:
        assert each.right_answer in each.options and len(set(each.options)) == 4
        assert 0.25 <= each.probability <= 1 and 0 <= each.p_true <= 1
    assert measured.kinds[:2] == ("probability", "P(true)")
    assert measured.reliability().share > 0.4  # chance is 0.25
    assert len(labkit.plot(measured).data) == 4 * len(measured.kinds)
    for kind in ("numbers", "answers"):
        assert "probability" in labkit.plot(measured, kind=kind).html
    assert "≈ reliability" in labkit.plot(measured, kind="numbers").html
    assert {each.name for each in measured.book_entries} >= {
        "choice_right_percent",
        "ece_probability_points",
        "ece_p_true_points",
    }


def test_the_probability_is_that_of_a_plain_pass(smollm2, measured):
    import torch

    from labkit.topics.limits.accuracy.ask import prompt_text
    from labkit.topics.limits.confidence.confidences import INSTRUCTION, SHOWN, _ask

    item = measured.items[0]
    solved = [(_ask(name), capital) for name, capital in SHOWN]
    prompt = prompt_text(_ask(item.country), solved, INSTRUCTION)
    start = len(smollm2.encode(prompt, raw=True))
    for option, logprob in zip(item.options, item.logprobs, strict=True):
        ids = smollm2.encode(f"{prompt} {option}", raw=True)
        with torch.inference_mode():
            logits = smollm2.model(input_ids=torch.tensor([ids])).logits[0].float()
        logprobs = logits.log_softmax(-1)
        alone = sum(float(logprobs[n - 1, ids[n]]) for n in range(start, len(ids)))
        assert logprob == pytest.approx(alone, abs=1e-2)


def test_the_fitted_temperature_is_found_and_helps_on_the_other_half(made_up):
    fit = labkit.limits.fit_temperature(made_up)
    assert fit.temperature == pytest.approx(3, rel=0.2)
    assert fit.loss[1] < fit.loss[0] and fit.interval[0] > 0
    assert fit.after.ece() < fit.before.ece() and fit.after.right == fit.before.right
    assert len(labkit.plot(fit).data) == 8 and "settled" in fit.summary


def test_the_sliders_move_the_figure(made_up):
    panel = labkit.explore(made_up)
    before = list(panel.figure.data[3].x)
    panel.temperature.value = 3
    assert list(panel.figure.data[3].x) != before
    assert panel.shown.confidence == pytest.approx(panel.shown.share, abs=0.06)
    panel.bins.value = 4
    assert len(panel.figure.data[3].x) == 4
    numbers, still = panel.static_form()
    assert "ECE" in panel.summary and "ECE" in numbers
    assert still.layout == panel.figure.layout and len(still.data) == 4


def test_a_threshold_is_checked_by_what_it_does(made_up):
    check = exercises.check_threshold
    assert not check(made_up, None).right and not check(made_up, 7).right
    sure = Calibration("m", tuple(_item(n, n < 30) for n in range(60)), 60, 1.0)
    assert check(sure, 0.8).right and "30 of 60" in check(sure, 0.8).why
    assert not check(sure, 0.0).right and "30 of the 60 answers" in check(sure, 0.0).why
    assert "was stopped" in check(Calibration("m", sure.items[:1], 60, 1.0), 0.0).why
    assert "less than a quarter" in check(sure, 1.0).why
    poor = Calibration("m", tuple(_item(n, False) for n in range(60)), 60, 1.0)
    assert check(poor, 0.5).right and "No threshold" in check(poor, 0.5).why


def _item(number, right):
    logits = (5.0, 0.0, 0.0, 0.0) if right else (0.5, 0.0, 0.0, 0.0)
    return ConfidenceItem(f"c{number}", "a" if right else "b", ("a", "b", "c", "d"), logits)


def test_pass_at_k_is_checked():
    def check(answer):
        return exercises.check_pass_at_k(answer, n=10, c=3, k=5)

    assert check(0.917).right
    assert "put back" in check(0.832).why and "percentage" in check(91.7).why
    assert not check(None).right and not check(0.5).right


@pytest.mark.parametrize(
    ("text", "share"),
    [("90 %", 0.9), ("100", 1.0), ("101", None), ("1000", None), ("-5", None), ("", None)],
)
def test_a_stated_confidence_is_read_or_missing(text, share):
    assert read_percent(text) == share


def test_what_was_not_asked_is_not_counted_as_without_a_number():
    said = ["90 %", "10", "quite sure", None, None]
    items = tuple(replace(_item(n, True), written=text) for n, text in enumerate(said))
    stopped = Calibration("m", items, 5, 1.0)
    assert [each.stated for each in items] == [0.9, 0.1, None, None, None]
    assert "1 without a number, stopped after 3" in stopped.summary
    assert "quite sure" in labkit.plot(stopped, kind="answers").html
    begun = replace(stopped, asked=6)
    for text in (begun.summary, labkit.plot(begun).layout.title.text):
        assert "measured, stopped; 6 were to be asked" in text
    whole = Calibration("m", items[:3], 3, 1.0)
    assert "1 without a number (measured)" in whole.summary


def test_bad_input_gets_a_sentence(smollm2, measured):
    with pytest.raises(ValueError, match="items must be a whole number, 20 to 220; got 5"):
        labkit.limits.calibration(smollm2, items=5)
    with pytest.raises(ValueError, match="kind must be one of probability, P"):
        measured.reliability("mood")
    with pytest.raises(ValueError, match="measured must come from lab"):
        labkit.limits.fit_temperature("x")
    few = Calibration("m", measured.items[:5], 20, 1.0)
    with pytest.raises(ValueError, match="measured must have at least 20 questions; got 5"):
        labkit.limits.fit_temperature(few)
    for show in (labkit.plot, labkit.explore):
        with pytest.raises(ValueError, match="m: stopped before the first question"):
            show(Calibration("m", (), 20, 1.0))
    for wrong in ({"temperature": 0}, {"temperature": "x"}, {"bins": 1}, {"bins": 100}):
        with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be"):
            labkit.explore(measured, **wrong)
    said_nothing = Calibration("m", (_item(0, True),), 1, 1.0)
    with pytest.raises(ValueError, match="m gave no confidence of the kind 'in words'"):
        said_nothing.reliability("in words")
