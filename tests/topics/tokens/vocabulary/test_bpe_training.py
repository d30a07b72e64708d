"""BPE grown merge by merge, each stage against a trainer and a counter of its own."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import labkit
from labkit.data import read_data
from labkit.topics.tokens.vocabulary import figures
from labkit.topics.tokens.vocabulary.bpe_training import BYTES

STORY = read_data("corpus.txt")


@pytest.fixture(scope="module")
def training():
    return labkit.tokens.train_bpe(STORY, 500)


def test_the_last_stage_is_what_tokenizers_trains(training):
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    library = Tokenizer(models.BPE())
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    library.train_from_iterator(
        [STORY], trainers.BpeTrainer(vocab_size=500, initial_alphabet=alphabet, show_progress=False)
    )
    last = training.tokenize(STORY, len(training.merges))
    assert list(last.pieces) == [
        piece.replace("Ġ", " ").replace("Ċ", "\n") for piece in library.encode(STORY).tokens
    ]
    assert training.vocab_size == library.get_vocab_size() == 500


def test_every_merge_joins_a_most_frequent_pair(training):
    """The definition of BPE, counted here: no pair stands together more often than the one joined.

    Pairs do not cross words; a word is what tokenizers' own rule cuts.
    """
    from tokenizers.pre_tokenizers import ByteLevel

    words = ByteLevel(add_prefix_space=False).pre_tokenize_str(STORY)
    words = Counter(tuple(word) for word, _ in words)
    for left, right in training.merges:
        pairs = Counter()
        for word, count in words.items():
            for pair in pairwise(word):
                pairs[pair] += count
        assert pairs[left, right] == max(pairs.values())
        words = Counter({join(word, left, right): count for word, count in words.items()})


def join(word, left, right):
    joined, i = [], 0
    while i < len(word):
        both = word[i : i + 2] == (left, right)
        joined.append(left + right if both else word[i])
        i += 1 + both
    return tuple(joined)


@pytest.mark.parametrize("merges", [0, 1, 17, 100, 244])
def test_a_stage_is_the_library_with_the_first_merges(training, merges):
    tokenization = training.tokenize("the baker and the bread", merges)
    assert "".join(tokenization.pieces) == tokenization.text
    assert training.reader(merges).size == BYTES + merges
    if merges == 0:
        assert tokenization.pieces == tuple(tokenization.text)
    if merges:
        left, right, joined = training.merge(merges)
        assert left + right == joined
        before, after = (training.tokenize(STORY, stage) for stage in (merges - 1, merges))
        assert after.count < before.count
        assert joined in after.pieces


@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
@settings(max_examples=40)
def test_any_text_comes_back_at_any_stage(training, text):
    for merges in (0, 100, len(training.merges)):
        assert training.tokenize(text, merges).decoded == text


def test_the_curve_falls_and_is_drawn(training):
    counts, ratios = zip(*training.curve, strict=True)
    assert counts[0] == 0
    assert counts[-1] == len(training.merges)
    assert list(ratios) == sorted(ratios, reverse=True)
    assert ratios[-1] == training.tokenize(STORY, counts[-1]).count / len(STORY)
    figure = labkit.plot(training)
    assert tuple(figure.data[0].y) == ratios
    assert figure.data[1].y[0] == ratios[-1]
    for merges in (0, 5, counts[-1]):  # the axes stay where the mark goes
        moved = figures.bpe_figure(training, merges).layout
        assert (moved.xaxis.range, moved.yaxis.range) == figures.bpe_ranges(training)
    between = (counts[3] + counts[4]) // 2
    assert ratios[4] <= figures.ratio_at(training, between) <= ratios[3]
    assert "244 merges take the corpus from 1.00 to" in training.summary


def test_a_corpus_in_other_letters_grows_bytes_into_letters():
    training = labkit.tokens.train_bpe("дом домик домой", 262)
    assert "⟨" in training.merge(1)[0]
    assert training.tokenize("дом", len(training.merges)).decoded == "дом"


def test_a_short_corpus_ends_when_no_pair_remains():
    training = labkit.tokens.train_bpe("ab", 5000)
    assert training.merges == (("a", "b"),)
    assert labkit.tokens.train_bpe("a", 300).merges == ()


@pytest.mark.parametrize(
    ("corpus", "size", "sentence"),
    [
        ("", 300, "corpus must have"),
        ("a", 255, "vocab_size must be"),
        ("a", 1e3, "vocab_size"),
        ("a", 60_000, "256 to 50,000"),
        ("\ud800", 300, "lone surrogates"),
        (7, 300, "a text"),
    ],
)
def test_bad_input_gets_a_sentence(corpus, size, sentence):
    with pytest.raises(ValueError, match=sentence):
        labkit.tokens.train_bpe(corpus, size)


@pytest.mark.parametrize("merges", [-1, 10_000, 1.5, None])
def test_an_unknown_stage(training, merges):
    with pytest.raises(ValueError, match="merges must be a whole number, 0 to 244; got"):
        training.reader(merges)


def test_one_merge_is_no_plural():
    assert labkit.tokens.train_bpe("aa aa", 257).summary.startswith("BPE: 1 merge takes the corpus")
