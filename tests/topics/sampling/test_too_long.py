"""Ten megabytes as a prompt: every verb refuses it in a sentence, without tokenizing it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import labkit

HUGE = "A <b>sentence</b> that says no more than the last. " * 200_000
SENTENCE = (
    r"^prompt must leave room in the context of 8,192 tokens; got 10,\d{3},\d{3} characters, which "
    r"are at least [\d,]{5,} tokens$"
)
VERBS = {
    "stream": labkit.stream,
    "stream raw": lambda model, prompt: labkit.stream(model, prompt, raw=True),
    "generate": labkit.generate,
    "predict": labkit.predict,
    "sweep": labkit.sweep,
    "walk": labkit.sampling.walk_panel,
    "repeat": labkit.sampling.repeat,
    "beam_search": labkit.sampling.beam_search,
    "grow_tree": labkit.sampling.grow_tree,
    "messages": lambda model, prompt: labkit.stream(model, [{"role": "user", "content": prompt}]),
}


class OnlyVocabulary:
    """A tokenizer that must not tokenize."""

    chat_template = "there is one"

    def __init__(self, tokenizer):
        self.get_vocab = tokenizer.get_vocab


class NoPass:
    """A model that must not be run."""

    def __init__(self, model):
        self.config, self.device = model.config, model.device


@pytest.mark.parametrize("verb", VERBS)
def test_ten_megabytes_are_refused_before_tokenizing(smollm2, monkeypatch, verb):
    monkeypatch.setattr(smollm2, "tokenizer", OnlyVocabulary(smollm2.tokenizer))
    monkeypatch.setattr(smollm2, "model", NoPass(smollm2.model))
    with pytest.raises(ValueError, match=SENTENCE):
        VERBS[verb](smollm2, HUGE)


def test_a_text_that_could_fit_is_counted_in_tokens(smollm2, capsys):
    with pytest.raises(ValueError, match=r"context of 8,192 tokens; got 20,0\d\d tokens$"):
        labkit.stream(smollm2, "water " * 20_000)
    assert not capsys.readouterr().err, "transformers' own warning"


@pytest.fixture(scope="module")
def tiny(make_tiny, tmp_path_factory):
    return labkit.load(make_tiny(tmp_path_factory.mktemp("tiny")))


@given(ids=st.lists(st.integers(0, 49_151), max_size=40))
@settings(max_examples=200)
def test_no_tokens_spell_more_than_the_limit(smollm2, ids):
    assert len(smollm2.tokenizer.decode(ids)) <= smollm2.most_characters(len(ids))


@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=600))
@settings(max_examples=100)
def test_no_text_that_fits_is_refused(tiny, text):
    """The tiny tokenizer has every byte, so its tokens spell any text."""
    count = len(tiny.tokenizer(text)["input_ids"])
    assert len(text) <= tiny.most_characters(count)
    if 0 < count < tiny.context:
        assert len(tiny.encode(text, raw=True)) == count


def test_a_lone_surrogate_is_refused_everywhere(smollm2):
    for ask in (
        labkit.stream,
        labkit.predict,
        labkit.sampling.grow_tree,
        labkit.sampling.walk_panel,
    ):
        with pytest.raises(ValueError, match=r"^prompt must be Unicode .* as character 3"):
            ask(smollm2, "hot\ud800")
    with pytest.raises(ValueError, match=r"^the content of a message must be Unicode"):
        labkit.stream(smollm2, [{"role": "user", "content": "\ud800"}])
    with pytest.raises(ValueError, match=r"^the content of a message must be a text; got int"):
        labkit.stream(smollm2, [{"role": "user", "content": 7}])


def test_an_invalid_prompt_is_not_repeated_whole(smollm2):
    with pytest.raises(ValueError, match=r"^prompt must be a text, or messages") as error:
        labkit.stream(smollm2, [HUGE])
    assert len(str(error.value)) < 300
