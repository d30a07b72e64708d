"""The same request again and again, one thing varied at a time: where do the answers part?"""

from collections.abc import Iterator
from dataclasses import dataclass

from labkit.backends.prompts import Messages
from labkit.backends.reply import Alternative, Reply
from labkit.topics.sampling.paths.trace import token_text

BATCH = 8
# What is varied, and what stays: the last three are held against temperature 0, run alone.
VARIATIONS = {
    "nothing": "the same seed every time",
    "seed": "another seed every time",
    "temperature 0": "temperature 0 every time",
    "batch": f"temperature 0, alone and as a row in a batch of {BATCH}",
    "dtype": "temperature 0, in two number formats",
    "threads": "temperature 0, with all threads and with one",
}


@dataclass(frozen=True, slots=True)
class RepeatRun:
    """One of the answers.

    Attributes:
        label: how it was run, in words.
        reply: what came.
    """

    label: str
    reply: Reply

    @property
    def ids(self) -> tuple[int, ...]:
        """The tokens that were written."""
        return tuple(step.token_id for step in self.reply.steps)


@dataclass(frozen=True, slots=True)
class FirstDifference:
    """Where an answer parts from the first one.

    Attributes:
        at: how many tokens both begin with.
        first: the token that the first answer goes on with.
        other: the token that the other goes on with.
        leading: the two likeliest tokens there, by the first answer's scores.
    """

    at: int
    first: str
    other: str
    leading: tuple[Alternative, Alternative]

    @property
    def gap(self) -> float:
        """By how much the two leading log-probabilities differ: 0 where both are as likely."""
        return self.leading[0].logprob - self.leading[1].logprob


@dataclass(frozen=True, slots=True)
class Condition:
    """What one thing, varied, did to the answers.

    Attributes:
        name: one of `VARIATIONS`.
        runs: the answers; all are held against the first.
        why_not: why it could not be varied, or None.
    """

    name: str
    runs: tuple[RepeatRun, ...]
    why_not: str | None = None

    @property
    def what(self) -> str:
        """What was varied, in words."""
        return VARIATIONS[self.name]

    @property
    def differences(self) -> tuple[FirstDifference | None, ...]:
        """For each answer after the first: where it parts from it; None where it does not."""
        return tuple(_difference(self.runs[0], run) for run in self.runs[1:])

    @property
    def earliest_difference(self) -> FirstDifference | None:
        """The earliest of them; None where all answers are the same."""
        found = [difference for difference in self.differences if difference]
        return min(found, key=lambda difference: difference.index, default=None)

    @property
    def largest_shift(self) -> float | None:
        """By how much the log-probability of a token differs at most, before answers part.

        0: the scores were the same to the last digit. None without a second answer, or where no
        token is shared.
        """
        shifts = [shift for run in self.runs[1:] for shift in _shifts(self.runs[0], run)]
        return max(shifts, default=None)


def _common(first: RepeatRun, other: RepeatRun) -> int:
    pairs = zip(first.ids, other.ids, strict=False)
    same = min(len(first.ids), len(other.ids))
    return next((at for at, (one, two) in enumerate(pairs) if one != two), same)


def _difference(first: RepeatRun, other: RepeatRun) -> FirstDifference | None:
    at = _common(first, other)
    if at == min(len(first.ids), len(other.ids)):  # one that was stopped early does not part
        return None
    here = first.reply.steps[at]
    texts = token_text(here), token_text(other.reply.steps[at])
    return FirstDifference(at, *texts, here.alternatives[:2])


def _shifts(first: RepeatRun, other: RepeatRun) -> Iterator[float]:
    both = zip(first.reply.steps, other.reply.steps[: _common(first, other)], strict=False)
    return (abs(one.logprob - two.logprob) for one, two in both)


@dataclass(frozen=True, slots=True, repr=False)
class Repeats:
    """The same request, run again and again (measured).

    Attributes:
        model: name of the model.
        prompt: what it was asked.
        conditions: one for each thing that was varied.
    """

    model: str
    prompt: str | Messages
    conditions: tuple[Condition, ...]

    @property
    def summary(self) -> str:
        """Which of the things that were varied changed the answer."""
        return f"{self.model}: {'; '.join(map(_told, self.conditions))} (measured)"

    def __repr__(self) -> str:
        return self.summary


def _told(condition: Condition) -> str:
    if condition.why_not:
        return f"{condition.what}: not run"
    texts = len({run.ids for run in condition.runs})
    if condition.earliest_difference is None:
        return f"{condition.what}: {len(condition.runs)} runs, all the same"
    at = condition.earliest_difference.index + 1
    told = f"{condition.what}: {len(condition.runs)} runs, {texts} different answers"
    return f"{told}, which part at token {at}"
