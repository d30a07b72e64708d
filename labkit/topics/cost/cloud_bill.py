"""`week`: what a week of questions to a cloud model costs, and which part of it costs what."""

import functools
from dataclasses import dataclass
from typing import Any

from labkit.backends.prompts import check_text
from labkit.checks import check_number, check_whole
from labkit.formatting import in_lines, number_of, usd
from labkit.lab_book.entry import BookEntry
from labkit.models.prices import Price, look_up_price, request_price
from labkit.models.tokenizers.open import open_tokenizer

from .cloud_models import cloud_models

MOST_TOKENS, MOST_TURNS = 1_000_000, 50


@dataclass(frozen=True, slots=True)
class CostStep:
    """One part of a bill: what it adds, or with a minus what it saves.

    Attributes:
        name: what is paid for.
        usd: US dollars a week.
    """

    name: str
    usd: float


@dataclass(frozen=True, slots=True, repr=False)
class Week:
    """A week of questions to a cloud model (computed from list prices).

    Attributes:
        model: the provider's name of the model.
        questions_per_hour: of one person.
        hours: working hours of the week.
        tokens_in: tokens of a question.
        tokens_out: tokens of an answer that one sees.
        thinking_tokens: tokens of an answer that are billed and not seen.
        turns: questions in a conversation; each reads again all that came before it.
        cached_share: share of the tokens read that the provider has in its cache.
        batch: whether all is sent as batches.
        people: who ask so much each.
        counted_by: how the tokens of texts were counted; empty where numbers were given.
        steps: the parts of the bill, in the order in which they are added.
        price: the list price, with its date.
    """

    model: str
    questions_per_hour: float
    hours: float
    tokens_in: int
    tokens_out: int
    thinking_tokens: int
    turns: int
    cached_share: float
    batch: bool
    people: int
    counted_by: str
    steps: tuple[CostStep, ...]
    price: Price

    @property
    def questions(self) -> float:
        """Questions of all people in the week."""
        return self.questions_per_hour * self.hours * self.people

    @property
    def total_usd(self) -> float:
        """US dollars of the week."""
        return max(0.0, sum(step.usd for step in self.steps))

    @property
    def question_usd(self) -> float:
        """US dollars of one question, on average; 0 without any."""
        return self.total_usd / self.questions if self.questions else 0.0

    @property
    def unpriced(self) -> tuple[str, ...]:
        """The switches that are on and save nothing: the list has no such price of the model."""
        plain, tokens = request_price(self.model, 1000, 1000), {"cached_tokens": 1000}
        found = []
        if self.cached_share and request_price(self.model, 1000, 1000, **tokens) == plain:
            found.append("cache")
        if self.batch and request_price(self.model, 1000, 1000, batch=True) == plain:
            found.append("batch")
        return tuple(found)

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """The bill of the week."""
        note = self.price.noted or ""
        more = {"origin": "computed", "model": self.model, "note": note}
        return (BookEntry("cloud_week_usd", "a week in the cloud", self.total_usd, "USD", **more),)

    @property
    def summary(self) -> str:
        """The bill in a sentence, with the date of its prices."""
        thinking = f" and {self.thinking_tokens:,} unseen" if self.thinking_tokens else ""
        switches = [
            f"conversations of {self.turns}" if self.turns > 1 else "",
            f"{self.cached_share:.0%} of the input cached" if self.cached_share else "",
            "in batches" if self.batch else "",
            *(f"no {each} price in the list" for each in self.unpriced),
            f"{self.people} people" if self.people > 1 else "",
            f"counted by {self.counted_by}" if self.counted_by else "",
        ]
        more = "".join(f", {each}" for each in switches if each)
        questions = number_of(round(self.questions), "question")
        return (
            f"a week of {questions}, {number_of(self.tokens_in, 'token')} in and "
            f"{self.tokens_out:,} out{thinking}{more}: {usd(self.total_usd)} "
            f"(computed; {self.price.origin})"
        )

    def __repr__(self) -> str:
        return in_lines(self.summary)


