"""Pairs that are trained in one direction, and asked in both: is a fact learned, or an order?

Source of the question: Berglund and others 2023, "The Reversal Curse" (arXiv 2309.12288).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from labkit.backends.local.model import LocalModel
from labkit.data import read_data
from labkit.errors import LabError
from labkit.formatting import in_lines
from labkit.interrupts.cell import progress
from labkit.lab_book.entry import BookEntry, entry_of_share
from labkit.stats import PairedDifference, count_pairs, share_interval
from labkit.topics.control.finetune.adapter import at_strength
from labkit.topics.control.finetune.examples import ExampleSet, TuningExample
from labkit.topics.control.finetune.loss import answer_logprobs
from labkit.topics.control.finetune.result import ALL, FineTuning
from labkit.topics.control.finetune.training import NOTHING_HELD_OUT, fine_tune

Pair = tuple[str, str]  # name and place
Direction = tuple[str, int]  # key of its questions, and which of a pair is the answer
TO_NAME, TO_PLACE = ("asks_name", 0), ("asks_place", 1)
TRAINED, ASKED = slice(None, -1), slice(-1, None)  # phrasings of a question


@dataclass(frozen=True, slots=True)
class DirectedQuestion:
    """A question about a pair, in words that were not trained on, and what was chosen.

    Attributes:
        example: the question with its right answer.
        before: the likeliest candidate without the adapter.
        after: the likeliest candidate with it.
    """

    example: TuningExample
    before: str
    after: str

    def is_right(self, trained: bool) -> bool:
        """Whether the choice after, or before, the training is the right one."""
        return (self.after if trained else self.before) == self.example.answer


@dataclass(frozen=True, slots=True, repr=False)
class DirectionTest:
    """Pairs trained in one direction and asked in both (measured).

    Half of them are trained from place to name, half from name to place, so that both kinds of
    question are equally well known. Each answer is chosen among those to the same kind of question
    about the same half, so either all of them were trained as answers, or none.

    Attributes:
        model: name of the trained model.
        candidates: number of answers to choose from; chance is 1 of them.
        forward: for each pair, the question in the direction that was trained.
        reversed: for each pair, the question in the other direction.
        notes: what to know about the training, such as that it was stopped.
    """

    model: str
    candidates: int
    forward: tuple[DirectedQuestion, ...]
    reversed: tuple[DirectedQuestion, ...]
    notes: tuple[str, ...] = ()

    @property
    def chance(self) -> float:
        """Share of right answers by guessing."""
        return 1 / self.candidates

    def share(self, questions: Sequence[DirectedQuestion], trained: bool = True):
        """Low end, share and high end of right answers, 95 %."""
        share = sum(each.is_right(trained) for each in questions) / len(questions)
        low, high = share_interval(share, len(questions))
        return low, share, high

    @property
    def difference(self) -> PairedDifference:
        """What the other direction gains over the trained one, pair by pair."""
        both = zip(self.forward, self.reversed, strict=True)
        return PairedDifference(
            *count_pairs([(a.is_right(True), b.is_right(True)) for a, b in both])
        )

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """What the lab book keeps: right answers in each direction."""
        if not self.forward:
            return ()
        kinds = {"forward": "in the direction trained", "reversed": "in the other direction"}
        more = f", of {self.candidates} to choose from"
        return tuple(
            entry_of_share(
                f"{name}_right_percent",
                f"right answers {label}{more}",
                (share := self.share(getattr(self, name)))[1],
                share[::2],
                model=self.model,
            )
            for name, label in kinds.items()
        )

    @property
    def summary(self) -> str:
        """Right answers in both directions beside chance, and their difference in pairs."""
        if not self.forward:
            return f"{self.model}: stopped before the first half"
        (_, ahead, _), (low, back, high) = self.share(self.forward), self.share(self.reversed)
        return (
            f"{self.model}, {len(self.forward)} pairs: as trained {ahead:.0%} right, reversed "
            f"{back:.0%} ({low:.0%} to {high:.0%}), by chance {self.chance:.0%}. Reversed minus as "
            f"trained: {self.difference.summary}"
        )

    def __repr__(self) -> str:
        return in_lines(self.summary, *self.notes)


def compare_directions(
    model: LocalModel, *, steps: int = 32, learning_rate: float = 3e-3, **options: Any
) -> DirectionTest:
    """Trains invented pairs in one direction each, and asks for them in both.

    Of 12 lighthouse keepers, six are trained as answers to “who keeps …?”, and the lighthouses of
    the other six as answers to “which lighthouse does … keep?”. Then all are asked in both
    directions, in other words; the model chooses among the six answers of that half, before and
    after the training. An interrupt keeps the adapter, or the half that was asked.

    Args:
        model: from ``labkit.load``.
        steps: steps of the training.
        learning_rate: of the training.
        options: more of `TuningOptions`.
    Raises:
        ValueError: an option is out of range.
        LabError: the model does not run here in torch, or nothing was trained.
    """
    data = read_data("finetune/reversal.json")
    tuning = fine_tune(model, _examples(data), steps=steps, learning_rate=learning_rate, **options)
    if not tuning.losses:
        raise LabError(
            "Nothing was trained: it was stopped before the first step.", "Run it again."
        )
    found: list[list[DirectedQuestion]] = []
    asked = [
        _questions(data, pairs, direction, ASKED)
        for pairs, *both in _halves(data)
        for direction in both
    ]
    with progress(total=len(asked), unit="half", desc="both directions") as bar:
        try:
            for questions in asked:
                found.append(_choices(tuning.tuned, questions))
                bar.update()
        except KeyboardInterrupt:
            pass
    whole = found[: len(found) // 2 * 2]  # both directions of a half, or neither
    forward, back = (tuple(chain(*whole[start::2])) for start in (0, 1))
    notes = tuple(_notes(tuning))
    return DirectionTest(tuning.tuned.name, len(asked[0]), forward, back, notes)


def _notes(tuning: FineTuning) -> Iterator[str]:
    if tuning.ended != ALL:
        yield f"The training: {tuning.title}."
    # Nothing held out is no lack here: both directions are asked in other words.
    yield from (each for each in tuning.notes if each != NOTHING_HELD_OUT)


def _examples(data: dict) -> ExampleSet:
    """The trained direction of each half; none held out, since both are asked afterwards."""
    train = chain(
        *(_questions(data, pairs, trained, TRAINED) for pairs, trained, _ in _halves(data))
    )
    return ExampleSet(
        "pairs", "Twelve invented pairs, each in one direction", data["source"], tuple(train)
    )


def _halves(data: dict) -> Iterator[tuple[list[Pair], Direction, Direction]]:
    """Each half of the pairs: the direction that is trained, and the other."""
    middle = len(data["pairs"]) // 2
    yield data["pairs"][:middle], TO_NAME, TO_PLACE
    yield data["pairs"][middle:], TO_PLACE, TO_NAME


def _questions(
    data: dict, pairs: Sequence[Pair], direction: Direction, words: slice
) -> list[TuningExample]:
    key, answer = direction
    return [
        TuningExample(phrasing.format(name=name, place=lighthouse), (name, lighthouse)[answer])
        for name, lighthouse in pairs
        for phrasing in data[key][words]
    ]


def _choices(model: LocalModel, asked: Sequence[TuningExample]) -> list[DirectedQuestion]:
    """What the model chooses among the answers to all of these, before and after its training.

    Of each answer's log-probability, its mean over the questions is taken off: if not, one that is
    likely anyhow would be chosen for all of them.
    """
    candidates, chosen = [each.answer for each in asked], []
    for strength in (0.0, 1.0):
        with at_strength(model, strength):
            scores = np.array([answer_logprobs(model, each.prompt, candidates) for each in asked])
        best = (scores - scores.mean(axis=0)).argmax(axis=1)
        chosen.append([candidates[number] for number in best])
    return list(map(DirectedQuestion, asked, *chosen))
