"""Diversity: what the counts must be for any text, and for those where one can count by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.topics.sampling.sweep.diversity import distinct_n, loops, self_similarity

IDS = st.lists(st.integers(0, 4), max_size=40)
TEXTS = st.lists(st.text(max_size=30), min_size=2, max_size=6)


@given(st.lists(IDS, max_size=5), st.integers(1, 5))
def test_distinct_n_is_a_share_and_order_does_not_matter(rows, n):
    value = distinct_n(rows, n)
    assert value == distinct_n(rows[::-1], n)
    if all(len(row) < n for row in rows):
        assert value is None
    else:
        assert 0 < value <= 1


@given(IDS, st.integers(1, 4))
def test_the_same_text_twice_halves_it(ids, n):
    once, twice = distinct_n([ids], n), distinct_n([ids, ids], n)
    assert twice is None if once is None else twice == pytest.approx(once / 2)


def test_an_n_below_1_is_refused():
    with pytest.raises(ValueError, match="n must be a whole number, 1 or more; got 0"):
        distinct_n([[1, 2]], 0)


@given(TEXTS)
def test_similarity_is_between_0_and_1_and_treats_all_texts_alike(texts):
    value = self_similarity(texts)
    assert 0 <= value <= 1
    assert value == pytest.approx(self_similarity(texts[::-1]))


@given(st.text(), st.integers(2, 5))
def test_the_same_text_is_most_similar(text, times):
    assert self_similarity([text] * times) == 1


def test_similarity_of_texts_that_one_can_count():
    assert self_similarity(["red blue", "green"]) == 0
    assert self_similarity(["a b"]) is None
    assert self_similarity([]) is None
    nearer = self_similarity(["the sky is blue", "the sky is red"])
    assert nearer > self_similarity(["the sky is blue", "red is the sun"]) > 0


@given(IDS, st.lists(st.integers(5, 9), min_size=1, max_size=6), st.integers(3, 6), st.data())
def test_a_loop_at_the_end_is_found_wherever_it_is_cut(before, piece, times, data):
    repeated = piece * max(times, -(-8 // len(piece)))
    cut = data.draw(st.integers(0, len(piece) - 1))
    found = loops([*before, *repeated, *piece[:cut]])
    assert found.at_end
    assert found.period <= len(piece)
    assert found.repeated_share > 0


@given(st.lists(st.integers(), max_size=60, unique=True))
def test_without_repetition_there_is_no_loop(ids):
    assert (loops(ids).at_end, loops(ids).repeated_share) == (False, 0.0)


def test_a_loop_that_was_left_only_shows_in_the_share():
    looped = [1, 2, 3] * 5
    assert loops(looped).period == 3
    left = loops([*looped, 99])
    assert not left.at_end
    assert left.repeated_share > 0.5


def test_three_in_a_row_is_an_ellipsis_and_eight_are_a_loop():
    assert not loops([5, 6, 1, 1, 1]).at_end
    assert loops([5, 6, *[1] * 8]).period == 1
