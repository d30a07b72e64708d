"""The decision's arithmetic: hand-computed cases, and what must hold whatever the numbers are."""

import itertools
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.topics.cost.facts import RangedNumber
from labkit.topics.decide.decision.core import (
    NOTHING,
    SENSITIVITIES,
    UNMET,
    HardLimits,
    Option,
    WorkKind,
    choose,
    dominates,
    total_usd,
)
from labkit.topics.decide.decision.sensitivity import recommended, sensitivity


def exact(value, origin="measured here"):
    return RangedNumber(value, value, value, origin, "test")


def option(name, right, speed, usd_out=0.0, *, leaves=False, fixed=0.0, per_s=0.0, delay=0.0):
    shares = {} if right is None else {"triage": exact(right)}
    speeds = (exact(speed * 10), exact(speed)) if speed else (None, None)
    return Option(
        *(name, leaves, shares, *speeds),
        delay_s=exact(delay),
        usd_per_token=(exact(0.0), exact(usd_out)),
        usd_per_s=exact(per_s),
        fixed_usd=exact(fixed),
    )


def kind(name="mail", **changes):
    known = {"per_week": 100, "tokens_in": 100, "tokens_out": 100, "sensitivity": "public"}
    known |= {"like": "triage", "least_right": 0.8, "most_s": 30.0}
    return WorkKind(name, **known | changes)


HERE = option("here", 0.6, 10, per_s=1e-6)
CHEAP = option("cheap cloud", 0.85, 100, 1e-5, leaves=True, delay=1)
GOOD = option("good cloud", 0.95, 100, 1e-3, leaves=True, delay=1)
CARD = option("card", 0.9, 100, fixed=4.0)
ALL = (HERE, CHEAP, GOOD, CARD)
FREE = HardLimits("secret")


def shortfall(choice):
    """By how much the share of right answers misses what is needed; all of it without an offer."""
    found = choice.recommended
    return found.lacks(choice.kind)[0] if found else choice.kind.least_right


def names(choices):
    return [each.recommended.option.name if each.recommended else None for each in choices]


def test_a_case_computed_by_hand():
    """100 answers of 100 tokens: cheap 100·100·1e-5 = $0.10; good $10; the card $4."""
    (choice,) = choose([kind()], ALL, FREE)
    offers = {each.option.name: each for each in choice.offers}
    assert offers["here"].seconds == pytest.approx(100 / 100 + 100 / 10)
    assert offers["here"].usd == pytest.approx(100 * 11 * 1e-6)
    assert offers["cheap cloud"].seconds == pytest.approx(1 + 0.1 + 1)
    assert offers["cheap cloud"].usd == pytest.approx(0.10)
    assert offers["good cloud"].usd == pytest.approx(10.0)
    assert offers["card"].alone_usd == pytest.approx(4.0)
    assert names([choice]) == ["cheap cloud"]  # the cheapest of those that are right often enough
    assert names(choose([kind(least_right=0.5)], ALL, FREE)) == ["here"]
    assert names(choose([kind(least_right=0.92)], ALL, FREE)) == ["good cloud"]
    assert names(choose([kind(sensitivity="secret")], ALL, HardLimits("internal"))) == ["card"]
    assert names(choose([kind()], ALL, HardLimits("secret", offline=True))) == ["card"]
    assert names(choose([kind()], ALL, HardLimits("secret", True, 3.0))) == ["here"]


def test_a_card_is_paid_once_for_all_kinds():
    """Three kinds at $2 each in the cloud: $6. The card serves all of them for $4."""
    dear = option("cloud", 0.95, 100, 2e-4, leaves=True)
    kinds = [kind(name) for name in "abc"]
    assert names(choose(kinds[:1], (dear, CARD), FREE)) == ["cloud"]
    choices = choose(kinds, (dear, CARD), FREE)
    assert names(choices) == ["card"] * 3
    assert total_usd([each.recommended for each in choices]) == pytest.approx(4.0)


def test_a_budget_for_all_goes_to_where_it_gains_most():
    """$12 pay for one kind in the good cloud ($10): for the one that misses more without it."""
    hard, easy = kind("hard", least_right=0.95), kind("easy", least_right=0.7)
    choices = choose([easy, hard], (HERE, GOOD), HardLimits("secret", False, 12.0))
    assert names(choices) == ["here", "good cloud"]


