"""Checks of notebook 09's exercises: any right answer passes, a wrong one gets the reason."""

from typing import Any

from labkit.backends.constraints.constraint import Constraint
from labkit.checks import is_number
from labkit.exercise import ExerciseResult, not_yet, solved
from labkit.topics.control.finetune.strength import StrengthSweep

# Every hour and every minute: a slip is in a digit of one of them.
TIMES = [f"{hour:02}:{minute}" for minute in (30, 59) for hour in (9, *range(24))]
TIMES += [f"{hour:02}:{minute:02}" for hour in (0, 23) for minute in range(60)]
NO_TIMES = [f"{hour}:{minute}" for hour in (*range(24, 30), 99) for minute in (10, 59)]
NO_TIMES += [f"{hour:02}:{minute}" for hour in (0, 23) for minute in (60, 75, 99)]
NO_TIMES += ["9:30", "12:30 ", " 12:30", "12:30\n", "12:3", "012:30", "-12:30", "12:30:15"]
NO_TIMES += ["٢٣:٥٩", "１2:30", "1２:30", "12:３0", "12:3０"]  # digits of other scripts
NO_TIMES += ["24:00", "", "12:30 am", "half past nine", "09.30"]


def check_time(constraint: Any) -> ExerciseResult:
    """Exercise 1: a constraint that lets times of a day through, and nothing else.

    Args:
        constraint: the learner's, from `regex`, `choices` or `grammar`.
    """
    if not isinstance(constraint, Constraint):
        return not_yet(r'Put a constraint in place of None, such as lab.control.regex(r"\d").')
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
    if not sweep.points:
        return not_yet("The sweep was stopped before its first strength: run its cell again.")
    known = [each.strength for each in sweep.points]
    if not is_number(strength):
        return not_yet("Put a strength in place of None.")
    if strength not in known:
        return not_yet(f"Measured were {', '.join(f'{each:g}' for each in known)}.")
    if all(each.right is None for each in sweep.points):
        return not_yet(
            "Nothing was held out, so nobody can say which strength learned most: sweep a training "
            "that has held-out examples."
        )
    best = max(each.right or 0.0 for each in sweep.points)
    learned = [each for each in sweep.points if (each.right or 0.0) == best]
    wanted = min(learned, key=lambda each: each.kl_bits)
    own = sweep.at(float(strength))
    if own == wanted:
        return solved(f"{best:.0%} right, and {wanted.kl_bits:.2f} bits away from the base model.")
    if own not in learned:
        return not_yet(f"There {own.right or 0:.0%} are right; elsewhere {best:.0%} are.")
    return not_yet("As many are right there, but another such strength forgot less.")
