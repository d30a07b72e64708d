"""Checks for the exercises of notebook 02: any right answer passes, a wrong one gets the reason."""

import difflib

from labkit.backends.settings import STAGES
from labkit.checks import is_number
from labkit.exercise import ExerciseResult, not_yet, solved
from labkit.formatting import number_of
from labkit.topics.sampling.next_token.prediction import Prediction
from labkit.topics.sampling.next_token.sampling_chain import run_chain

# The most that a probability may be off, for it may be read off a figure; and of a small one, as a
# share of it.
TOLERANCE, SHARE = 0.02, 0.1


def check_remaining(
    prediction: Prediction, settings: dict | None, *, tokens: int
) -> ExerciseResult:
    """Exercise 1: settings without top_k that keep exactly this number of tokens."""
    if not settings or not isinstance(settings, dict):
        return not_yet("Put settings in place of None, such as {'top_p': 0.8}.")
    known = [*STAGES, "order"]
    if unknown := [name for name in settings if name not in known]:
        near = difflib.get_close_matches(str(unknown[0]), known, n=1)
        guess = f" Did you mean {near[0]!r}?" if near else f" There are {', '.join(known)}."
        return not_yet(f"There is no setting {unknown[0]!r}.{guess}")
    if settings.get("top_k") is not None:
        return not_yet("With top_k it is too easy: find settings without it.")
    try:
        run = run_chain(prediction, **settings)
    except (TypeError, ValueError) as error:
        return not_yet(f"These settings do not work: {error}")
    remaining = run.remaining
    if remaining == tokens:
        return solved(f"{number_of(remaining, 'token')} left: {run.summary}")
    advice = "Too many: cut off more." if remaining > tokens else "Too few: cut off less."
    return not_yet(f"{number_of(remaining, 'token')} left. {advice}")


def check_in_a_row(
    prediction: Prediction, probability: float | None, *, draws: int
) -> ExerciseResult:
    """Exercise 2: how likely is it to draw the leading token this many times in a row?"""
    if not is_number(probability):
        return not_yet("Put a probability, 0 to 1, in place of None.")
    best = float(prediction.probabilities.max())
    right = best**draws
    as_share = (probability, probability / 100)
    formula = f"{best:.3g} to the power of {draws} is {right:.3g}"
    if _is_near(probability, right):
        return solved(f"Each draw is a new one: {formula}.")
    if _is_near(probability, best):
        return not_yet(f"{probability:g} is the chance of one draw. All of them must hit.")
    if any(_is_near(given, best * draws) for given in as_share):
        return not_yet("Chances of draws that must all hit are multiplied, not added.")
    if 1 < probability <= 100:
        return not_yet(f"{probability:g} is more than certain. Is it per cent? As a share: 0 to 1.")
    return not_yet(f"{probability:g} is off. What is the chance of one draw? And of two?")


def _is_near(probability: float, right: float) -> bool:
    return abs(probability - right) <= min(TOLERANCE, SHARE * right)


def check_sure(prediction: Prediction, temperature: float | None) -> ExerciseResult:
    """Exercise 3: a temperature at which the leading token is drawn in 99 % to 99.9 % of cases."""
    if not is_number(temperature):
        return not_yet("Put a temperature in place of None.")
    try:
        share = float(run_chain(prediction, temperature=temperature).drawn_from.max())
    except ValueError as error:
        return not_yet(f"{error}")
    result = f"at temperature {temperature:g} it is drawn in {share:.2%} of cases"
    if 0.99 <= share < 0.999:
        return solved(f"Yes, {result}: nearly temperature 0, but not quite.")
    return not_yet(f"No, {result}. Try a {'lower' if share < 0.99 else 'higher'} one.")
