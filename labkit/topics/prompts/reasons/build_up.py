"""The probability of the right answer to one item, as the prompt's parts are added."""

from dataclasses import dataclass, replace

from labkit.backends.capabilities import ScoringModel
from labkit.backends.loaded.decoding import number_format
from labkit.checks import check_whole
from labkit.formatting import in_lines
from labkit.interrupts.cell import begin_work
from labkit.topics.prompts.scoring.arguments import (
    check_complete,
    check_model,
    first_items,
    usable_prompt,
)
from labkit.topics.prompts.scoring.score import ScoreRun
from labkit.topics.prompts.tasks.prompt import Prompt
from labkit.topics.prompts.tasks.task import PRACTICE, Item, Task

ORDER = ("instruction", "format hint", "examples", "system", "template")


@dataclass(frozen=True, slots=True)
class BuildUpStep:
    """A prompt on its way from the item alone to all its parts.

    Attributes:
        added: the part that was added; "the item alone" at first.
        probabilities: of each option, scaled to sum to 1.
        tokens: tokens of the prompt.
    """

    added: str
    probabilities: tuple[float, ...]
    tokens: int


@dataclass(frozen=True, slots=True, repr=False)
class BuildUp:
    """How the probabilities of the options change as parts of a prompt are added (measured).

    Attributes:
        model: name of the model.
        task: the task.
        item: the item that was asked.
        steps: from the item alone to the whole prompt; fewer where it was stopped.
        asked: number of steps that were to be done.
    """

    model: str
    task: Task
    item: Item
    steps: tuple[BuildUpStep, ...]
    asked: int

    @property
    def right(self) -> tuple[float, ...]:
        """Probability of the right answer at each step."""
        index = self.task.options.index(self.item.answer)
        return tuple(step.probabilities[index] for step in self.steps)

    @property
    def how(self) -> str:
        """How it came about, for a title."""
        done = len(self.steps)
        stopped = f", stopped after {done} of {self.asked} steps" if done < self.asked else ""
        return f"measured{stopped}"

    @property
    def summary(self) -> str:
        """The right answer's probability at the first and the last step."""
        last = f" and {self.right[-1]:.0%} with {self.steps[-1].added} added last"
        return (
            f"{self.model}, “{self.item.text[:40]}…”: “{self.item.answer}” has "
            f"{self.right[0]:.0%} with the item alone{last if self.right[1:] else ''} ({self.how})"
        )

    def __repr__(self) -> str:
        return in_lines(self.summary)


def build_up(
    model: ScoringModel,
    task: Task,
    prompt: Prompt | None = None,
    *,
    item: int = 0,
    half: str | None = PRACTICE,
) -> BuildUp:
    """The probability of each option for one item, as the parts of a prompt are added.

    An interrupt stops it and keeps the steps that were done.

    Args:
        model: from ``labkit.load``.
        task: one with options.
        prompt: the prompt with all its parts; None: `full_prompt` of the task.
        item: number of the item in its half, from 0.
        half: as for `score`.
    Raises:
        ValueError: there is no such item, or the task has no options.
        LabError: as for `score`; or it was stopped before the first step.
    """
    check_model(model)
    items = first_items(task, half, None)
    if not task.options:
        raise ValueError(f"task must have options; {task.name} has written answers")
    check_whole("item", item, 0, len(items) - 1)
    whole = usable_prompt(model, task, prompt)
    parts = [part for part in ORDER if part in whole.parts]
    steps, one = [], replace(task, items=(items[item],))
    begin_work()
    try:
        for count, added in enumerate(["the item alone", *parts]):
            shown = whole.without(*parts[count:])
            run = ScoreRun(model, one, shown, half=None, dtype=number_format(model))
            for _ in run.steps():
                pass
            scored = run.result()
            steps.append(BuildUpStep(added, scored.items[0].probabilities, scored.tokens))
    except KeyboardInterrupt:
        pass
    check_complete(steps, "step")
    return BuildUp(model.name, task, items[item], tuple(steps), 1 + len(parts))
