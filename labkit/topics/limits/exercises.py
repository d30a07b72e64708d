"""Checks of notebook 08's exercises: any right answer passes, a wrong one gets the reason."""

from labkit.checks import is_number
from labkit.exercise import ExerciseResult, not_yet, solved
from labkit.topics.limits.code.pass_at_k import pass_at_k
from labkit.topics.limits.confidence.result import Calibration

TOLERANCE = 0.005
WANTED_SHARE = 0.9
FEWEST_ANSWERED = 0.25


def check_pass_at_k(answer: float | None, *, n: int, c: int, k: int) -> ExerciseResult:
    """Exercise 1: how likely is one of k attempts right, if c of n were?

    Args:
        answer: the learner's answer, 0 to 1.
        n: attempts that were made.
        c: those that passed.
        k: attempts to choose.
    """
    if not is_number(answer):
        return not_yet("Put a number from 0 to 1 in place of None.")
    right, naive = pass_at_k(n, c, k), 1 - (1 - c / n) ** k
    if abs(answer - right) <= TOLERANCE:
        return solved(f"{right:.3f}: the attempts are drawn without putting one back.")
    if abs(answer - naive) <= TOLERANCE:
        return not_yet(
            f"{naive:.3f} would hold if each attempt were put back after it was drawn. No attempt "
            "is drawn twice."
        )
    if 1 < answer <= 100:
        return not_yet("A share from 0 to 1, not a percentage.")
    return not_yet(
        f"Of all choices of {k} among {n} attempts, count those without one of the {c} that passed."
    )


def check_threshold(measured: Calibration, threshold: float | None) -> ExerciseResult:
    """Exercise 2: from which confidence on may the model answer alone?

    Args:
        measured: from ``lab.limits.calibration``.
        threshold: answers with a lower option probability are withheld.
    """
    if not is_number(threshold) or not 0 <= threshold <= 1:
        return not_yet("Put a probability from 0 to 1 in place of None.")
    items = measured.items
    if len(items) < measured.asked:
        return not_yet("The calibration was stopped: run its cell again.")
    if not any(_is_good(items, each.probability) for each in items):
        return solved(
            "No threshold does it with these answers: this model's probability cannot be used so."
        )
    given = [each.right for each in items if each.probability >= threshold]
    if len(given) < FEWEST_ANSWERED * len(items):
        return not_yet(
            f"Then it answers {len(given)} of {len(items)} questions, less than a quarter."
        )
    share = sum(given) / len(given)
    if share < WANTED_SHARE:
        return not_yet(
            f"{sum(given)} of the {len(given)} answers that it then gives are right, {share:.1%}."
        )
    return solved(
        f"It answers {len(given)} of {len(items)} questions, {share:.0%} of them right; the others "
        "it hands on. Notebook 10 makes a router of that."
    )


def _is_good(items, threshold: float) -> bool:
    given = [each.right for each in items if each.probability >= threshold]
    enough = len(given) >= FEWEST_ANSWERED * len(items)
    return enough and sum(given) >= WANTED_SHARE * len(given)
