"""Checks of notebook 09's exercises: any right answer passes, a wrong one gets the reason."""

from typing import Any

from labkit.backends.constraints.constraint import GRAMMAR, Constraint
from labkit.checks import is_number
from labkit.exercise import ExerciseResult, not_yet, solved
from labkit.topics.control.finetune.strength import StrengthSweep

TIMES = ("09:30", "00:00", "23:59", "17:05")
NO_TIMES = ("9:30", "24:00", "12:60", "12:30 ", "half past nine", "09.30")


def check_time(constraint: Any) -> ExerciseResult:
    """Exercise 1: a constraint that lets times of a day through, and nothing else.

    Args:
        constraint: the learner's, from `regex` or `choices`.
    """
    if not isinstance(constraint, Constraint):
        return not_yet(r'Put a constraint in place of None, such as lab.control.regex(r"\d").')
    if constraint.kind == GRAMMAR:
        return not_yet("Write it as a regular expression: a grammar is more than it needs.")
    for text in TIMES:
        if not constraint.accepts(text):
            return not_yet(f"It refuses {text}, which is a time.")
    for text in NO_TIMES:
        if constraint.accepts(text):
            return not_yet(f"It lets {text!r} through.")
    return solved("Every answer will be a time of day. Whether it is the right one is open.")


def check_strength(sweep: StrengthSweep, strength: Any) -> ExerciseResult:
    """Exercise 2: of the strengths that learned most, the one that forgot least.

    Args:
        sweep: from `vary_strength`.
        strength: the learner's answer.
    """
    known = [each.strength for each in sweep.points]
    if not is_number(strength):
        return not_yet("Put a strength in place of None.")
    if strength not in known:
        return not_yet(f"Measured were {', '.join(f'{each:g}' for each in known)}.")
    best = max(each.right or 0.0 for each in sweep.points)
    learned = [each for each in sweep.points if (each.right or 0.0) == best]
    wanted = min(learned, key=lambda each: each.kl_bits)
    own = sweep.at(float(strength))
    if own == wanted:
        return solved(f"{best:.0%} right, and {wanted.kl_bits:.2f} bits away from the base model.")
    if own not in learned:
        return not_yet(f"There {own.right or 0:.0%} are right; elsewhere {best:.0%} are.")
    return not_yet("As many are right there, but another such strength forgot less.")
