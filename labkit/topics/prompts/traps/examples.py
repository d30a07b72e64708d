"""Few-shot traps: the order and the balance of examples, and the last label copied."""

from collections.abc import Iterator
from dataclasses import dataclass

from labkit.backends.capabilities import ScoringModel
from labkit.formatting import in_lines
from labkit.lab_book.entry import BookEntry, entry_of_share
from labkit.topics.prompts.scoring.arguments import (
    check_complete,
    check_model,
    first_items,
    usable_prompt,
)
from labkit.topics.prompts.scoring.result import PromptScore
from labkit.topics.prompts.scoring.several import score_several
from labkit.topics.prompts.tasks.prompt import Prompt
from labkit.topics.prompts.tasks.task import PRACTICE, Task


@dataclass(frozen=True, slots=True)
class ExampleOrder:
    """One order, or choice, of the same examples.

    Attributes:
        name: what was done to them.
        label: the answer of the last example.
        score: score of the prompt with them.
    """

    name: str
    label: str
    score: PromptScore

    @property
    def copied_share(self) -> float:
        """Share of answers that are the last example's."""
        return self.score.picks[self.label] / max(1, len(self.score.items))


@dataclass(frozen=True, slots=True, repr=False)
class ExampleTraps:
    """The same examples in several orders, and of one label alone (measured).

    Attributes:
        orders: orders and choices of the examples; the first is as the prompt has them.
    """

    orders: tuple[ExampleOrder, ...]

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """What the lab book keeps: the worst and the best order."""
        ordered = sorted((each.score for each in self.orders), key=lambda each: each.share)
        ends = {"worst": ordered[0], "best": ordered[-1]}
        return tuple(
            entry_of_share(
                "order_right_percent",
                f"right by the {which} order, {each.task.name}",
                each.share,
                each.interval,
                model=each.model,
            )
            for which, each in ends.items()
        )

    @property
    def summary(self) -> str:
        """The best and the worst order."""
        shares = [each.score.share for each in self.orders]
        first = self.orders[0].score
        return (
            f"{first.model}, {first.task.name}: {min(shares):.0%} to {max(shares):.0%} right by "
            "the order and choice of the examples alone (measured)"
        )

    def __repr__(self) -> str:
        return in_lines(self.summary)


def vary_examples(
    model: ScoringModel,
    task: Task,
    prompt: Prompt | None = None,
    *,
    half: str | None = PRACTICE,
    items: int | None = None,
    calibration: str | None = None,
) -> ExampleTraps:
    """The same prompt with its examples in other orders, and with those of one label alone.

    An interrupt stops it and keeps the orders that were done.

    Args:
        model: from ``labkit.load``.
        task: one with options.
        prompt: one with examples of two labels or more; None: `full_prompt` of the task.
        half: as for `score`.
        items: as for `score`.
        calibration: as for `score`.
    Raises:
        ValueError: the task has no options, or the prompt no such examples.
        LabError: as for `score`.
    """
    check_model(model)
    first_items(task, half, items)
    prompt = usable_prompt(model, task, prompt)
    labels = list(dict.fromkeys(each.answer for each in prompt.examples))
    if not task.options or len(labels) < 2 or not set(labels) <= set(task.options):
        raise ValueError(
            "prompt must have examples of two labels or more, each an option of the task; got "
            f"{', '.join(labels) or 'none'} for {task.name}, whose options are "
            f"{', '.join(task.options) or 'none'}"
        )
    variants = dict(_variants(prompt, labels))
    scores = score_several(
        model, task, list(variants.values()), half=half, items=items, calibration=calibration
    )
    check_complete(scores, "order")
    return ExampleTraps(
        tuple(
            ExampleOrder(name, each.prompt.examples[-1].answer, each)
            for name, each in zip(variants, scores, strict=False)
        )
    )


def _variants(prompt: Prompt, labels: list[str]) -> Iterator[tuple[str, Prompt]]:
    yield "as given", prompt
    for label in labels:
        own = [each for each in prompt.examples if each.answer == label]
        others = [each for each in prompt.examples if each.answer != label]
        yield f"“{label}” last", prompt.changed(examples=(*others, *own))
    for label in labels:
        own = tuple(each for each in prompt.examples if each.answer == label)
        yield f"only “{label}”", prompt.changed(examples=own)
