"""The same reading of a task, with and without calibration."""

from dataclasses import dataclass

from labkit.backends.capabilities import ScoringModel
from labkit.errors import LabError
from labkit.formatting import in_lines, points
from labkit.interrupts.cell import progress
from labkit.lab_book.entry import BookEntry, entry_of_share
from labkit.topics.prompts.scoring.arguments import check_complete
from labkit.topics.prompts.scoring.difference import compare_scores
from labkit.topics.prompts.scoring.result import PromptScore
from labkit.topics.prompts.scoring.score import ScoreRun
from labkit.topics.prompts.tasks.prompt import Prompt
from labkit.topics.prompts.tasks.task import PRACTICE, Task


@dataclass(frozen=True, slots=True, repr=False)
class CalibrationComparison:
    """One reading of a task's items, judged in three ways (measured).

    Attributes:
        plain: as the model has it.
        content_free: each option's probability divided by what it has without any item.
        batch: divided by its mean over all items.
    """

    plain: PromptScore
    content_free: PromptScore
    batch: PromptScore

    @property
    def scores(self) -> dict[str, PromptScore]:
        """The three, by name."""
        return {"plain": self.plain, "content-free": self.content_free, "batch": self.batch}

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """What the lab book keeps: the share of right answers with calibration."""
        best = self.content_free
        label = f"calibrated, {best.task.name}"
        name = "calibrated_percent"
        return (entry_of_share(name, label, best.share, best.interval, model=best.model),)

    @property
    def summary(self) -> str:
        """What calibration gains."""
        gains = ", ".join(
            f"{name} {points(compare_scores(self.plain, each).difference)}"
            for name, each in list(self.scores.items())[1:]
        )
        return f"{self.plain.summary}; calibrated: {gains}"

    def __repr__(self) -> str:
        return in_lines(self.summary)


def compare_calibrations(
    model: ScoringModel,
    task: Task,
    prompt: Prompt | None = None,
    *,
    half: str | None = PRACTICE,
    items: int | None = None,
) -> CalibrationComparison:
    """How much of a model's mistakes is a leaning to some option, whatever the item says.

    The items are read once; the three judgements differ in arithmetic alone. An interrupt keeps
    the items that were read.

    Args:
        model: from ``labkit.load``.
        task: from `load_task`.
        prompt: the prompt; None: `full_prompt` of the task.
        half: as for `score`.
        items: as for `score`.
    Raises:
        ValueError, LabError: as for `score`; or it was stopped before the calibration was measured.
    Source: Zhao et al. 2021, "Calibrate Before Use"; Zhou et al. 2023, "Batch Calibration".
    """
    run = ScoreRun(model, task, prompt, half, items, "content-free")
    with progress(total=run.total, unit="item", desc=task.name) as bar:
        try:
            for _ in run.steps():
                bar.update(run.done - bar.n)
        except KeyboardInterrupt:
            pass
    plain = run.result(None)
    check_complete(plain.items, "item")
    content_free = run.result("content-free")
    if not content_free.calibration:
        raise LabError("Stopped before the calibration was measured: there is nothing to compare.")
    return CalibrationComparison(plain, content_free, run.result("batch"))
