"""Checks of notebook 07's exercises: any right answer passes, a wrong one gets the reason."""

from labkit.backends.capabilities import ScoringModel
from labkit.checks import is_number
from labkit.errors import LabError
from labkit.exercise import ExerciseResult, not_yet, solved
from labkit.formatting import number_of
from labkit.stats import items_needed
from labkit.topics.prompts.reasons.templates import silent_system
from labkit.topics.prompts.scoring.difference import compare_scores
from labkit.topics.prompts.scoring.result import PromptScore
from labkit.topics.prompts.scoring.score import score
from labkit.topics.prompts.tasks.prompt import Prompt
from labkit.topics.prompts.tasks.task import HELD_OUT

TOLERANCE = 0.1  # the number may have been read off a logarithmic scale


def check_better(model: ScoringModel, base: PromptScore, prompt: Prompt | None) -> ExerciseResult:
    """Exercise 1: a prompt of fewer tokens that is not clearly worse on fresh items.

    Args:
        model: from ``labkit.load``.
        base: score of the prompt to beat.
        prompt: the learner's prompt.
    """
    if not isinstance(prompt, Prompt):
        return not_yet("Put a prompt in place of None, such as prompt.without('system').")
    options = {"half": HELD_OUT, "calibration": base.calibration}
    try:
        before, after = (score(model, base.task, p, **options) for p in (base.prompt, prompt))
    except (ValueError, LabError) as error:
        return not_yet(f"This prompt does not work: {error}")
    if any(len(each.items) < each.asked for each in (before, after)):
        return not_yet("It was stopped before the last item: run it again.")
    if after.tokens >= before.tokens:
        added = "" if prompt.system or not prompt.template else silent_system(model)
        why = f" Without a system message the template puts in its own: “{added}”." if added else ""
        return not_yet(f"It has {after.tokens} tokens, not fewer than {before.tokens}.{why}")
    change = compare_scores(before, after)
    if change.is_settled and change.difference < 0:
        return not_yet(f"It is shorter, and clearly worse on fresh items: {change.summary}.")
    saved = before.tokens - after.tokens
    return solved(f"{number_of(saved, 'token')} fewer; on fresh items {change.summary}.")


def check_items(items: int | None, *, difference: float, discordant: float) -> ExerciseResult:
    """Exercise 2: how many items settle a difference of a given size?

    Args:
        items: the learner's answer.
        difference: the true difference of the shares.
        discordant: share of items on which only one of the prompts is right.
    """
    if not is_number(items):
        return not_yet("Put a number of items in place of None.")
    right = items_needed(difference, discordant)
    if abs(items - right) <= TOLERANCE * right:
        return solved(f"{right:,} items: half the difference needs about four times as many.")
    size = "More than needed" if items > right else "Too few"
    curve = f"lab.plot(lab.prompts.plan_items(discordant={discordant:g}))"
    return not_yet(f"{size}. {curve} shows it, at {100 * difference:g} points.")
