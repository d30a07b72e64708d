"""`calibration`: how sure a model is of its answers, asked in three ways, and how often right."""

import random
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from labkit.backends.local.decoding.option_scores import option_logprobs
from labkit.backends.local.model import LocalModel
from labkit.checks import check_whole
from labkit.formatting import in_lines
from labkit.interrupts.cell import progress
from labkit.lab_book.entry import BookEntry
from labkit.topics.limits.accuracy.ask import prompt_ids, prompt_text, write_answers
from labkit.topics.limits.accuracy.countries import Country, countries
from labkit.topics.limits.arguments import check_model

from .reliability import Reliability, at_temperature

OPTIONS = 4
KINDS = ("probability", "P(true)", "in words")
INSTRUCTION = "Name the capital of each country."
SHOWN = (("France", "Paris"), ("Kenya", "Nairobi"), ("Chile", "Santiago"), ("Finland", "Helsinki"))
CLAIMS = (("Kenya", "Nairobi", "Yes"), ("Chile", "Lima", "No"), ("Finland", "Helsinki", "Yes"),
          ("France", "Lyon", "No"))  # fmt: skip
SAID = (("Kenya", "Nairobi", "95"), ("Chile", "Lima", "30"), ("Finland", "Helsinki", "80"),
        ("France", "Lyon", "10"))  # fmt: skip


@dataclass(frozen=True, slots=True)
class ConfidenceItem:
    """A question with four options, and how sure the model is of the one that it finds likeliest.

    Attributes:
        country: what is asked about.
        options: four capitals of the same continent, where it has so many.
        logprobs: log-probability of each option after the question.
        p_true: probability of "Yes" against "No" to whether its answer is true; None: not asked.
        stated: the confidence that it wrote, 0 to 1; None: it wrote no such number.
    """

    country: str
    right_answer: str
    options: tuple[str, ...]
    logprobs: tuple[float, ...]
    p_true: float | None = None
    stated: float | None = None

    @property
    def answer(self) -> str:
        """The likeliest option."""
        return self.options[max(range(len(self.options)), key=self.logprobs.__getitem__)]

    @property
    def right(self) -> bool:
        """Whether it is the right one."""
        return self.answer == self.right_answer

    @property
    def probability(self) -> float:
        """Probability of the answer, scaled so that the options' sum to 1."""
        return float(at_temperature([self.logprobs], 1.0).max())