def test_what_is_not_known_is_named_and_not_guessed():
    silent = replace(option("new", None, 50), missing={"triage": "lab.prompts.score(…)"})
    slow = replace(option("untimed", 0.9, None), missing={"speed": "lab.measure(…)"})
    (choice,) = choose([kind()], (silent, slow), FREE)
    assert [each.verdict for each in choice.offers] == ["unknown", "unknown"]
    assert [each.why for each in choice.offers] == ["lab.prompts.score(…)", "lab.measure(…)"]
    assert choice.recommended is None and shortfall(choice) == 0.8
    (easy,) = choose([kind(least_right=0)], (silent, slow), FREE)
    assert easy.recommended.option.name == "new"


def test_the_turning_points_are_where_hand_computation_puts_them():
    found = sensitivity(([kind()], ALL, FREE), 0)
    turns = {each.what: each for each in found.turns}
    needed = turns["share that must be right"]
    assert needed.at == pytest.approx(0.85) and needed.to == "card"  # $4 < the good cloud's $10
    # the card's $4 are worth it at 40 times as many questions: 100·n·1e-5·100 = 4
    often = turns["how often it is done"]
    assert often.at == pytest.approx(4000) and often.to == "card"
    assert turns["seconds it may take"].at == pytest.approx(2.1)  # 1 + 0.1 + 1 of the cheap cloud
    assert dict(found.stricter) == {"if it had to work offline": "card"}
    assert found.unsettled == ()
    private = sensitivity(([kind()], ALL, HardLimits("public")), 0)
    assert dict(private.stricter)["if the data were secret"] == "card"
    alone = sensitivity(([kind(least_right=0.5)], (CHEAP,), FREE), 0)
    assert dict(alone.stricter) == {"if it had to work offline": UNMET}


def test_a_need_that_is_not_asked_for_can_turn_it_too():
    """Of here (60%, 11 s) and the cheap cloud (85%): as soon as more, or faster, is asked for."""
    options = (HERE, CHEAP)
    found = sensitivity(([kind(least_right=0.0, most_s=math.inf)], options, FREE), 0)
    turns = {each.what: (each.at, each.to) for each in found.turns}
    assert turns["share that must be right"] == (pytest.approx(0.6), "cheap cloud")
    assert turns["seconds it may take"] == (pytest.approx(11.0), "cheap cloud")
    away = sensitivity(([kind(least_right=0.0, most_s=math.inf)], (HERE,), FREE), 0)
    assert {each.to for each in away.turns} == {UNMET}


def test_an_answer_is_never_shorter_than_a_token():
    """Here is too slow, whatever the answer's length: 100 tokens read take 1 s, of 0.5."""
    found = sensitivity(([kind(least_right=0.5, most_s=0.5)], (HERE,), FREE), 0)
    assert "length of an answer" not in {each.what for each in found.turns}
    quick = sensitivity(([kind(least_right=0.5, most_s=1.15)], (HERE,), FREE), 0)
    [turn] = [each for each in quick.turns if each.what == "length of an answer"]
    assert (turn.at, turn.to) == (pytest.approx(1.5), "here")


def test_an_interval_that_holds_the_turning_point_is_said():
    wide = replace(CHEAP, right={"triage": RangedNumber(0.7, 0.85, 0.95, "measured here", "t")})
    found = sensitivity(([kind()], (HERE, wide, GOOD, CARD), FREE), 0)
    assert found.unsettled == (("right answers", "cheap cloud"),)


