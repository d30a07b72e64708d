"""Notebook 06's checks: right answers of several kinds pass, wrong ones learn why."""

import pytest

from labkit.topics.cost.amortization.break_even import break_even
from labkit.topics.cost.cloud_bill import week
from labkit.topics.cost.exercises import check_return, check_single_change, check_team


@pytest.mark.parametrize(
    "switches",
    [
        {"model": "gpt-6-sol", "thinking_tokens": 5000},
        {"model": "claude-opus-5-5", "turns": 15},
        {"model": "gpt-6-sol", "thinking_tokens": 4000, "turns": 5},
        {"model": "gpt-4o", "turns": 20, "cached_share": 0.2, "thinking_tokens": 1000},
    ],
)
def test_several_roads_lead_back_to_the_articles_week(switches):
    found = check_return(week(**switches))
    assert found.right, found.why


@pytest.mark.parametrize(
    ("mine", "why"),
    [
        (None, "Replace None"),
        (60, "Replace None"),
        (week(model="gpt-4"), "Take one that costs less"),
        (week(model="gpt-6-sol"), r"\$8\.80 is too little"),
        (week(model="gpt-6-sol", thinking_tokens=50_000), "too much"),
        (week(model="gpt-6-sol", tokens_out=6000), "answers of 6,000"),
        (week(model="gpt-6-sol", people=5), "4,000 questions"),
    ],
)
def test_wrong_weeks_learn_why(mine, why):
    import re

    found = check_return(mine)
    assert not found.right and re.search(why, found.why), found.why


BEFORE = break_even(cloud=week(model="gpt-6-sol"), hardware="rtx-3090")


@pytest.mark.parametrize(
    "mine",
    [
        break_even(cloud=week(model="gpt-6-sol", people=10), hardware="rtx-3090"),
        break_even(cloud=week(model="gpt-4"), hardware="rtx-3090"),
        break_even(cloud=week(model="gpt-6-sol", thinking_tokens=10_000), hardware="rtx-3090"),
        break_even(cloud=week(model="gpt-6-sol"), hardware="rtx-3090", price_usd=70),
        break_even(cloud=week(model="gpt-6-sol"), resale_share=0.95),
        break_even(cloud=85.0),
        break_even(cloud=week(model="gpt-6-sol"), questions=20_000),
        break_even(cloud=week(model="gpt-6-sol"), question_usd=0.11),
    ],
)
def test_any_single_change_that_does_it_is_right(mine):
    found = check_single_change(BEFORE, mine)
    assert found.right, found.why


@pytest.mark.parametrize(
    ("mine", "why"),
    [
        (None, "Replace None"),
        (BEFORE, "Nothing is changed"),
        (break_even(cloud=week(model="gpt-6-sol", people=2)), "people, and it is"),
        (break_even(cloud=week(model="gpt-6-sol", people=10), price_usd=400), "more than one"),
        (break_even(cloud=week(model="gpt-6-sol"), hardware="rtx-3090-article"), "the hardware"),
        (break_even(cloud=week(model="gpt-6-luna")), "never in 100"),
        (
            break_even(cloud=week(model="gpt-6-sol", people=10), question_usd=0.02, seconds=2),
            "more than one change: the cloud's bill, people, seconds",
        ),
        (
            break_even(cloud=BEFORE.week, hardware="rtx-3090-article", price_usd=60),
            "more than one change: price_usd, the hardware",
        ),
        (break_even(cloud=85.0, questions=9000), "more than one change"),
        (break_even(cloud=week(model="gpt-6-sol", people=10), question_usd=0.02), "people"),
    ],
)
def test_wrong_changes_learn_why(mine, why):
    found = check_single_change(BEFORE, mine)
    assert not found.right and why in found.why, found.why


LIMITS = {"seconds": 9.06, "questions_per_hour": 20, "most_wait_s": 10}


def test_the_largest_team_and_no_other():
    right = [n for n in range(1, 30) if check_team(n, **LIMITS).right]
    assert len(right) == 1 and check_team(float(right[0]), **LIMITS).right
    (largest,) = right
    assert "room for more" in check_team(largest - 1, **LIMITS).why
    assert "the mean wait is" in check_team(largest + 1, **LIMITS).why
    assert "without end" in check_team(500, **LIMITS).why


@pytest.mark.parametrize("bad", [None, "ten", 0, -3, 2.5, float("nan"), float("inf"), True])
def test_what_is_no_team(bad):
    assert "whole number" in check_team(bad, **LIMITS).why
