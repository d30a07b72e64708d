"""Checks of notebook 11's exercises: any right answer passes, a wrong one gets the reason."""

from labkit.backends.llamacpp.infill import FAMILIES
from labkit.checks import is_number
from labkit.exercise import ExerciseResult, not_yet, solved

from .measure.threshold import ThresholdCurve

WANTED_SHARE = 0.8
FEWEST_SHOWN = 0.3


def check_prompt(prompt: str | None, *, before: str, after: str) -> ExerciseResult:
    """Exercise 1: the prompt with which Qwen2.5-Coder fills a gap.

    Args:
        prompt: the learner's text.
        before: the code before the gap.
        after: the code after it.
    """
    if not isinstance(prompt, str) or not prompt.strip():
        return not_yet("Put a text in place of None.")
    tokens = FAMILIES[0]
    right = f"{tokens.prefix}{before}{tokens.suffix}{after}{tokens.middle}"
    if prompt in (right, tokens.prompt(before, after)):
        return solved("The model goes on after <|fim_middle|>: with what belongs into the gap.")
    if any(each not in prompt for each in tokens.all[:3]):
        return not_yet("Three tokens are needed: <|fim_prefix|>, <|fim_suffix|>, <|fim_middle|>.")
    if not prompt.endswith(tokens.middle):
        return not_yet("The model writes at the end: which token has to stand there?")
    if prompt.index(tokens.suffix) < prompt.index(tokens.prefix):
        return not_yet("So it is the order of another model. Qwen reads what is before first.")
    if before not in prompt or after not in prompt:
        return not_yet(
            "The code before and after the gap has to be in it as it is. Is an f missing before "
            "the quotes?"
        )
    if prompt == f"{tokens.prefix}{after}{tokens.suffix}{before}{tokens.middle}":
        return not_yet("What is before the gap follows <|fim_prefix|>, what is after it the other.")
    return not_yet("Each token stands directly before its text, which is not changed by a space.")


def check_threshold(curve: ThresholdCurve, threshold: float | None) -> ExerciseResult:
    """Exercise 2: from which mean log-probability on may a suggestion be shown?

    Args:
        curve: from ``lab.assistant.vary_threshold``.
        threshold: what is below is withheld.
    """
    if not is_number(threshold) or threshold > 0:
        return not_yet("Put a log-probability, 0 or less, in place of None.")
    if curve.score.refusal:
        return not_yet(f"The programs were not run: {curve.score.refusal}.")
    if not curve.points:
        return not_yet("It was stopped before the first suggestion: run the cell of curve again.")
    if not any(e.right >= WANTED_SHARE and e.shown >= FEWEST_SHOWN for e in curve.points):
        return solved("No threshold does it: this model cannot be trusted with these programs.")
    shown = [each for each in curve.points if each.threshold >= threshold]
    if not shown:
        return not_yet("Then nothing is shown at all.")
    last = shown[-1]  # everything down to the threshold
    if last.shown < FEWEST_SHOWN:
        return not_yet(f"Then {last.shown:.0%} of the suggestions are shown, too few to be of use.")
    if last.right < WANTED_SHARE:
        return not_yet(f"Of the {last.count} that are then shown, {last.right:.1%} pass.")
    return solved(
        f"{last.shown:.0%} are shown, {last.right:.0%} of them pass. It was chosen on the very "
        "cuts that it is judged by: on others expect less (notebook 07)."
    )
