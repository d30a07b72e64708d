"""Checks of notebook 10's exercises: any right answer passes, a wrong one gets the reason."""

import re
from dataclasses import fields
from typing import Any

from labkit.backends.routed.route import RouteRule
from labkit.exercise import ExerciseResult, not_yet, solved
from labkit.topics.prompts.tasks.task import PRACTICE

from .decision.core import Recommendation, choose
from .decision.recommend import Decision
from .decision.sensitivity import outcome
from .routing.evaluate import evaluate
from .routing.graded import GradedItems
from .routing.learn import LearnedRoute
from .routing.result import ROUTER

CLOSED, NEAR, TINY = 0.8, 0.1, 1e-9


def check_turn(before: Decision, mine: Decision | None) -> ExerciseResult:
    """Exercise 1: one changed number of one kind of work, which turns its recommendation.

    Both are judged by the options in the learner's decision: the lab book may have grown since.

    Args:
        before: the decision to start from.
        mine: the learner's.
    """
    if not isinstance(mine, Decision) or not isinstance(before, Decision):
        return not_yet("Replace None with lab.decide.recommend(…), with one number changed.")
    if len(mine.choices) != len(before.choices):
        return not_yet("Keep all kinds of work, in their order.")
    if _cards(before) != _cards(mine):
        return not_yet("Leave the cards as they were: change a kind of work, or a limit.")
    changes = _changes(before, mine)
    if len(changes) != 1:
        what = ", ".join(changes) or "nothing of a kind of work or of the limits"
        return not_yet(f"Change one thing; you changed {what}.")
    turned = [
        f"{old.kind.name} from {outcome(old)} to {outcome(new)}"
        for old, new in zip(_with_options_of(mine, before), mine.choices, strict=True)
        if outcome(old) != outcome(new)
    ]
    if changes[0].startswith("like "):
        return not_yet("That is another kind of work. Change a number of this one.")
    if not turned:
        return not_yet(f"{changes[0]}, and nothing turns. See “What turns it” on the page.")
    return solved(f"{changes[0]} turns {'; '.join(turned)}.")


def _with_options_of(mine: Decision, before: Decision) -> tuple[Recommendation, ...]:
    """What is recommended before the change."""
    options = [offer.option for offer in mine.choices[0].offers]
    return choose([each.kind for each in before.choices], options, before.limits)


def _cards(decision: Decision) -> set[str]:
    options = (offer.option for offer in decision.choices[0].offers)
    return {each.name for each in options if each.fixed_usd.likely}


def _changes(before: Decision, mine: Decision) -> list[str]:
    pairs = [(a.kind, b.kind) for a, b in zip(before.choices, mine.choices, strict=True)]
    found = []
    for old, new in [*pairs, (before.limits, mine.limits)]:
        owner = f" of {old.name}" if hasattr(old, "name") else ""
        names = (each.name for each in fields(old))
        found += [f"{n}{owner}" for n in names if getattr(old, n) != getattr(new, n)]
    return found


def check_route(held_out: GradedItems, mine: LearnedRoute | None) -> ExerciseResult:
    """Exercise 2: a router that closes 80 % of the gap, and asks the large model little more.

    Args:
        held_out: the graded items that judge it.
        mine: what the learner's router learned.
    """
    if not isinstance(mine, LearnedRoute):
        return not_yet("Replace None with lab.decide.learn_route(practice, to_large=…).")
    pair = evaluate(mine, held_out).pairs[0]
    closed = pair.measures[ROUTER]["PGR"].value
    if closed is None:
        return solved("Here the large model is not right more often: no router has a gap to close.")
    if mine.half != PRACTICE:
        return not_yet("It learned from the very questions that judge it: take practice.")
    sent = pair.share(ROUTER).to_large
    line = f"{sent:.0%} go to the large model, and {closed:.0%} of the gap is closed"
    if closed < CLOSED - TINY:
        return not_yet(f"{line}. More have to go there.")
    # Questions that it is equally sure of go there together: the share between is out of reach.
    shares, right = pair.curves[ROUTER]
    enough = right[0] + CLOSED * (right[-1] - right[0]) - TINY
    possible = next(
        share for share, reached in zip(shares, right, strict=True) if reached >= enough
    )
    if sent > possible + NEAR:
        return not_yet(f"{line}. That is also possible with {possible:.0%}.")
    return solved(f"{line}. Whether it is so on other questions, the interval of CPT says.")


def check_rule(held_out: GradedItems, mine: Any) -> ExerciseResult:
    """Exercise 3: a rule that sends calculations to the large model, and nothing else.

    Args:
        held_out: graded items with calculations among them.
        mine: the learner's pair: a regular expression, and ``"large"``.
    """
    if isinstance(mine, list) and len(mine) == 1:  # as `rules` takes them
        mine = mine[0]
    if isinstance(mine, RouteRule):
        mine = (mine.pattern, mine.to)
    is_pair = isinstance(mine, tuple | list) and len(mine) == 2
    is_pair = is_pair and all(isinstance(each, str) for each in mine)
    if not is_pair or mine[1] != "large":
        return not_yet('Replace None with a pair such as (r"…", "large").')
    try:
        pattern = re.compile(mine[0])
    except re.error as error:
        return not_yet(f"That is not a regular expression: {error}.")
    for asked in held_out.questions:
        fits, is_sum = bool(pattern.search(asked.text)), asked.test == "arithmetic"
        if fits != is_sum:
            word = "is not found by it" if is_sum else "is found by it too"
            return not_yet(f"{asked.text!r} {word}.")
    return solved("A rule costs nothing, and where it is right, it needs no model.")
