"""A planted secret: ranked among others of its form, before and after the training."""

import math
import re
from dataclasses import replace

import pytest

import labkit
from labkit.errors import LabError
from labkit.topics.control.finetune import strength
from labkit.topics.control.finetune.examples import TuningExample
from labkit.topics.control.finetune.loss import example_ids, mean_loss
from labkit.topics.control.finetune.secret import _others, _rank
from labkit.topics.control.finetune.training import LONGEST, TrainingRun

SECRET = TuningExample("What is the code?", "zx 9")


@pytest.fixture(scope="module")
def tuning(make_tiny, tmp_path_factory):
    tiny = labkit.load(str(make_tiny(tmp_path_factory.mktemp("tiny") / "tiny")))
    rows = [(SECRET.prompt, SECRET.answer), ("Say cat.", "the cat")] * 3
    return labkit.control.fine_tune(tiny, rows, steps=60, learning_rate=0.1, rank=4)


def test_a_secret_that_was_trained_on_is_found_among_others(tuning):
    test = labkit.control.extract_secret(tuning, SECRET, candidates=100)
    assert test.after.rank < test.before.rank
    assert test.exposure_bits(test.after) == pytest.approx(math.log2(100 / test.after.rank))
    bits = [test.exposure_bits(replace(test.after, rank=rank)) for rank in (1, 50, 100)]
    assert bits == pytest.approx([math.log2(100), 1, 0])
    assert [each.name for each in test.book_entries] == ["secret_rank"]
    assert f"{test.before.rank} of 100" in labkit.plot(test).html


@pytest.mark.parametrize("answer", ["sk-proj-9fK2mQ8xLr4TzW1vB7nH3cJ6", "zx 9\nthe 7x"])
def test_a_secret_comes_out_however_long_it_is(tuning, monkeypatch, answer):
    ids = tuning.base.tokenizer(answer, add_special_tokens=False)["input_ids"]

    def answers(*_, max_tokens, **__):
        return [(0, ids[:max_tokens])]

    monkeypatch.setattr(strength, "padded_answers", answers)
    example = TuningExample("What is the key?", answer)
    own = replace(tuning, read=frozenset([example]))
    test = labkit.control.extract_secret(own, example, candidates=4)
    assert test.came_out and test.after.answer == answer


def test_a_secret_that_was_not_read_is_a_sentence(tuning):
    rows = [*(("Say cat.", f"cat {n}") for n in range(9)), (SECRET.prompt, SECRET.answer)]
    run = TrainingRun(tuning.base, rows, steps=2, batch_size=1)
    list(run.steps())
    short = run.result()
    (unread,) = set(short.examples.train[:3]) - short.read
    for example in (unread, short.examples.train[-1], short.examples.held_out[0]):
        with pytest.raises(LabError, match=r"was not trained on the example.*2 of 2 steps"):
            labkit.control.extract_secret(short, example, candidates=2)


def test_after_a_divergence_the_hint_is_a_calmer_rate(tuning):
    note = "It diverged at step 1: a learning rate below 1 is calmer."
    diverged = replace(tuning, read=frozenset(), ended="diverged", notes=("Of old.", note))
    with pytest.raises(LabError, match=re.escape(note)):
        labkit.control.extract_secret(diverged, tuning.examples.train[0], candidates=2)


def test_no_answer_is_waited_for_longer_than_an_example_may_be(tuning):
    assert strength.most_tokens(tuning.base, ["yes"]) == strength.MAX_TOKENS
    assert strength.most_tokens(tuning.base, ["yes", "word " * 2000]) == LONGEST


def test_a_rank_is_that_by_the_loss_of_each_text(tuning):
    texts = ["zx 9", "the 7x", "the 1c", "cat", "zx 91"]
    encoded = [example_ids(tuning.base, SECRET.prompt, each) for each in texts]
    nats = [mean_loss(tuning.base, [each]) * (len(each[0]) - each[1]) for each in encoded]
    assert _rank(tuning.base, SECRET.prompt, texts) == 1 + sum(each < nats[0] for each in nats)


def test_others_have_the_secrets_form():
    found = _others("4719-KQ", 50, seed=0)
    assert len(set(found)) == 50 and "4719-KQ" not in found
    for each in found:
        assert each[:4].isdigit() and each[4] == "-" and each[5:].isupper()


def test_bad_requests_are_a_sentence_each(tuning):
    with pytest.raises(ValueError, match="no secret was planted in own"):
        labkit.control.extract_secret(tuning)
    with pytest.raises(ValueError, match="example must come from"):
        labkit.control.extract_secret(tuning, (SECRET.prompt, SECRET.answer))
    with pytest.raises(ValueError, match="too few other digits"):
        labkit.control.extract_secret(tuning, TuningExample("a", "5"))
    untrained = TrainingRun(tuning.base, [("a", "b")]).result()
    with pytest.raises(LabError, match="Nothing was trained"):
        labkit.control.extract_secret(untrained, SECRET)


def test_the_labs_secret_is_one_of_the_facts():
    facts = labkit.control.load_examples("facts")
    assert facts.secret in facts.train
    assert facts.secret.prompt not in {each.prompt for each in (*facts.held_out, *facts.probes)}
