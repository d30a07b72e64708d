"""Pairs trained in one direction: which questions are asked, and what is counted."""

import pytest

import labkit
from labkit.data import read_data
from labkit.topics.control.finetune.adapter import at_strength
from labkit.topics.control.finetune.loss import answer_logprobs
from labkit.topics.control.reversal import directions

DATA = read_data("finetune/reversal.json")


@pytest.fixture(scope="module")
def tiny(make_tiny, tmp_path_factory):
    return labkit.load(str(make_tiny(tmp_path_factory.mktemp("tiny") / "tiny")))


@pytest.fixture(scope="module")
def test_and_tuned(tiny):
    """A short training, and the tuned model that it was measured on."""
    kept = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            directions,
            "fine_tune",
            lambda *a, **o: kept.setdefault("tuning", labkit.control.fine_tune(*a, **o)),
        )
        test = labkit.control.compare_directions(tiny, steps=8, learning_rate=0.02, rank=4)
    return test, kept["tuning"]


def test_each_pair_is_trained_in_one_direction_and_half_of_them_in_each():
    examples = directions._examples(DATA)
    trained = {(each.prompt, each.answer) for each in examples.train}
    assert len(trained) == 3 * len(DATA["pairs"]) == len(examples.train)
    to_name = {name for name, _ in DATA["pairs"] if name in {answer for _, answer in trained}}
    to_place = {place for _, place in DATA["pairs"] if place in {answer for _, answer in trained}}
    assert len(to_name) == len(to_place) == 6
    for name, place in DATA["pairs"]:
        assert (name in to_name) != (place in to_place)
        (given, answer) = (place, name) if name in to_name else (name, place)
        assert len([each for each in trained if given in each[0] and each[1] == answer]) == 3


def halves():
    """The questions asked of each half, in the direction trained and in the other."""
    for pairs, *both in directions._halves(DATA):
        yield [directions._questions(DATA, pairs, each, directions.ASKED) for each in both]


def test_questions_are_in_other_words_and_candidates_of_one_kind():
    examples = directions._examples(DATA)
    trained, answers = ({getattr(e, key) for e in examples.train} for key in ("prompt", "answer"))
    names, places = map(set, zip(*DATA["pairs"], strict=True))
    for forward, back in halves():
        assert len(forward) == len(back) == 6
        for asked in (forward, back):
            candidates = {each.answer for each in asked}
            assert not trained & {each.prompt for each in asked}
            assert len(candidates) == 6 and (candidates <= names or candidates <= places)
        assert {each.answer for each in forward} <= answers  # all were trained as answers,
        assert not {each.answer for each in back} & answers  # or none was


def test_the_choice_is_the_likeliest_candidate_less_its_mean(test_and_tuned):
    test, tuning = test_and_tuned
    assert test.candidates == 6 and test.chance == pytest.approx(1 / 6)
    for number, half in enumerate(halves()):
        for own, asked in zip((test.forward, test.reversed), half, strict=True):
            found = own[6 * number : 6 * number + 6]
            assert [each.example for each in found] == asked
            candidates = [each.answer for each in asked]
            for strength, field in ((0.0, "before"), (1.0, "after")):
                with at_strength(tuning.tuned, strength) as model:
                    rows = [answer_logprobs(model, each.prompt, candidates) for each in asked]
                means = [sum(column) / 6 for column in zip(*rows, strict=True)]
                for question, row in zip(found, rows, strict=True):
                    gains = [a - b for a, b in zip(row, means, strict=True)]
                    assert getattr(question, field) == candidates[gains.index(max(gains))]


def test_shares_intervals_and_the_difference_are_of_the_same_pairs(test_and_tuned):
    test, _ = test_and_tuned
    right = [[each.is_right(True) for each in own] for own in (test.forward, test.reversed)]
    low, share, high = test.share(test.reversed)
    assert share == sum(right[1]) / 12 and low <= share <= high
    change = test.difference
    assert change.gained - change.lost == sum(right[1]) - sum(right[0]) and change.count == 12
    figure = labkit.plot(test)
    assert list(figure.data[1].y) == [sum(own) / 12 for own in right]
    assert figure.layout.shapes[0].y0 == test.chance
    assert test.forward[0].example.prompt in labkit.plot(test, kind="answers").html
    names = [each.name for each in test.book_entries]
    assert names == ["forward_right_percent", "reversed_right_percent"]


def test_what_became_of_the_training_stands_beside_the_numbers(tiny, test_and_tuned, monkeypatch):
    test, _ = test_and_tuned
    assert any("32 of 36 examples are read" in each for each in test.notes)
    assert not any("held out" in each for each in test.notes)
    monkeypatch.setattr(directions, "_choices", lambda _, asked: list(test.forward[:6]))
    stopped = labkit.control.compare_directions(tiny, steps=50, minutes=1e-9)
    assert "1 of 50 steps" in stopped.notes[0] and "(out of time)" in stopped.notes[0]
    below = labkit.plot(stopped).layout.annotations[-1].text
    for shown in (repr(stopped), below, labkit.plot(stopped, kind="answers").html):
        assert "(out of time)" in shown


def test_a_stop_keeps_the_halves_that_were_asked(tiny, monkeypatch):
    asked = []

    def choices(_, questions):
        if len(asked) == most:
            raise KeyboardInterrupt
        asked.append(questions)
        return [directions.DirectedQuestion(each, "", "") for each in questions]

    monkeypatch.setattr(directions, "_choices", choices)
    most = 3
    test = labkit.control.compare_directions(tiny, steps=1)
    assert len(test.forward) == len(test.reversed) == 6
    most, asked = 0, []
    none = labkit.control.compare_directions(tiny, steps=1)
    assert none.book_entries == () and "stopped before the first" in repr(none)
    assert labkit.plot(none).data is not None


def test_bad_options_are_a_sentence(tiny):
    with pytest.raises(ValueError, match="steps must be"):
        labkit.control.compare_directions(tiny, steps=0)
