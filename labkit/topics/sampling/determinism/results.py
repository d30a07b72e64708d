"""Results of repeated requests, by what was varied: where do the answers first differ?"""

from collections.abc import Iterator
from dataclasses import dataclass

from rapidfuzz.distance import Prefix

from labkit.backends.prompts import Messages
from labkit.backends.reply import Reply
from labkit.backends.steps import Alternative
from labkit.topics.sampling.paths.trace import token_text

BATCH = 8
NO_SECOND = "stopped before there was a second answer"
# What is varied; the last three are compared with a plain run at temperature 0.
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
    """One run of the request.

    Attributes:
        label: how it was run, in words.
        reply: answer of the model.
    """

    label: str
    reply: Reply

    @property
    def ids(self) -> tuple[int | str, ...]:
        """Token ids of the answer; the text of a step whose token a server does not report."""
        return tuple(
            step.text if step.token_id is None else step.token_id for step in self.reply.steps
        )

    @property
    def complete(self) -> bool:
        """Whether the model ended the answer, or max_tokens did: others show no agreement."""
        return self.reply.finish in ("stop", "length")


@dataclass(frozen=True, slots=True)
class FirstDifference:
    """Where an answer first differs from the reference.

    Attributes:
        index: number of tokens that both share before it.
        first: text of the next token in the first answer.
        other: text of the next token in the other.
        leading: two likeliest tokens there, by the first answer's scores; fewer, or none, where
            a server does not report them.
    """

    index: int
    first: str
    other: str
    leading: tuple[Alternative, ...]

    @property
    def gap(self) -> float | None:
        """Difference of the two leading log-probabilities, 0 where both are equally likely.

        None where fewer than two are known.
        """
        if len(self.leading) < 2:
            return None
        return self.leading[0].logprob - self.leading[1].logprob


@dataclass(frozen=True, slots=True)
class Condition:
    """The runs in which one thing was varied.

    Attributes:
        name: one of `VARIATIONS`.
        runs: runs of the request; the first is the reference for the others. One that was
            stopped is not compared.
        why_not: reason why it could not be varied, or None.
    """

    name: str
    runs: tuple[RepeatRun, ...]
    why_not: str | None = None

    @property
    def description(self) -> str:
        """What was varied, in words."""
        return VARIATIONS[self.name]

    @property
    def compared(self) -> tuple[RepeatRun, ...]:
        """The runs whose answers are complete."""
        return tuple(run for run in self.runs if run.complete)

    @property
    def differences(self) -> tuple[FirstDifference | None, ...]:
        """For each complete answer after the first: its first difference, or None without one."""
        runs = self.compared
        return tuple(_difference(runs[0], run) for run in runs[1:])

    @property
    def earliest_difference(self) -> FirstDifference | None:
        """The earliest difference; None where all answers are the same."""
        differences = filter(None, self.differences)
        return min(differences, key=lambda difference: difference.index, default=None)

    @property
    def largest_shift(self) -> float | None:
        """Largest change in the log-probability of a token, before answers differ.

        0: the scores were the same to the last digit. None without a second answer, or where no
        token is shared.
        """
        runs = self.compared
        shifts = [shift for run in runs[1:] for shift in _shifts(runs[0], run)]
        return max(shifts, default=None)


def _shared_tokens(first: RepeatRun, other: RepeatRun) -> int:
    return Prefix.similarity(first.ids, other.ids)


def _difference(first: RepeatRun, other: RepeatRun) -> FirstDifference | None:
    index = _shared_tokens(first, other)
    if index == min(len(first.ids), len(other.ids)):
        return None
    here = first.reply.steps[index]
    texts = token_text(here), token_text(other.reply.steps[index])
    return FirstDifference(index, *texts, here.alternatives[:2])


def _shifts(first: RepeatRun, other: RepeatRun) -> Iterator[float]:
    both = zip(first.reply.steps, other.reply.steps[: _shared_tokens(first, other)], strict=False)
    pairs = ((one.logprob, two.logprob) for one, two in both)
    return (abs(one - two) for one, two in pairs if one is not None and two is not None)


@dataclass(frozen=True, slots=True, repr=False)
class Repeats:
    """The same request, repeated with one thing varied at a time (measured).

    Attributes:
        model: name of the model.
        prompt: prompt of every run.
        conditions: runs by what was varied.
        stopped: whether it was stopped before its last run ended.
    """

    model: str
    prompt: str | Messages
    conditions: tuple[Condition, ...]
    stopped: bool = False

    @property
    def how(self) -> str:
        """How it came about, for a title."""
        return "stopped, measured" if self.stopped else "measured"

    @property
    def summary(self) -> str:
        """Which variations changed the answer."""
        return f"{self.model}: {'; '.join(map(_line, self.conditions))} ({self.how})"

    def __repr__(self) -> str:
        return self.summary


def _line(condition: Condition) -> str:
    if condition.why_not:
        return f"{condition.description}: not run"
    runs = condition.compared
    if len(runs) < 2:
        return f"{condition.description}: {NO_SECOND}"
    if condition.earliest_difference is None:
        return f"{condition.description}: {len(runs)} runs, all the same"
    counts = f"{len(runs)} runs, {len({run.ids for run in runs})} different answers"
    first = condition.earliest_difference.index + 1
    return f"{condition.description}: {counts}, which differ from token {first} on"
