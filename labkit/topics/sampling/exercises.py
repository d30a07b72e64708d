"""Checks of notebook 02's exercises: any right answer passes, a wrong one is told why."""

import math
from numbers import Real

from labkit.exercise import ExerciseResult
from labkit.topics.sampling.next_token.prediction import Prediction, run_chain

TOLERANCE = 0.02  # of a probability: it may have been read off a picture


def check_remaining(prediction: Prediction, settings: dict | None, *, tokens: int) -> ExerciseResult:
    """Exercise 1: settings, top_k left alone, with which exactly so many tokens are left."""
    if not settings or not isinstance(settings, dict):
        return ExerciseResult(False, "Put settings in place of None, such as {'top_p': 0.8}.")
    if settings.get("top_k") is not None:
        return ExerciseResult(False, "With top_k it is too easy: find a way without it.")
    try:
        run = run_chain(prediction, **settings)
    except (TypeError, ValueError) as error:
        return ExerciseResult(False, f"These are no settings: {error}")
    kept = run.stages[-1].remaining
    if kept == tokens:
        return ExerciseResult(True, f"{kept} tokens are left: {run.summary}")
    way = "Too many: cut off more." if kept > tokens else "Too few: cut off less."
    return ExerciseResult(False, f"{kept:,} tokens are left. {way}")


def check_in_a_row(
    prediction: Prediction, probability: float | None, *, draws: int
) -> ExerciseResult:
    """Exercise 2: how likely is it to draw the leading token so many times in turn?"""
    if not isinstance(probability, Real):
        return ExerciseResult(False, "Put a probability, 0 to 1, in place of None.")
    best = float(prediction.probabilities.max())
    right = best**draws
    told = f"{best:.3f} to the power of {draws} is {right:.3f}"
    if abs(probability - right) <= TOLERANCE:
        return ExerciseResult(True, f"Each draw is a new one: {told}.")
    if math.isclose(probability, best, abs_tol=TOLERANCE):
        return ExerciseResult(
            False, f"{probability:g} is the chance of one draw. All of them must hit."
        )
    if math.isclose(probability, best * draws, abs_tol=TOLERANCE):
        return ExerciseResult(
            False, "Chances of draws that must all hit are multiplied, not added."
        )
    return ExerciseResult(
        False, f"{probability:g} is off. What is the chance of one draw? And of two?"
    )


def check_sure(prediction: Prediction, temperature: float | None) -> ExerciseResult:
    """Exercise 3: a temperature at which the leading token is drawn in 99 % to 99.9 % of cases."""
    if not isinstance(temperature, Real):
        return ExerciseResult(False, "Put a temperature in place of None.")
    try:
        share = float(run_chain(prediction, temperature=temperature).drawn_from.max())
    except ValueError as error:
        return ExerciseResult(False, f"{error}")
    told = f"at temperature {temperature:g} it is drawn in {share:.2%} of cases"
    if 0.99 <= share < 0.999:
        return ExerciseResult(
            True, f"Yes, {told}: nearly the same as temperature 0, and not the same."
        )
    return ExerciseResult(False, f"No, {told}. Try a {'lower' if share < 0.99 else 'higher'} one.")