@dataclass(frozen=True, slots=True, repr=False)
class Calibration:
    """Three confidences of one model in the same answers (measured).

    Attributes:
        model: name of the model.
        items: the questions; fewer where it was stopped.
        asked: number of questions that were to be asked.
        elapsed_s: seconds for all.
    """

    model: str
    items: tuple[ConfidenceItem, ...]
    asked: int
    elapsed_s: float

    @property
    def marks(self) -> dict[str, bool]:
        """Whether each country's capital was chosen."""
        return {each.country: each.right for each in self.items}

    def reliability(self, kind: str = "probability") -> Reliability:
        """One of the confidences against what was right.

        Args:
            kind: ``"probability"``, ``"P(true)"`` or ``"in words"``.
        Raises:
            ValueError: there is no such kind, or no answer with it.
        """
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}; got {kind!r}")
        field = dict(zip(KINDS, ("probability", "p_true", "stated"), strict=True))[kind]
        known = [each for each in self.items if getattr(each, field) is not None]
        if not known:
            raise ValueError(f"{self.model} gave no confidence of the kind {kind!r}")
        confidences = tuple(float(getattr(each, field)) for each in known)
        return Reliability(kind, confidences, tuple(each.right for each in known))

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of confidence that there are."""
        there = {
            "probability": bool(self.items),
            "P(true)": any(each.p_true is not None for each in self.items),
            "in words": any(each.stated is not None for each in self.items),
        }
        return tuple(kind for kind in KINDS if there[kind])

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """What the lab book keeps: right answers, and the calibration error of each kind."""
        if not self.items:
            return ()
        entries = [self._entry("choice_right_percent", "capitals chosen right of four", 1)]
        for kind in self.kinds:
            name = f"ece_{re.sub('[^a-z]+', '_', kind.casefold()).strip('_')}_points"
            own = self.reliability(kind)
            label = f"calibration error, {kind}"
            entries.append(BookEntry(name, label, 100 * own.ece(), "points", model=self.model))
        return tuple(entries)

    def _entry(self, name: str, label: str, _: int) -> BookEntry:
        share = self.reliability().share
        return BookEntry(name, label, 100 * share, "%", model=self.model)

    @property
    def summary(self) -> str:
        """Share right, and each mean confidence with its calibration error."""
        if not self.items:
            return f"{self.model}: stopped before the first question"
        parts = []
        for kind in self.kinds:
            own = self.reliability(kind)
            missing = len(self.items) - len(own.right)
            none = f", {missing} without a number" if missing else ""
            parts.append(
                f"{kind}: sure to {own.confidence:.0%}, ECE {own.ece():.2f} (a perfect model's "
                f"{own.perfect_ece()[0]:.2f}){none}"
            )
        share = self.reliability().share
        stopped = (
            f", stopped; {self.asked} were to be asked" if len(self.items) < self.asked else ""
        )
        return (
            f"{self.model}: {share:.0%} of {len(self.items)} capitals right among four{stopped}; "
            f"{'; '.join(parts)} (measured)"
        )

    def __repr__(self) -> str:
        return in_lines(self.summary)


def calibration(model: LocalModel, *, items: int = 120, seed: int = 0) -> Calibration:
    """How sure a model is of its answers, in three ways, beside how often they are right.

    Each question has four capitals to choose from. The answer is the one whose tokens the model
    finds likeliest after the question. Its confidence is (1) that probability, scaled so that the
    four sum to 1; (2) P(true): asked whether the answer is true, the probability of "Yes" against
    "No"; (3) the number that it writes when asked how sure it is. An interrupt keeps what came.

    Args:
        model: from ``labkit.load``.
        items: questions, 20 to 220.
        seed: of their choice.
    Raises:
        ValueError: items is out of range.
        LabError: the model does not run in this process, or the countries could not be downloaded.
    Source: Kadavath et al. 2022, "Language Models (Mostly) Know What They Know".
    """
    check_model(model)
    check_whole("items", items, 20, 220)
    began = time.perf_counter()
    questions = _questions(items, random.Random(seed))
    run = _Run(model, questions)
    with progress(total=3 * items, unit="answer", desc="confidence") as bar:
        try:
            for _ in run.steps():
                bar.update()
        except KeyboardInterrupt:
            pass
    return Calibration(model.name, run.result(), items, time.perf_counter() - began)


def _questions(items: int, draw: random.Random) -> list[tuple[Country, tuple[str, ...]]]:
    """Countries of all sizes, each with four capitals in a random order."""
    pool = [each for each in countries() if each.name not in dict(SHOWN)]
    found = []
    for country in draw.sample(pool, items):
        near = [
            each.capital
            for each in pool
            if each.continent == country.continent and each.capital != country.capital
        ]
        others = near if len(near) >= OPTIONS else [e.capital for e in pool if e != country]
        options = [country.capital, *draw.sample(sorted(set(others)), OPTIONS - 1)]
        draw.shuffle(options)
        found.append((country, tuple(options)))
    return found


class _Run:
    """The questions of a calibration, step by step; `result` can be asked for at any time."""

    def __init__(self, model: LocalModel, questions: Sequence[tuple[Country, tuple[str, ...]]]):
        self._model, self._questions = model, questions
        self._logprobs: dict[int, tuple[float, ...]] = {}
        self._p_true: dict[int, float] = {}
        self._stated: dict[int, float | None] = {}

    def steps(self) -> Iterator[None]:
        """Does the work, all questions in one way after the other."""
        solved = [(_ask(name), capital) for name, capital in SHOWN]
        prompts = [
            prompt_text(_ask(country.name), solved, INSTRUCTION) for country, _ in self._questions
        ]
        options = [options for _, options in self._questions]
        for number, found in self._option_logprobs(prompts, options):
            self._logprobs[number] = found
            yield
        items = self.result()
        claims = [_claim_prompt(each.country, each.answer) for each in items]
        for number, (yes, no) in self._option_logprobs(claims, [("Yes", "No")] * len(items)):
            self._p_true[number] = float(at_temperature([(yes, no)], 1.0)[0, 0])
            yield
        said = [_said_prompt(each.country, each.answer) for each in items]
        for number, text in write_answers(self._model, said, max_tokens=4):
            self._stated[number] = read_percent(text)
            yield

    def _option_logprobs(
        self, prompts: Sequence[str], options: Sequence[Sequence[str]]
    ) -> Iterator[tuple[int, tuple[float, ...]]]:
        """The prompt's number and the log-probability of each option, once all are known."""
        ids = [prompt_ids(self._model, each) for each in prompts]
        wanted = [
            [prompt_ids(self._model, f"{prompt} {option}")[len(own) :] for option in each]
            for prompt, own, each in zip(prompts, ids, options, strict=True)
        ]
        known: dict[int, dict[int, float]] = {}
        for number, found in option_logprobs(self._model.model, ids, wanted):
            own = known.setdefault(number, {})
            own.update(found)
            if len(own) == len(wanted[number]):
                yield number, tuple(own[n] for n in range(len(own)))

    def result(self) -> tuple[ConfidenceItem, ...]:
        """The questions that were answered so far."""
        return tuple(
            ConfidenceItem(
                country.name,
                country.capital,
                options,
                self._logprobs[number],
                self._p_true.get(number),
                self._stated.get(number),
            )
            for number, (country, options) in enumerate(self._questions)
            if number in self._logprobs
        )


def _ask(name: str) -> str:
    return f"What is the capital of {name}?"


def _claim_prompt(country: str, answer: str) -> str:
    solved = [(_claim(*each[:2]), each[2]) for each in CLAIMS]
    return prompt_text(_claim(country, answer), solved, "Is it true?")


def _claim(country: str, capital: str) -> str:
    return f"The capital of {country} is {capital}. True?"


def _said_prompt(country: str, answer: str) -> str:
    solved = [(_certainty(*each[:2]), f"{each[2]} %") for each in SAID]
    return prompt_text(_certainty(country, answer), solved, "How sure are you, in percent?")


def _certainty(country: str, capital: str) -> str:
    return f"The capital of {country} is {capital}. How sure are you?"


def read_percent(text: str) -> float | None:
    """The confidence in a text, 0 to 1; None if it begins with no number from 0 to 100.

    >>> read_percent(" 85 %"), read_percent("very"), read_percent("300")
    (0.85, None, None)
    """
    found = re.match(r"\s*(\d{1,3})(?!\d)", text)
    percent = int(found[1]) if found else 101
    return percent / 100 if percent <= 100 else None
