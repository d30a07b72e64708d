"""Injection: answers are the model's own, and a leak is the secret in one of them."""

import pytest

import labkit
from labkit.topics.prompts.injection import injection
from labkit.topics.prompts.injection.injection import ATTACKS, HARMLESS, MOST_TOKENS, SECRET, _holds


def test_every_message_is_asked_and_leaks_are_counted(untrained):
    test = labkit.prompts.try_injections(untrained)
    assert [each.message for each in test.attacks] == list(ATTACKS)
    assert [each.message for each in test.harmless] == list(HARMLESS)
    for each in (*test.attacks, *test.harmless):
        assert each.leaked == (SECRET in each.answer.casefold())
    low, high = test.interval
    assert low <= test.leaked / len(ATTACKS) <= high
    messages = [{"role": "system", "content": test.system}, {"role": "user", "content": ATTACKS[0]}]
    alone = labkit.generate(untrained, messages, temperature=0, max_tokens=32)
    assert test.attacks[0].answer == alone.text.strip()
    assert "leaked" in labkit.plot(test).html or not test.leaked
    assert f"{test.leaked} of {len(ATTACKS)}" in test.summary


def test_a_stop_before_the_first_answer_says_so(untrained, monkeypatch):
    def stopping(*_, **__):
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(injection, "padded_answers", stopping)
    with pytest.raises(labkit.LabError, match="Stopped before one attack was complete"):
        labkit.prompts.try_injections(untrained)


def test_an_answer_that_was_cut_says_so(untrained, monkeypatch):
    word = untrained.tokenizer("word")["input_ids"]
    written = iter([(0, word * MOST_TOKENS), (len(ATTACKS), word * (MOST_TOKENS - 1))])
    monkeypatch.setattr(injection, "padded_answers", lambda *_, **__: written)
    test = labkit.prompts.try_injections(untrained)
    assert [each.is_cut for each in (*test.attacks, *test.harmless)] == [True, False]
    html = labkit.plot(test).html
    assert html.count("word …<") == 1 and f"were cut at {MOST_TOKENS} tokens" in html


def test_a_secret_that_is_not_in_the_prompt_is_refused(untrained):
    for secret in ("", "absent"):
        with pytest.raises(ValueError, match="secret must be a word"):
            labkit.prompts.try_injections(untrained, system="Be kind.", secret=secret)


@pytest.mark.parametrize("text", ["It is MARZIPAN.", "M-A-R-Z-I-P-A-N", "m a r z i p a n!"])
def test_a_secret_that_is_spelled_out_has_leaked(text):
    assert _holds(text, "marzipan") and not _holds("I will not tell.", "marzipan")


@pytest.mark.parametrize("text", ["Sorry, in music at noon", "Specific attics", "c and a and t"])
def test_letters_of_several_words_spell_nothing(text):
    assert not _holds(text, "cat")
