"""`calibration`: how sure a model is of its answers, asked in three ways, and how often right."""

import random
import time
from collections.abc import Iterator, Sequence

from labkit.backends.capabilities import ScoringModel
from labkit.backends.loaded.decoding import option_logprobs
from labkit.checks import check_seed, check_whole
from labkit.interrupts.cell import progress
from labkit.topics.limits.accuracy.ask import prompt_ids, prompt_text, write_answers
from labkit.topics.limits.accuracy.countries import Country, countries
from labkit.topics.limits.arguments import check_model

from .reliability import at_temperature
from .result import Calibration, ConfidenceItem

OPTIONS = 4
INSTRUCTION = "Name the capital of each country."
SHOWN = (("France", "Paris"), ("Kenya", "Nairobi"), ("Chile", "Santiago"), ("Finland", "Helsinki"))
CLAIMS = (
    ("Kenya", "Nairobi", "Yes"),
    ("Chile", "Lima", "No"),
    ("Finland", "Helsinki", "Yes"),
    ("France", "Lyon", "No"),
)
SAID = (
    ("Kenya", "Nairobi", "95"),
    ("Chile", "Lima", "30"),
    ("Finland", "Helsinki", "80"),
    ("France", "Lyon", "10"),
)


def calibration(model: ScoringModel, *, items: int = 120, seed: int = 0) -> Calibration:
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
        ValueError: an argument is out of range.
        LabError: the model does not run in this process, or the countries could not be downloaded.
    Source: Kadavath et al. 2022, "Language Models (Mostly) Know What They Know".
    """
    check_model(model)
    check_whole("items", items, 20, 220)
    check_seed(seed)
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

    def __init__(self, model: ScoringModel, questions: Sequence[tuple[Country, tuple[str, ...]]]):
        self._model, self._questions = model, questions
        self._logprobs: dict[int, tuple[float, ...]] = {}
        self._p_true: dict[int, float] = {}
        self._said: dict[int, str] = {}

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
        sure = [_said_prompt(each.country, each.answer) for each in items]
        for number, text in write_answers(self._model, sure, max_tokens=4):
            self._said[number] = text
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
        for number, found in option_logprobs(self._model, ids, wanted):
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
                self._said.get(number),
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
