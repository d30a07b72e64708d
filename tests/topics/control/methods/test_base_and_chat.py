"""The same prompts as chat and as raw text: each form's answers are those of `generate`."""

from dataclasses import replace

import pytest

import labkit

PROMPTS = ("Say cat.", "the cat")


@pytest.fixture(scope="module")
def tiny(make_tiny, tmp_path_factory):
    return labkit.load(str(make_tiny(tmp_path_factory.mktemp("tiny") / "tiny")))


@pytest.fixture(scope="module")
def comparison(thinker, tiny):
    return labkit.control.compare_base(thinker, PROMPTS, base=tiny, max_tokens=10)


def test_each_form_is_answered_as_it_would_be_alone(comparison, thinker, tiny):
    thinking, plain = thinker.name, tiny.name
    assert [each.name for each in comparison.forms] == [
        f"{thinking}, chat template",
        f"{thinking}, raw text",
        f"{plain}, raw text",
    ]
    cases = ((thinker, False), (thinker, True), (tiny, True))
    for form, (model, raw) in zip(comparison.forms, cases, strict=True):
        for prompt, reply in zip(PROMPTS, form.replies, strict=True):
            alone = labkit.generate(model, prompt, raw=raw, temperature=0, max_tokens=10)
            assert (reply.text, reply.finish) == (alone.text, alone.finish)


def test_answered_counts_what_has_text_and_ended_what_was_not_cut_off(comparison):
    """One model was made to end its turn; the other is random and never does."""
    chat, _, base = comparison.forms
    assert "2 of 2 answered" in chat.summary and "2 of them ended" in chat.summary
    assert "2 of 2 answered" in base.summary and "0 of them ended" in base.summary
    empty = replace(chat.replies[0], steps=())
    half = replace(chat, replies=(empty, chat.replies[1]))
    assert half.answered[1] == 0.5 and "1 of 2 answered" in half.summary
    found = replace(comparison, forms=(half, base))
    assert {each.model: each.value for each in found.book_entries} == {
        half.name: 50,
        base.name: 100,
    }
    assert {"■", "…"} <= set(labkit.plot(found).html)


def test_a_base_model_that_is_not_here_is_named(tiny, home):
    prompts = (each for each in ["the cat"])
    found = labkit.control.compare_base(tiny, prompts, max_tokens=2)
    assert found.prompts == ("the cat",)
    assert [each.name for each in found.forms] == [f"{tiny.name}, raw text"]
    assert "gemma-3-270m" in found.missing[0] and "models get gemma-3-270m" in found.missing[0]
    assert "models get" in repr(found) and "models get" in labkit.plot(found).html


def test_bad_prompts_are_a_sentence(tiny):
    for prompts in ("the cat", [], [1], None):
        with pytest.raises(ValueError, match="prompts must be a list of texts"):
            labkit.control.compare_base(tiny, prompts)
    with pytest.raises(ValueError, match="base must come from"):
        labkit.control.compare_base(tiny, base=None)
