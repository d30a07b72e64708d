"""Several prompts scored on the same items, under one progress bar."""

from collections.abc import Sequence

from labkit.backends.capabilities import ScoringModel
from labkit.interrupts.cell import progress
from labkit.topics.prompts.tasks.prompt import Prompt
from labkit.topics.prompts.tasks.task import PRACTICE, Task

from .arguments import first_items
from .result import PromptScore
from .score import ScoreRun


def score_several(
    model: ScoringModel,
    task: Task,
    prompts: Sequence[Prompt],
    *,
    half: str | None = PRACTICE,
    items: int | None = None,
    calibration: str | None = None,
) -> list[PromptScore]:
    """The scores of prompts, in their order; an interrupt keeps those that are complete.

    Args:
        model: from ``labkit.load``.
        task: from `load_task`.
        half: as for `score`.
        items: as for `score`.
        calibration: as for `score`.
        prompts: the prompts.
    """
    return score_parts(model, task, [(each, half, items) for each in prompts], calibration)


def score_parts(
    model: ScoringModel,
    task: Task,
    asked: Sequence[tuple[Prompt, str | None, int | None]],
    calibration: str | None,
) -> list[PromptScore]:
    """The same, each prompt on items of its own: the prompt, the half, how many of its items."""
    scores: list[PromptScore] = []
    total = sum(len(first_items(task, half, items)) for _, half, items in asked)
    with progress(total=total, unit="item", desc=task.name) as bar:
        for number, each in enumerate(asked, 1):
            bar.set_postfix_str(f"score {number} of {len(asked)}")
            run, before = ScoreRun(model, task, *each, calibration), bar.n
            try:
                for _ in run.steps():
                    bar.update(before + run.done - bar.n)
            except KeyboardInterrupt:
                break
            scores.append(run.result())
    return scores
