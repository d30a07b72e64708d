"""The result of scoring a prompt: each item, and the share of right answers."""

from dataclasses import dataclass
from statistics import fmean

from labkit.formatting import in_lines
from labkit.lab_book.entry import BookEntry, entry_of_share
from labkit.stats import share_interval
from labkit.topics.prompts.tasks.prompt import Prompt
from labkit.topics.prompts.tasks.task import Item, Task


@dataclass(frozen=True, slots=True)
class ItemScore:
    """How a model did on one item.

    Attributes:
        item: the item.
        answer: the likeliest option, or the answer that was written.
        right: whether it is right.
        probabilities: of each option, scaled to sum to 1, after any calibration; empty where an
            answer was written.
    """

    item: Item
    answer: str
    right: bool
    probabilities: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class PromptScore:
    """How many items of a task a model gets right with a prompt (measured).

    Attributes:
        model: name of the model.
        task: the task.
        prompt: the prompt.
        items: the items that were asked, in the task's order; fewer where it was stopped.
        asked: number of items that were to be asked.
        tokens: tokens of the longest prompt.
        shared_tokens: tokens that all prompts begin with, read once; 0: read every time.
        elapsed_s: seconds for all, reading them included.
        dtype: number format in which the model read them.
        calibration: None, or one of `CALIBRATIONS`.
    """

    model: str
    task: Task
    prompt: Prompt
    items: tuple[ItemScore, ...]
    asked: int
    tokens: int
    shared_tokens: int
    elapsed_s: float
    dtype: str
    calibration: str | None = None

    @property
    def right(self) -> int:
        """Number of right answers."""
        return sum(each.right for each in self.items)

    @property
    def share(self) -> float:
        """Share of right answers, 0 to 1."""
        return self.right / len(self.items)

    @property
    def interval(self) -> tuple[float, float]:
        """Where the true share may lie, 95 %."""
        return share_interval(self.share, len(self.items))

    @property
    def items_per_s(self) -> float:
        """Speed."""
        return len(self.items) / self.elapsed_s

    @property
    def right_probability(self) -> float | None:
        """Mean probability of the right option; None where answers were written."""
        options = self.task.options
        known = [each for each in self.items if each.probabilities]
        if not known:
            return None
        return fmean(each.probabilities[options.index(each.item.answer)] for each in known)

    @property
    def picks(self) -> dict[str, int]:
        """How often each option was the answer; empty where answers were written."""
        answers = [each.answer for each in self.items]
        return {option: answers.count(option) for option in self.task.options}

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """What the lab book keeps: the share of right answers."""
        label = f"right answers, {self.task.name}"
        name = "right_answers_percent"
        return (entry_of_share(name, label, self.share, self.interval, model=self.model),)

    @property
    def summary(self) -> str:
        """The share of right answers, its interval, and how it was measured."""
        low, high = self.interval
        calibrated = f", {self.calibration} calibration" if self.calibration else ""
        chance = f"; chance alone {self.task.chance:.0%}" if self.task.chance else ""
        stopped = f", of {self.asked}" if len(self.items) < self.asked else ""
        return (
            f"{self.model}, {self.task.name}: {self.right} of {len(self.items)} right{stopped}, "
            f"{self.share:.0%} ({low:.0%} to {high:.0%}{chance}) with {self.prompt.label}"
            f"{calibrated}; {self.items_per_s:.1f} items/s in {self.dtype} (measured)"
        )

    def __repr__(self) -> str:
        return in_lines(self.summary)
