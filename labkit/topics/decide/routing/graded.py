"""Items that two models have answered and that were graded: what a router learns and is judged by.

They are chat messages with solved examples, which every chat model takes, in this process or behind
an address. Triage and sentiment are notebook 07's items in its own two halves. Calculations and
capitals are such as notebook 08 asks, drawn anew; which half one is in follows from its text alone,
so the halves have none in common, however many are drawn, with whatever seed.
"""

import random
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import fmean, median

from labkit.formatting import in_lines
from labkit.lab_book.entry import BookEntry, entry_of_share
from labkit.stats import PairedDifference, count_pairs, share_interval
from labkit.topics.decide.decision.quality import graded_name
from labkit.topics.limits.accuracy import arithmetic, facts
from labkit.topics.limits.accuracy.ask import Question, SolvedQuestions
from labkit.topics.limits.accuracy.countries import countries
from labkit.topics.prompts.tasks.prompt import full_prompt
from labkit.topics.prompts.tasks.task import HELD_OUT, PRACTICE, load_task

DIGITS = (1, 2, 3, 4, 6)  # as in notebook 08
DRAWN = 30  # calculations of each kind, of which about half are in each half
HALVES = (PRACTICE, HELD_OUT)


@dataclass(frozen=True, slots=True)
class RoutedQuestion:
    """A question of one of the tests.

    Attributes:
        test: which test.
        messages: what a model is asked.
        question: with its right answers.
    """

    test: str
    messages: tuple[dict[str, str], ...]
    question: Question

    @property
    def text(self) -> str:
        """What is asked last: a router goes by it."""
        return self.messages[-1]["content"]


@dataclass(frozen=True, slots=True)
class GradedAnswer:
    """A model's answer to a question.

    Attributes:
        text: the answer.
        right: whether it is right.
        logprob: of the small model's answer; None: of the large one's, which nothing goes by.
        seconds: of the request; of a model in this process, the median of its test's requests that
            were made one by one.
        tokens_in, tokens_out: read and written; None: not reported.
        usd: by its provider's price; None: nothing is charged, or not known.
    """

    text: str
    right: bool
    logprob: float | None
    seconds: float
    tokens_in: int | None = None
    tokens_out: int | None = None
    usd: float | None = None


@dataclass(frozen=True, slots=True, repr=False)
class GradedItems:
    """Questions with the answers of a small and of a large model (measured).

    Attributes:
        names: of the small model, and of the large one; None: only the small one was asked.
        half: ``"practice"`` or ``"held out"``.
        questions: those that were answered.
        small, large: the answers; none of the large one where it was not asked.
        elapsed_s: seconds for all.
    """

    names: tuple[str, str | None]
    half: str
    questions: tuple[RoutedQuestion, ...]
    small: tuple[GradedAnswer, ...]
    large: tuple[GradedAnswer, ...]
    elapsed_s: float

    @property
    def tests(self) -> tuple[str, ...]:
        """The tests, in their order."""
        return tuple(dict.fromkeys(each.test for each in self.questions))

    def right(self, answers: Sequence[GradedAnswer], test: str | None = None) -> list[bool]:
        """Whether the answers of a model were right, in one test or in all."""
        pairs = zip(self.questions, answers, strict=True)
        return [answer.right for asked, answer in pairs if test in (None, asked.test)]

    @property
    def by_model(self) -> tuple[tuple[str, tuple[GradedAnswer, ...]], ...]:
        """The name of each model that was asked, with its answers."""
        pairs = zip(self.names, (self.small, self.large), strict=True)
        return tuple((name, answers) for name, answers in pairs if name and answers)

    @property
    def difference(self) -> PairedDifference | None:
        """What the large model gains over the small one; None where it was not asked."""
        if not self.large:
            return None
        pairs = zip(self.right(self.small), self.right(self.large), strict=True)
        return PairedDifference(*count_pairs(list(pairs)))

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """The share of right answers of each model in each test: `recommend` reads them."""
        return tuple(
            entry_of_share(
                graded_name(test),
                f"right answers, {test}, {self.half}",
                fmean(right := self.right(answers, test)),
                share_interval(fmean(right), len(right)),
                model=name,
            )
            for name, answers in self.by_model
            for test in self.tests
        )

    @property
    def lines(self) -> tuple[str, ...]:
        """A line for each model, and for the difference."""
        lines = []
        for name, answers in self.by_model:
            found = {test: self.right(answers, test) for test in self.tests}
            shares = (f"{test} {sum(right)} of {len(right)}" for test, right in found.items())
            seconds = median(each.seconds for each in answers)
            lines.append(f"{name}: {', '.join(shares)}; {seconds:.2f} s a request")
        gains = self.difference
        return (*lines, f"large over small: {gains.summary}") if gains else tuple(lines)

    @property
    def summary(self) -> str:
        """How many each got right."""
        return f"{self.half}: {'; '.join(self.lines)} (measured)"

    def __repr__(self) -> str:
        return in_lines(*self.lines)


def questions(tests: Sequence[str], items: int, half: str, seed: int) -> list[RoutedQuestion]:
    """Questions of each test; no question of one half stands in the other."""
    return [each for test in tests for each in TESTS[test](test, items, half, seed)]


def _of_task(test: str, items: int, half: str, _seed: int) -> list[RoutedQuestion]:
    task = load_task(test)
    prompt = full_prompt(task)
    return [
        RoutedQuestion(
            test,
            tuple(prompt.messages(task, each.text)),
            Question(each.text, each.answer, test, half),
        )
        for each in task.half(half)[:items]
    ]


def _of_arithmetic(test: str, items: int, half: str, seed: int) -> list[RoutedQuestion]:
    draw = random.Random(seed)
    cells = [(sign, digits) for sign in arithmetic.OPERATIONS for digits in DIGITS]
    pool = [
        question
        for cell in cells
        for question in islice(
            _in_half(half, arithmetic.calculations(*cell, DRAWN, draw)), -(-items // len(cells))
        )
    ]
    chosen = draw.sample(pool, items)
    return [_chat(test, "Calculate.", arithmetic.SOLVED, each) for each in chosen]


def _of_facts(test: str, items: int, half: str, seed: int) -> list[RoutedQuestion]:
    solved = [(facts.ask(name), capital) for name, capital in facts.SHOWN]
    pool = (
        Question(facts.ask(each.name), each.capital, test, half, each.also)
        for each in countries()
        if each.name not in dict(facts.SHOWN)
    )
    chosen = random.Random(seed).sample(list(_in_half(half, pool)), items)
    return [_chat(test, facts.PLAIN, solved, each) for each in chosen]


def _in_half(half: str, asked: Iterable[Question]) -> Iterator[Question]:
    """Those whose text belongs to a half."""
    return (e for e in asked if HALVES[zlib.crc32(e.text.encode()) % 2] == half)


def _chat(
    test: str, instruction: str, solved: SolvedQuestions, question: Question
) -> RoutedQuestion:
    turns = [turn for pair in solved for turn in zip(("user", "assistant"), pair, strict=True)]
    turns.append(("user", question.text))
    turns[0] = ("user", f"{instruction}\n\n{turns[0][1]}")
    messages = tuple({"role": role, "content": content} for role, content in turns)
    return RoutedQuestion(test, messages, question)


TESTS: dict[str, Callable[[str, int, str, int], list[RoutedQuestion]]] = {
    "triage": _of_task,
    "sentiment": _of_task,
    "arithmetic": _of_arithmetic,
    "facts": _of_facts,
}
MOST_ITEMS = 50  # that each half of the smallest test has
