"""The winner's curse: the best of many wordings looks better than it is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labkit.backends.capabilities import ScoringModel
from labkit.checks import check_whole, checked_several
from labkit.formatting import in_lines, points
from labkit.lab_book.entry import BookEntry
from labkit.topics.prompts.scoring.arguments import (
    check_complete,
    check_model,
    first_items,
    usable_prompt,
)
from labkit.topics.prompts.scoring.result import PromptScore
from labkit.topics.prompts.scoring.several import score_parts
from labkit.topics.prompts.tasks.prompt import Prompt
from labkit.topics.prompts.tasks.task import HELD_OUT, PRACTICE, Task

DEALS = 2000  # whose mean is known to a tenth of a point


@dataclass(frozen=True, slots=True)
class Wording:
    """One wording of the instruction, on the items that it was chosen by and on fresh ones.

    Attributes:
        text: the wording.
        practice: its score on the items by which one is chosen.
        fresh: its score on the held-out items.
    """

    text: str
    practice: PromptScore
    fresh: PromptScore


@dataclass(frozen=True, slots=True, repr=False)
class WinnersCurse:
    """Several wordings, the best of them chosen on one half and judged on the other (measured).

    Attributes:
        wordings: the wordings with both scores.
    """

    wordings: tuple[Wording, ...]

    @property
    def chosen(self) -> Wording:
        """The best on the practice items; of several, the first."""
        return max(self.wordings, key=lambda each: each.practice.share)

    @property
    def fall(self) -> float:
        """How much the chosen one's share falls on fresh items."""
        return self.chosen.practice.share - self.chosen.fresh.share

    @property
    def best_by_chance(self) -> float:
        """Share that the best would show on average if all were equally good."""
        items = [each.practice.items for each in self.wordings]
        return expected_best(np.array([[item.right for item in own] for own in items]))

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """What the lab book keeps: how far the winner fell."""
        model, fall = self.chosen.practice.model, 100 * self.fall
        return (BookEntry("winner_fall_points", "the winner's fall", fall, "points", model=model),)

    @property
    def summary(self) -> str:
        """The chosen wording, then and afterwards."""
        chosen = self.chosen
        return (
            f"{chosen.practice.model}, {chosen.practice.task.name}: best of {len(self.wordings)} "
            f"wordings {chosen.practice.share:.0%} on {len(chosen.practice.items)} items, "
            f"{chosen.fresh.share:.0%} on {len(chosen.fresh.items)} fresh ones "
            f"({points(-self.fall)}; chance alone would show a best of {self.best_by_chance:.0%}) "
            "(measured)"
        )

    def __repr__(self) -> str:
        return in_lines(self.summary)


def pick_wording(
    model: ScoringModel,
    task: Task,
    prompt: Prompt | None = None,
    *,
    wordings: Sequence[str] | None = None,
    items: int = 40,
    calibration: str | None = None,
) -> WinnersCurse:
    """Chooses the best of several wordings on some items, and tries all of them on fresh ones.

    An interrupt keeps the wordings that have both scores.

    Args:
        model: from ``labkit.load``.
        task: from `load_task`.
        prompt: the prompt; None: `full_prompt` of the task.
        calibration: as for `score`.
        wordings: instructions; None: the task's own twelve.
        items: number of practice items to choose by.
    Raises:
        ValueError: fewer than two wordings, or more items than there are.
        LabError: as for `score`.
    """
    check_model(model)
    most = len(first_items(task, PRACTICE, None))
    wanted = "two or more different texts"
    texts = checked_several(
        "wordings", task.wordings if wordings is None else wordings, str, wanted
    )
    texts = tuple(dict.fromkeys(texts))
    if len(texts) < 2:
        raise ValueError(f"wordings must be {wanted}; got {texts!r:.80}")
    check_whole("items", items, 2, most)
    base = usable_prompt(model, task, prompt)
    prompts = [base.changed(instruction=text) for text in texts]
    halves = ((PRACTICE, items), (HELD_OUT, None))
    asked = [(prompt, *half) for prompt in prompts for half in halves]
    scores = score_parts(model, task, asked, calibration)
    practice, fresh = scores[::2], scores[1::2]
    check_complete(fresh, "wording")
    return WinnersCurse(tuple(map(Wording, texts, practice, fresh)))


def expected_best(right: np.ndarray) -> float:
    """The best share that wordings show on average if none is better than another.

    The right answers to each item are dealt to the wordings at random. An easy item stays easy
    for all, so where wordings mostly agree, less is left to chance than if their mistakes had
    nothing to do with each other.

    Args:
        right: (wordings, items), whether each wording got each item right.
    Source: the null of a permutation test within blocks, an item being a block; a mean of `DEALS`.

    >>> expected_best(np.array([[True, True], [True, False]]))  # who has the second, has both
    1.0
    """
    deals = np.broadcast_to(right, (DEALS, *right.shape))
    dealt = np.random.default_rng(0).permuted(deals, axis=1)
    return float(dealt.mean(axis=2).max(axis=1).mean())
