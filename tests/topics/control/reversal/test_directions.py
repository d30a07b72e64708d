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


def test_questions_are_in_other_words_and_candidates_of_one_kind():
    trained = {each.prompt for each in directions._examples(DATA).train}
    answers = {each.answer for each in directions._examples(DATA).train}
    names, places = map(set, zip(*DATA["pairs"], strict=True))
    for forward, back in directions._questions(DATA):
        for (prompt, answer), candidates in (forward, back):
            assert prompt not in trained
            assert answer in candidates and len(set(candidates)) == 6
            assert set(candidates) <= names or set(candidates) <= places
        assert set(forward[1]) <= answers  # all were trained as answers, or none was
        assert not set(back[1]) & answers


def test_the_choice_is_the_likeliest_candidate_with_and_without_the_adapter(test_and_tuned):
    test, tuning = test_and_tuned
    asked = list(directions._questions(DATA))
    assert test.candidates == 6 and test.chance == pytest.approx(1 / 6)
    assert len(test.forward) == len(test.reversed) == len(asked) == 12
    for number in (0, 7):
        for question, (pair, candidates) in zip(
            (test.forward[number], test.reversed[number]), asked[number], strict=True
        ):
            assert (question.example.prompt, question.example.answer) == pair
            for strength, chosen in ((0.0, question.before), (1.0, question.after)):
                with at_strength(tuning.tuned, strength) as model:
                    found = answer_logprobs(model, pair[0], candidates)
                assert chosen == candidates[found.index(max(found))]


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


def test_a_stop_keeps_the_pairs_that_were_asked(tiny, monkeypatch):
    asked = []

    def ask(*args):
        if len(asked) == 4:
            raise KeyboardInterrupt
        asked.append(args)
        return directions.DirectedQuestion(directions.TuningExample(*args[1]), "", "")

    monkeypatch.setattr(directions, "_ask", ask)
    test = labkit.control.compare_directions(tiny, steps=1)
    assert len(test.forward) == len(test.reversed) == 2
    monkeypatch.setattr(directions, "_ask", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    none = labkit.control.compare_directions(tiny, steps=1)
    assert none.book_entries == () and "stopped before the first pair" in repr(none)
    assert labkit.plot(none).data is not None


def test_bad_options_are_a_sentence(tiny):
    with pytest.raises(ValueError, match="steps must be"):
        labkit.control.compare_directions(tiny, steps=0)


@pytest.mark.slow
def test_the_real_model_learns_one_direction(smollm2):
    """As trained far above chance; the other direction far below that, in pairs."""
    test = labkit.control.compare_directions(smollm2)
    assert test.share(test.forward)[0] > test.chance
    assert test.difference.is_settled and test.difference.difference < -0.4
