"""A map of what a model gets right: questions in cells, each with its share and interval."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from labkit.backends.capabilities import ScoringModel
from labkit.backends.loaded.decoding import reading_copy
from labkit.formatting import in_lines
from labkit.interrupts.cell import progress
from labkit.lab_book.entry import BookEntry, entry_of_share
from labkit.stats import share_interval
from labkit.topics.limits.arguments import check_model, how_measured

from .ask import Question, SolvedQuestions, prompt_text, write_answers


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model answered.

    Attributes:
        question: the question.
        text: the answer.
        right: whether it is right.
    """

    question: Question
    text: str
    right: bool


@dataclass(frozen=True, slots=True)
class Cell:
    """Right answers of one cell.

    Attributes:
        right: number of right answers.
        count: number of answers.
    """

    right: int
    count: int

    @property
    def share(self) -> float:
        """Share of right answers, 0 to 1; not a number where none came."""
        return self.right / self.count if self.count else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Where the true share may lie, 95 %: Wilson's interval."""
        return share_interval(self.share, self.count)


@dataclass(frozen=True, slots=True)
class MapPlan:
    """What is asked for a map, and how.

    Attributes:
        name: of the lab book's number: ``"arithmetic"``.
        title: what the map is about, for people.
        axes: what its columns and its rows are.
        questions: all questions.
        solved: solved ones that each prompt begins with.
        instruction: the first line of each prompt; empty: each question is a whole prompt.
        max_tokens: limit of an answer.
        samples: texts whose tokens are shown beside the map.
        stop: where an answer ends, besides the end of its line; empty: there alone.
        is_long: whether the prompts are long: they are read in the faster number format.
    """

    name: str
    title: str
    axes: tuple[str, str]
    questions: tuple[Question, ...]
    solved: SolvedQuestions
    instruction: str
    max_tokens: int
    samples: tuple[str, ...] = ()
    stop: str = ""
    is_long: bool = False

    def prompt(self, question: Question) -> str:
        """The whole text that the model continues."""
        if not self.instruction:
            return question.text
        return prompt_text(question.text, self.solved, self.instruction)

    def answers(
        self,
        model: ScoringModel,
        questions: Sequence[Question],
        *,
        temperature: float = 0.0,
        seed: int = 0,
    ) -> Iterator[tuple[int, str]]:
        """Each question's number and what a model answers, up to where the answer ends.

        Args:
            model: from ``labkit.load``.
            questions: some of the plan's.
            temperature: 0: the likeliest token each time.
            seed: of the draws.
        """
        reader = reading_copy(model) if self.is_long else model
        prompts = [self.prompt(each) for each in questions]
        how = {"max_tokens": self.max_tokens, "temperature": temperature, "seed": seed}
        for number, text in write_answers(reader, prompts, **how):
            yield number, text.split(self.stop)[0] if self.stop else text


@dataclass(frozen=True, slots=True, repr=False)
class AccuracyMap:
    """How many of the questions of each cell a model gets right (measured).

    Attributes:
        model: name of the model.
        plan: what was asked.
        answers: the answers, in the order of the questions; fewer where it was stopped.
        tokens: the tokens of each of the plan's samples, as the model reads them.
        elapsed_s: seconds for all.
    """

    model: str
    plan: MapPlan
    answers: tuple[Answer, ...]
    tokens: tuple[tuple[str, ...], ...]
    elapsed_s: float

    @property
    def rows(self) -> tuple[str, ...]:
        """The names of the rows, in the order of the questions."""
        return tuple(dict.fromkeys(each.row for each in self.plan.questions))

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(dict.fromkeys(each.column for each in self.plan.questions))

    def cell(self, row: str | None = None, column: str | None = None) -> Cell:
        """Right answers of a cell; None: of all rows, or of all columns."""
        own = [
            each.right
            for each in self.answers
            if row in (None, each.question.row) and column in (None, each.question.column)
        ]
        return Cell(sum(own), len(own))

    @property
    def marks(self) -> dict[Question, bool]:
        """Whether each question was answered right."""
        return {each.question: each.right for each in self.answers}

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """What the lab book keeps: the share of right answers."""
        if not self.answers:
            return ()
        whole = self.cell()
        name, label = f"{self.plan.name}_right_percent", f"right answers, {self.plan.title}"
        return (entry_of_share(name, label, whole.share, whole.interval, model=self.model),)

    @property
    def how(self) -> str:
        """How it came about, for a title."""
        return how_measured(len(self.answers), len(self.plan.questions))

    @property
    def summary(self) -> str:
        """The share of right answers, and how many were asked."""
        if not self.answers:
            return f"{self.model}, {self.plan.title}: stopped before the first answer"
        whole, (low, high) = self.cell(), self.cell().interval
        return (
            f"{self.model}, {self.plan.title}: {whole.right} of {whole.count} right, "
            f"{whole.share:.0%} ({low:.0%} to {high:.0%}), temperature 0, "
            f"{self.elapsed_s:.0f} s ({self.how})"
        )

    def __repr__(self) -> str:
        return in_lines(self.summary)


def ask_map(model: ScoringModel, plan: MapPlan) -> AccuracyMap:
    """Asks a model all questions of a plan, at temperature 0; an interrupt keeps what came.

    Raises:
        LabError: the model does not run in this process, or a question does not fit it.
    """
    check_model(model)
    began = time.perf_counter()
    found: dict[int, str] = {}
    with progress(total=len(plan.questions), unit="question", desc=plan.title) as bar:
        try:
            for number, text in plan.answers(model, plan.questions):
                found[number] = text
                bar.update()
        except KeyboardInterrupt:
            pass
    answers = (
        Answer(plan.questions[n], text, plan.questions[n].accepts(text))
        for n, text in sorted(found.items())
    )
    tokens = tuple(_pieces(model, each) for each in plan.samples)
    return AccuracyMap(model.name, plan, tuple(answers), tokens, time.perf_counter() - began)


def _pieces(model: ScoringModel, text: str) -> Sequence[str]:
    """The tokens of a text as they stand within a sentence."""
    ids = model.tokenizer(f" {text}", add_special_tokens=False, verbose=False)["input_ids"]
    return tuple(model.tokenizer.decode([each]) for each in ids)
