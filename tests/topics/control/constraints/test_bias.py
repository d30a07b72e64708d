"""Biased and banned words: answers are those of transformers' own generate."""

from fractions import Fraction

import pytest
import torch

import labkit
from labkit.backends.reply import Outcome, Reply
from labkit.backends.settings import Settings
from labkit.backends.steps import Step
from labkit.errors import LabError
from labkit.topics.control.constraints import bias, constrain
from labkit.topics.control.constraints.bias import BiasedAnswer

PROMPT = "What is the capital of France?"


def by_transformers(model, prompt, **options):
    """The answer at temperature 0 by transformers' generate."""
    ids = torch.tensor([model.encode(prompt)])
    out = model.model.generate(
        ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=12, **options
    )
    return model.tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)


@pytest.mark.parametrize("words", [{"Paris": -100}, {"Paris": -3.0, "city": 9.0}, {"Par": -100}])
def test_answers_are_those_of_transformers(smollm2, words):
    answer = labkit.control.bias_words(smollm2, PROMPT, words, max_tokens=12)
    sequences = {
        tuple(smollm2.tokenizer(form, add_special_tokens=False)["input_ids"]): float(
            "-inf" if bias == -100 else bias
        )
        for word, bias in words.items()
        for form in (word, f" {word}")
    }
    assert answer.reply.text == by_transformers(smollm2, PROMPT, sequence_bias=sequences)
    assert answer.free.text == by_transformers(smollm2, PROMPT)


def test_a_banned_word_is_not_written_as_it_is_spelt(smollm2):
    answer = labkit.control.bias_words(smollm2, PROMPT, {"Paris": -100}, max_tokens=12)
    assert "Paris" in answer.free.text and "Paris" not in answer.reply.text
    assert (" Paris",) in answer.spellings["Paris"] and answer.slipped == ()
    assert "Paris banned" in answer.summary and "biased" in labkit.plot(answer).html


def test_any_number_is_a_bias_and_one_spelling_may_be_given_twice(smollm2):
    biases = {"zebra": Fraction(-1, 2), " zebra": -0.5}
    answer = labkit.control.bias_words(smollm2, PROMPT, biases, max_tokens=1)
    assert "zebra -0.5" in answer.summary and "zebra -0.5" in labkit.plot(answer).html


def test_scores_that_are_reported_are_the_models_own(smollm2):
    answer = labkit.control.bias_words(smollm2, PROMPT, {"The": -100}, max_tokens=1)
    free, biased = answer.free.steps[0], answer.reply.steps[0]
    assert free.text == "The" != biased.text
    assert [each.token_id for each in biased.alternatives] == [
        each.token_id for each in free.alternatives
    ]


def test_stop_strings_end_both_answers(smollm2):
    answer = labkit.control.bias_words(smollm2, PROMPT, {"zebra": -5}, stop=[" is"])
    assert answer.free.text == answer.reply.text == "The capital of France"
    assert answer.reply.finish == "stop" and "the same answer" in answer.summary


@pytest.mark.parametrize(
    ("biases", "says"),
    [
        ({}, "biases must be words with numbers"),
        (["cat"], "biases must be words with numbers"),
        ({" ": 1}, "must be of words that are text"),
        ({"cat": -101}, "the bias of 'cat' must be a number, -100 to 100"),
        ({"cat": float("nan")}, "the bias of 'cat' must be"),
        ({"\ud83d": 1}, "a word of biases must be Unicode"),
        ({"Paris": -100, " Paris": 5}, "the same for 'Paris' and ' Paris'.*got -100 and 5"),
    ],
)
def test_bad_biases_are_a_sentence_each(smollm2, biases, says):
    with pytest.raises(ValueError, match=says):
        labkit.control.bias_words(smollm2, PROMPT, biases)


@pytest.mark.parametrize(
    ("word", "text", "slipped"),
    [
        ("is", "I can assist.", False),
        ("is", "It IS so.", True),
        (" cat ", "A cat, here", True),
        ("5", "15", False),
        ("!", "Wow!", True),
        ("猫", "黒猫は", True),
        ("c++", "In C++.", True),
    ],
)
def test_a_banned_word_slipped_where_it_is_a_word_of_its_own(word, text, slipped):
    reply = Reply("m", "p", Settings(), (Step(0, text, None, None, (), None, 0.0),), Outcome())
    answer = BiasedAnswer({word: -100}, {}, reply, reply)
    assert answer.slipped == ((word,) if slipped else ())


def test_an_interrupt_of_the_free_answer_ends_both(smollm2, monkeypatch):
    asked = []

    def stopped(model, prompt, **options):
        asked.append(model)
        return Reply("m", "p", Settings(), (), Outcome(finish="interrupted"))

    for module, how in ((bias, {"cat": -5}), (constrain, labkit.control.choices(["yes"]))):
        monkeypatch.setattr(module, "generate", stopped)
        verb = module.bias_words if module is bias else module.constrain
        with pytest.raises(KeyboardInterrupt):
            verb(smollm2, PROMPT, how)
    assert asked == [smollm2, smollm2]


def test_a_model_elsewhere_is_refused():
    with pytest.raises(LabError, match="does not give them here"):
        labkit.control.biased("gpt", {"cat": -5})
