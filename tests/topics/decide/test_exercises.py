"""Notebook 10's exercises: a right answer passes however found; a wrong one has a reason."""

from dataclasses import replace

import pytest

import labkit as lab
from labkit.backends.routed.route import RouteRule
from labkit.lab_book.book import LabBook
from labkit.topics.decide import exercises
from labkit.topics.decide.routing import learn

from .routing.test_routing import graded, missing_minilm, questions

EMPTY = LabBook(())


@pytest.fixture(autouse=True)
def without_minilm(monkeypatch):
    monkeypatch.setattr(learn, "require_stored", missing_minilm)


def decided(least_right=0.8, **changes):
    kinds = [
        lab.decide.work("code", like="code", least_right=least_right),
        lab.decide.work("text", like="general", least_right=0.7),
    ]
    return lab.decide.recommend(kinds, book_of=EMPTY, **changes)


def test_one_change_that_turns_something():
    before = decided()
    assert exercises.check_turn(before, decided(0.93)).right
    assert exercises.check_turn(before, decided(may_leave="public")).right
    for mine, why in (
        (None, "Replace None"),
        (decided(), "you changed nothing"),
        (decided(0.79), "nothing turns"),
        (decided(0.93, offline=True), "least_right of code, offline"),
        (decided(0.79, right={"gpt-4.1": 0.5}), "nothing turns"),
        (decided(right={"gpt-4.1": 0.5}), "you changed nothing"),
    ):
        result = exercises.check_turn(before, mine)
        assert not result.right and why in result.why
    card = {"cards": ["rtx-3090"]}
    for changes in ({}, {"may_leave": "public"}):
        assert (
            "the cards as they were" in exercises.check_turn(before, decided(**changes, **card)).why
        )
    owned = {"may_leave": "nothing", "right": {"rtx-3090": 0.99}, **card}
    assert "nothing turns" in exercises.check_turn(decided(**owned), decided(0.79, **owned)).why


def test_what_was_measured_meanwhile_is_no_change():
    before, meanwhile = decided(), {"right": {"gpt-4o-mini": 0.5}}
    assert _code(before) != _code(decided(**meanwhile))
    assert "nothing turns" in exercises.check_turn(before, decided(0.81, **meanwhile)).why
    assert exercises.check_turn(before, decided(offline=True, **meanwhile)).right


def _code(decision):
    return decision.choices[0].verdict


@pytest.mark.slow
def test_a_router_that_closes_the_gap_with_few_calls():
    practice, held = graded(), graded("held out")
    shares = [n / 20 for n in range(21)]
    found = [
        exercises.check_route(held, lab.decide.learn_route(practice, to_large=each))
        for each in shares
    ]
    assert any(each.right for each in found)
    assert "More have to go there" in found[0].why
    assert not found[-1].right and "also possible with" in found[-1].why
    assert not exercises.check_route(held, None).right
    alike = replace(held, large=held.small)
    without = exercises.check_route(alike, lab.decide.learn_route(practice))
    assert without.right and "no router has a gap" in without.why
    cheated = exercises.check_route(held, lab.decide.learn_route(held, to_large=0.5))
    assert not cheated.right and "very questions that judge it" in cheated.why


@pytest.mark.slow
def test_where_the_router_is_equally_sure_of_all_some_share_is_right():
    practice, held = (
        replace(each, small=tuple(replace(e, logprob=-1.0) for e in each.small))
        for each in (graded(), graded("held out"))
    )
    assert any(
        exercises.check_route(held, lab.decide.learn_route(practice, to_large=n / 20)).right
        for n in range(21)
    )


def test_a_rule_for_calculations():
    asked = questions(["triage", "arithmetic"], 20, "held out", 0)
    held = replace(graded("held out"), questions=tuple(asked))
    pattern = r"^\d+ \S \d+ =$"
    pair = (pattern, "large")
    for mine in (pair, list(pair), [pair], [list(pair)], RouteRule(*pair)):
        assert exercises.check_rule(held, mine).right
    for mine, why in (
        (None, "Replace None"),
        ((r"\d", "small"), "Replace None"),
        (("(", "large"), "not a regular expression"),
        ((r"\w", "large"), "is found by it too"),
        ((r"\+", "large"), "is not found by it"),
    ):
        result = exercises.check_rule(held, mine)
        assert not result.right and why in result.why