shares = st.one_of(st.none(), st.integers(0, 10).map(lambda n: n / 10))
made_options = st.lists(
    st.builds(
        option,
        st.just("x"),
        shares,
        st.sampled_from([None, 1, 5, 20, 100]),
        st.sampled_from([0, 1e-6, 1e-5, 1e-4]),
        leaves=st.booleans(),
        fixed=st.sampled_from([0, 0, 1, 5]),
        per_s=st.sampled_from([0, 1e-6]),
        delay=st.sampled_from([0, 1, 5]),
    ),
    min_size=1,
    max_size=5,
).map(lambda found: tuple(replace(each, name=f"option {n}") for n, each in enumerate(found)))
made_kinds = st.lists(
    st.builds(
        kind,
        st.just("w"),
        per_week=st.sampled_from([1, 100, 1000]),
        tokens_out=st.sampled_from([1, 100]),
        sensitivity=st.sampled_from(SENSITIVITIES),
        least_right=st.sampled_from([0.0, 0.5, 0.8, 1.0]),
        most_s=st.sampled_from([1.0, 10.0, math.inf]),
    ),
    min_size=1,
    max_size=3,
)
budgets = st.sampled_from([None, 0.0, 0.01, 0.5, 1, 2, 5, 20])
made_limits = st.builds(
    HardLimits, st.sampled_from((NOTHING, *SENSITIVITIES)), st.booleans(), budgets
)
fast = settings(max_examples=150)


@fast
@given(made_kinds, made_options, made_limits)
def test_a_dominated_option_is_never_recommended(kinds, options, limits):
    for choice in choose(kinds, options, limits):
        taken = choice.recommended
        assert not any(taken and dominates(each, taken) for each in choice.allowed)
        assert taken is None or taken in choice.allowed


@fast
@given(made_kinds, made_options, made_limits, st.data())
def test_a_stricter_limit_never_widens_the_choice(kinds, options, limits, data):
    order = (NOTHING, *SENSITIVITIES)
    most = math.inf if limits.budget_usd is None else limits.budget_usd
    tighter = [each for each in (0.0, 0.01, 0.5, 2) if each <= most] or [most]
    stricter = HardLimits(
        data.draw(st.sampled_from(order[: order.index(limits.may_leave) + 1])),
        limits.offline or data.draw(st.booleans()),
        data.draw(st.sampled_from([limits.budget_usd, *tighter])),
    )
    before, after = choose(kinds, options, limits), choose(kinds, options, stricter)
    assert sum(map(shortfall, after)) >= sum(map(shortfall, before)) - 1e-6
    for wide, narrow in zip(before, after, strict=True):
        allowed = {each.option.name for each in narrow.allowed}
        assert allowed <= {each.option.name for each in wide.allowed}


@fast
@given(made_kinds, made_options, made_limits, budgets)
def test_more_money_never_makes_quality_worse(kinds, options, limits, other):
    ends = [math.inf if each is None else each for each in (limits.budget_usd, other)]
    poor, rich = (
        choose(kinds, options, replace(limits, budget_usd=None if math.isinf(each) else each))
        for each in sorted(ends)
    )
    before, after = (sum(map(shortfall, found)) for found in (poor, rich))
    assert after <= before + 1e-6
    assert total_usd([each.recommended for each in rich]) <= max(ends)


@fast
@given(made_kinds, made_options, made_limits)
def test_striking_out_what_is_dominated_loses_nothing(kinds, options, limits):
    """The best of all combinations of what is allowed and known, tried one by one."""
    choices = choose(kinds, options, limits)
    known = [
        [*(each for each in choice.allowed if each.verdict != "unknown"), None]
        for choice in choices
    ]
    most = math.inf if limits.budget_usd is None else limits.budget_usd

    def rank(taken):
        lacks = [
            each.lacks(kind) if each else (kind.least_right, 0.0)
            for kind, each in zip(kinds, taken, strict=True)
        ]
        wrong, slow = (round(sum(column), 6) for column in zip(*lacks, strict=True))
        return wrong, taken.count(None), slow, round(total_usd(taken), 9)

    every = (each for each in itertools.product(*known) if total_usd(each) <= most)
    assert rank(tuple(each.recommended for each in choices)) == min(map(rank, every))


@settings(max_examples=25)
@given(made_kinds, made_options, made_limits)
def test_at_a_turning_point_it_turns(kinds, options, limits):
    problem = (kinds, options, limits)
    for each in sensitivity(problem, 0).turns:
        assert each.to != recommended(problem, 0)
        fields = {"how often it is done": "per_week", "length of an answer": "tokens_out"}
        fields |= {"share that must be right": "least_right", "seconds it may take": "most_s"}
        if each.what in fields:
            first = replace(kinds[0], **{fields[each.what]: each.at})
            assert recommended(([first, *kinds[1:]], options, limits), 0) == each.to
