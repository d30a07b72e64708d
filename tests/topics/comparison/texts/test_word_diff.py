"""Word diffs: properties that hold for any two texts, and known cases."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import labkit
from labkit.topics.comparison.texts.word_diff import diff_words, split_words

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
def test_segments_joined_are_both_texts(one, other):
    segments = diff_words(one, other).segments
    assert "".join(segment.first for segment in segments) == one
    assert "".join(segment.second for segment in segments) == other


@given(WORDS, WORDS)
def test_kinds_tell_the_truth(one, other):
    for segment in diff_words(one, other).segments:
        words = [word.strip() for word in split_words(segment.first)]
        same = words == [word.strip() for word in split_words(segment.second)]
        assert same == (segment.kind == "equal")
        assert (segment.first == "") == (segment.kind == "inserted")
        assert (segment.second == "") == (segment.kind == "deleted")


@given(TEXTS, TEXTS)
def test_similarity_is_the_same_both_ways_and_one_for_the_same_words(one, other):
    there, back = diff_words(one, other), diff_words(other, one)
    assert there.similarity == back.similarity
    assert 0 <= there.similarity <= 1
    assert there.identical == back.identical == (there.similarity == 1)
    assert diff_words(one, one).identical
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
    found = diff_words(one, other).recall
    assert found == (table[-1][-1] / len(a) if a else None)


def test_where_they_diverge():
    difference = diff_words("The sky is blue.", "The sky is grey today.")
    assert difference.shared_words == 3 and difference.first_change == ("blue", "grey")
    assert diff_words("one two", "one").first_change == ("two", "")
    assert diff_words("same  words", "same words").first_change is None


def test_a_lone_shared_word_does_not_cut_a_long_change_in_two():
    one, other = "a b c the d e f", "u v w the x y z"
    assert [segment.kind for segment in diff_words(one, other).segments] == ["replaced"]
    assert diff_words(one, other).similarity == pytest.approx(2 / 14)
    short = diff_words("sky is blue because", "sky looks blue since")
    assert [segment.kind for segment in short.segments] == [
        "equal",
        "replaced",
        "equal",
        "replaced",
    ]


def test_texts_in_a_loop_take_no_minutes():
    """difflib alone took 100 s for these."""
    difference = diff_words("the " * 2000, "the a " * 1000)
    assert difference.similarity == pytest.approx(0.5)
    assert "".join(segment.second for segment in difference.segments) == "the a " * 1000


def test_what_is_found_of_a_reference_is_what_stands_unmarked():
    """The figure struck a reference out whole beside "38% found"."""
    reference = "Air scatters the blue part of sunlight more than the red part."
    answer = "The light of the sun is scattered by the air: blue light more than red, in part."
    compared = labkit.comparison.compare_texts([answer], reference=reference)
    (difference,) = compared.differences
    kept = [each.first for each in difference.segments if each.kind == "equal"]
    words = split_words(reference)
    assert len(split_words("".join(kept))) == difference.recall * len(words) > 3
    assert "".join(each.first for each in difference.segments) == reference


def test_texts_that_differ_are_never_wholly_alike():
    text = "the ship sails on " * 100
    compared = labkit.comparison.compare_texts([text, f"{text}home"], reference=f"{text}away")
    page = labkit.plot(compared).html
    assert page.count("100%") == 2  # each text with itself
    assert page.count("99%") == 4 and "99% found" in page


def test_a_reference_that_is_not_a_text_is_a_sentence():
    with pytest.raises(ValueError, match=r"^reference must be a text or None; got 5"):
        labkit.comparison.compare_texts(["a", "b"], reference=5)


def test_several_texts_and_a_reference():
    texts = ["the cat sat", "the dog sat", "a bird"]
    difference = labkit.comparison.compare_texts(texts)
    assert [name for name, _ in difference.others] == ["text 2", "text 3"]
    assert difference.similarities[0][0] == 1 and difference.similarities[0][2] == 0
    compared = labkit.comparison.compare_texts(texts, reference="the cat sat down")
    assert [difference.recall for difference in compared.differences] == [0.75, 0.5, 0]
    assert "the reference" in compared.summary and "computed" in compared.summary


def test_bad_texts_are_named():
    with pytest.raises(ValueError, match="answers must be two texts or more"):
        labkit.comparison.compare_texts(["alone"])
    with pytest.raises(ValueError, match="answers must be texts"):
        labkit.comparison.compare_texts([1, 2])


def test_the_figure_escapes_and_marks():
    difference = labkit.comparison.compare_texts(["<script>x</script> a", "<b>y</b> a"])
    figure = labkit.plot(difference).html
    assert "<script" not in figure and "<b>y" not in figure
    assert "<del" in figure and "<ins" in figure and "&lt;" in figure


def test_one_that_failed_before_its_first_word_is_left_out():
    from labkit.backends.reply import Outcome, Reply, Step
    from labkit.backends.settings import Settings
    from labkit.topics.comparison.side_by_side.compare import SideBySide

    step = Step(None, "words", None, None, (), None, 0.1)
    wrote = Reply("a", "x", Settings(), (step,), Outcome("stop", 1))
    failed = Reply("b", "x", Settings(), (), Outcome("failed", error="It is not there."))
    side = SideBySide("x", ("a", "b", "c"), (wrote, failed, wrote), (True,) * 3, reference="words")
    assert labkit.comparison.compare_texts(side).names == ("a", "c")
