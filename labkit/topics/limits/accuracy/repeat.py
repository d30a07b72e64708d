"""The questions that a model gets wrong, asked again: the same wrong answer every time?"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from labkit.backends.capabilities import ScoringModel
from labkit.checks import check_number, check_seed, check_type, check_whole
from labkit.formatting import in_lines, number_of
from labkit.interrupts.cell import progress
from labkit.lab_book.entry import BookEntry
from labkit.topics.limits.arguments import check_model, how_measured

from .accuracy_map import AccuracyMap
from .ask import Question


@dataclass(frozen=True, slots=True)
class RepeatedQuestion:
    """A question, and what was answered each time.

    Attributes:
        question: the question.
        cold: the answers at temperature 0.
        warm: the answers that were drawn.
    """

    question: Question
    cold: tuple[str, ...]
    warm: tuple[str, ...]


@dataclass(frozen=True, slots=True, repr=False)
class RepeatedMistakes:
    """Questions that a model got wrong, asked several times (measured).

    Attributes:
        model: name of the model.
        temperature: of the drawn answers.
        questions: the questions with their answers; fewer where it was stopped.
        asked: number of questions that were to be asked.
    """

    model: str
    temperature: float
    questions: tuple[RepeatedQuestion, ...]
    asked: int

    @property
    def same_share(self) -> float:
        """Share of the questions that get the same answer every time at temperature 0."""
        return fmean(len(set(each.cold)) == 1 for each in self.questions)

    @property
    def warm_right_share(self) -> float:
        """Share of right answers among those that were drawn."""
        drawn = [each.question.accepts(text) for each in self.questions for text in each.warm]
        return fmean(drawn)

    @property
    def cold_right_share(self) -> float:
        """Share of right ones among the answers at temperature 0, 0 to 1; seldom any."""
        return fmean(each.question.accepts(text) for each in self.questions for text in each.cold)

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """What the lab book keeps: how often the wrong answer was the same every time."""
        if not self.questions:
            return ()
        label = "wrong answers that are the same every time at temperature 0"
        share = 100 * self.same_share
        return (BookEntry("same_mistake_percent", label, share, "%", model=self.model),)

    @property
    def summary(self) -> str:
        """How often the same answer came, and how often a drawn one was right."""
        if not self.questions:
            return f"{self.model}: stopped before the first answer"
        times, count = len(self.questions[0].cold), number_of(len(self.questions), "question")
        how = how_measured(len(self.questions), self.asked)
        return (
            f"{self.model}, {count} it got wrong, {times} times each: "
            f"{self.same_share:.0%} get the same answer every time at temperature 0, "
            f"{self.cold_right_share:.0%} of the answers there are right; of the answers drawn at "
            f"temperature {self.temperature:g}, "
            f"{self.warm_right_share:.0%} are right ({how})"
        )

    def __repr__(self) -> str:
        return in_lines(self.summary)


def repeat_mistakes(
    model: ScoringModel,
    answered: AccuracyMap,
    *,
    items: int = 12,
    times: int = 5,
    temperature: float = 0.8,
    seed: int = 0,
) -> RepeatedMistakes:
    """Asks again what a model got wrong: several times at temperature 0, and several times drawn.

    An interrupt keeps the questions that are complete.

    Args:
        model: the model that answered.
        answered: a map, such as that of `arithmetic`.
        items: wrong questions to ask again, taken evenly from all of them, 1 to 100.
        times: how often each, 2 to 50.
        temperature: of the drawn answers, above 0 and at most 5.
        seed: of the draws.
    Raises:
        ValueError: an argument is out of range, or nothing was answered wrong.
        LabError: the model does not run in this process.
    """
    check_model(model)
    check_type("answered", answered, AccuracyMap, "lab.limits.arithmetic, letters or facts")
    check_whole("items", items, 1, 100)
    check_whole("times", times, 2, 50)
    check_seed(seed)
    check_number("temperature", temperature, "above 0 and at most 5", lambda x: 0 < x <= 5)
    wrong = [each.question for each in answered.answers if not each.right]
    if not wrong:
        raise ValueError("answered must hold a wrong answer; all are right")
    chosen = [wrong[n * len(wrong) // items] for n in range(items)] if items < len(wrong) else wrong
    cold = _ask_again(model, answered, chosen, times, 0.0, seed)
    warm = _ask_again(model, answered, chosen, times, temperature, seed)
    asked = (
        RepeatedQuestion(question, cold[n], warm[n])
        for n, question in enumerate(chosen)
        if n in cold and n in warm
    )
    return RepeatedMistakes(model.name, temperature, tuple(asked), len(chosen))


def _ask_again(
    model: ScoringModel,
    answered: AccuracyMap,
    questions: Sequence[Question],
    times: int,
    temperature: float,
    seed: int,
) -> dict[int, tuple[str, ...]]:
    """The answers to each question, by its number; an interrupt keeps those that are complete."""
    asked = [each for each in questions for _ in range(times)]
    how = {"temperature": temperature, "seed": seed}
    found: dict[int, list[str]] = {}
    title = f"temperature {temperature:g}"
    with progress(total=len(asked), unit="answer", desc=title) as bar:
        try:
            for number, text in answered.plan.answers(model, asked, **how):
                found.setdefault(number // times, []).append(text)
                bar.update()
        except KeyboardInterrupt:
            pass
    return {number: tuple(own) for number, own in found.items() if len(own) == times}
