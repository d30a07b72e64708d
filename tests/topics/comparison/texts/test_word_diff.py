"""Texts against one another: properties that hold for any two texts, and known cases."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import labkit
from labkit.topics.comparison.texts.word_diff import find_difference, split_words

# Texts of few words, so that they share some; and any text at all.
WORDS = st.lists(st.sampled_from(["the ", "cat ", "sat", ",", " on\n", "日本", "é", "<b>"])).map(
    "".join
)
TEXTS = st.text() | WORDS


@given(TEXTS)
@example(" \n ")
@example("\n lead, हिन्दी ภาษาไทย\u200b")
def test_words_joined_are_the_text(text):
    assert "".join(split_words(text)) == text


@given(TEXTS, TEXTS)
def test_pieces_joined_are_both_texts(one, other):
    pieces = find_difference(one, other).pieces
    assert "".join(piece.first for piece in pieces) == one
    assert "".join(piece.second for piece in pieces) == other


@given(WORDS, WORDS)
def test_kinds_tell_the_truth(one, other):
    for piece in find_difference(one, other).pieces:
        words = [word.strip() for word in split_words(piece.first)]
        same = words == [word.strip() for word in split_words(piece.second)]
        assert same == (piece.kind == "same")
        assert (piece.first == "") == (piece.kind == "new")
        assert (piece.second == "") == (piece.kind == "gone")


@given(TEXTS, TEXTS)
def test_similarity_is_the_same_both_ways_and_one_for_the_same_words(one, other):
    there, back = find_difference(one, other), find_difference(other, one)
    assert there.similarity == back.similarity
    assert 0 <= there.similarity <= 1
    assert there.identical == back.identical == (there.similarity == 1)
    assert find_difference(one, one).identical
    assert there.shared_words == back.shared_words


@given(WORDS, WORDS)
def test_what_is_found_is_a_longest_common_sequence(one, other):
    """Against the textbook's table (Cormen et al., "Longest common subsequence")."""
    a, b = ([word.strip() for word in split_words(text)] for text in (one, other))
    table = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, word in enumerate(a):
        for j, against in enumerate(b):
            best = max(table[i][j + 1], table[i + 1][j])
            table[i + 1][j + 1] = table[i][j] + 1 if word == against else best
    found = find_difference(one, other).found
    assert found == (table[-1][-1] / len(a) if a else None)


def test_where_they_part():
    told = find_difference("The sky is blue.", "The sky is grey today.")
    assert told.shared_words == 3 and told.parting == ("blue", "grey")
    assert find_difference("one two", "one").parting == ("two", "")
    assert find_difference("same  words", "same words").parting is None


def test_a_lone_shared_word_does_not_cut_a_long_change_in_two():
    one, other = "a b c the d e f", "u v w the x y z"
    assert [piece.kind for piece in find_difference(one, other).pieces] == ["changed"]
    assert find_difference(one, other).similarity == pytest.approx(2 / 14)
    short = find_difference("sky is blue because", "sky looks blue since")
    assert [piece.kind for piece in short.pieces] == ["same", "changed", "same", "changed"]


def test_texts_in_a_loop_take_no_minutes():
    """difflib alone took 100 s for these."""
    told = find_difference("the " * 2000, "the a " * 1000)
    assert told.similarity == pytest.approx(0.5)
    assert "".join(piece.second for piece in told.pieces) == "the a " * 1000


def test_several_texts_and_a_reference():
    texts = ["the cat sat", "the dog sat", "a bird"]
    told = labkit.comparison.compare_texts(texts)
    assert [name for name, _ in told.others] == ["text 2", "text 3"]
    assert told.similarities[0][0] == 1 and told.similarities[0][2] == 0
    held = labkit.comparison.compare_texts(texts, reference="the cat sat down")
    assert [difference.found for difference in held.differences] == [0.75, 0.5, 0]
    assert "the reference" in held.summary and "computed" in held.summary


def test_bad_texts_are_named():
    with pytest.raises(ValueError, match="answers must be two texts or more"):
        labkit.comparison.compare_texts(["alone"])
    with pytest.raises(ValueError, match="answers must be texts"):
        labkit.comparison.compare_texts([1, 2])


def test_the_picture_escapes_and_marks():
    told = labkit.comparison.compare_texts(["<script>x</script> a", "<b>y</b> a"])
    picture = labkit.plot(told).html
    assert "<script" not in picture and "<b>y" not in picture
    assert "<del" in picture and "<ins" in picture and "&lt;" in picture


def test_one_that_failed_before_its_first_word_is_left_out():
    from labkit.backends.reply import Reply, Step
    from labkit.backends.settings import Settings
    from labkit.topics.comparison.side_by_side.side_by_side import SideBySide

    step = Step(None, "words", None, None, (), None, 0.1)
    wrote = Reply("a", "x", Settings(), (step,), 1, "stop")
    failed = Reply("b", "x", Settings(), (), None, "failed", error="It is not there.")
    side = SideBySide("x", ("a", "b", "c"), (wrote, failed, wrote), (True,) * 3, reference="words")
    assert labkit.comparison.compare_texts(side).names == ("a", "c")
