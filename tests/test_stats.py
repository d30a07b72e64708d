"""Intervals of shares, held to what defines them."""

import pytest

from labkit.stats import share_interval


@pytest.mark.parametrize(
    ("hits", "count"), [(0, 1), (1, 1), (0, 5), (3, 7), (3, 8), (8, 8), (40, 100), (90, 100)]
)
def test_the_interval_is_wilsons(hits, count):
    """Its ends are where a test of the share at 95 % just does not refuse it."""
    low, high = share_interval(share := hits / count, count)
    assert 0 <= low <= share <= high <= 1
    for end in (low, high):
        if 0 < end < 1:
            z = (share - end) / (end * (1 - end) / count) ** 0.5
            assert abs(z) == pytest.approx(1.96, abs=1e-4)


def test_small_counts_are_less_sure():
    assert share_interval(1, 5)[0] < share_interval(1, 50)[0]
