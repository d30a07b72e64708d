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
    scores: list[PromptScore] = []
    count = len(first_items(task, half, items))
    with progress(total=count * len(prompts), unit="item", desc=task.name) as bar:
        for number, prompt in enumerate(prompts, 1):
            bar.set_postfix_str(f"prompt {number} of {len(prompts)}")
            run, before = ScoreRun(model, task, prompt, half, items, calibration), bar.n
            try:
                for _ in run.steps():
                    bar.update(before + run.done - bar.n)
            except KeyboardInterrupt:
                break
            scores.append(run.result())
    return scores