def week(
    *,
    questions_per_hour: float = 20,
    hours: float = 40,
    tokens_in: int | str = 500,
    tokens_out: int | str = 1000,
    model: str = "gpt-4",
    thinking_tokens: int = 0,
    turns: int = 1,
    cached_share: float = 0.0,
    batch: bool = False,
    people: int = 1,
) -> Week:
    """What a week of questions to a cloud model costs at list prices.

    Args:
        questions_per_hour: of one person.
        hours: working hours of the week, at most 168.
        tokens_in: tokens of a question; or its text, counted by the model's own tokenizer where
            that is public, and known to the lab.
        tokens_out: the same for an answer.
        model: the provider's name of the model, such as ``"gpt-4"`` or ``"claude-haiku-5-5"``.
        thinking_tokens: further tokens of each answer that a reasoning model is paid for and
            that one does not see.
        turns: questions in a conversation. Each sends again all questions and answers before it.
        cached_share: share of the tokens read, 0 to 1, that the provider reads from its cache.
            What some charge for writing them there is not included.
        batch: whether all is sent as batches, whose answers may take a day.
        people: who ask so much each.
    Raises:
        ValueError: an argument out of range.
        LabError: the price list does not have the model.
    """
    check_number("questions_per_hour", questions_per_hour, "0 to 100,000", _up_to(100_000))
    check_number("hours", hours, "0 to 168", _up_to(168))
    check_number("cached_share", cached_share, "0 to 1", _up_to(1))
    check_whole("thinking_tokens", thinking_tokens, 0, MOST_TOKENS)
    check_whole("turns", turns, 1, MOST_TURNS)
    check_whole("people", people, 1, 100_000)
    if not isinstance(model, str) or not model:
        raise ValueError(f"model must be the provider's name of a model; got {model!r}")
    (read, read_by), (written, written_by) = (
        count_tokens(name, value, model)
        for name, value in (("tokens_in", tokens_in), ("tokens_out", tokens_out))
    )
    price = find_price(model)
    a_question = _steps(model, read, written, thinking_tokens, turns, cached_share, bool(batch))
    number = questions_per_hour * hours * people
    steps = tuple(CostStep(name, number * each) for name, each in a_question)
    sizes = (questions_per_hour, hours, read, written, thinking_tokens, turns, cached_share)
    return Week(model, *sizes, bool(batch), people, read_by or written_by, steps, price)


find_price = functools.lru_cache(maxsize=256)(look_up_price)


def _up_to(most: float):
    return lambda number: 0 <= number <= most


def count_tokens(name: str, value: int | str, model: str) -> tuple[int, str]:
    """The tokens of a text, and by which tokenizer they were counted; a number stays as it is.

    Where a model's tokenizer is not public, or not known to the lab, OpenAI's o200k_base counts in
    its place, and the name says so.

    Args:
        name: of the argument.
        value: a number of tokens, or a text.
        model: the provider's name of the model.
    Raises:
        ValueError: neither a text nor a number in range.
        LabError: the tokenizer is not on this machine and could not be fetched.
    """
    if not isinstance(value, str):
        check_whole(name, value, 0, MOST_TOKENS)
        return value, ""
    check_text(value, name)
    known = {each.id: each.tokenizer for each in cloud_models()}
    tokenizer = known.get(model)
    count = len(open_tokenizer(tokenizer or "o200k").encode(value))
    check_whole(f"the number of tokens of {name}", count, 0, MOST_TOKENS)
    why = "public" if model in known else "known to the lab"
    return count, tokenizer or f"o200k, as {model}'s own is not {why}"


def _steps(
    model: str, read: int, written: int, thinking: int, turns: int, cached_share: float, batch: bool
) -> list[tuple[str, float]]:
    """The parts of one question's price, each the difference that its switch makes."""

    def mean_price(thinking: int = 0, turns: int = 1, cached: float = 0.0, batch: bool = False):
        again = read + written
        total = 0.0
        for turn in range(turns):
            tokens = read + turn * again
            stored = round(cached * tokens)
            more = {"cached_tokens": stored, "batch": batch}
            total += request_price(model, tokens, written + thinking, **more)
        return total / turns

    question = request_price(model, read, 0)
    totals = [
        ("questions", question),
        ("answers", mean_price()),
        ("conversation read again", mean_price(0, turns)),
        ("thinking, not seen", mean_price(thinking, turns)),
        ("cached input", mean_price(thinking, turns, cached_share)),
        ("batch discount", mean_price(thinking, turns, cached_share, batch)),
    ]
    before = [0.0, *(total for _, total in totals)]
    return [(name, total - earlier) for (name, total), earlier in zip(totals, before, strict=False)]


def as_week(cloud: "Week | str", **more: Any) -> Week:
    """A week as it is, or that of the article with a model's name."""
    return cloud if isinstance(cloud, Week) else week(model=cloud, **more)
