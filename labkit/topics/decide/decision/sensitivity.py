"""What would have to change for a recommendation to turn. Pure arithmetic, like the core."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from labkit.topics.cost.facts import RangedNumber

from .core import SENSITIVITIES, HardLimits, Option, Recommendation, WorkKind, choose

FURTHEST = 100.0  # times as much, or as little, as a number is now
GRID, HALVINGS = 12, 30
NO_ONE = "nothing that is known meets it"


@dataclass(frozen=True, slots=True)
class TurningPoint:
    """A change that turns a recommendation.

    Attributes:
        what: the number that changes.
        now: what it is.
        at: where the recommendation turns.
        unit: of both.
        to: what is recommended then.
    """

    what: str
    now: float
    at: float
    unit: str
    to: str


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """What a recommendation depends on.

    Attributes:
        turns: the nearest change of each number that turns it.
        stricter: what is recommended if the data were secret, or all had to work offline.
        unsettled: numbers that turn it within their own intervals, each with its option.
    """

    turns: tuple[TurningPoint, ...]
    stricter: tuple[tuple[str, str], ...]
    unsettled: tuple[tuple[str, str], ...]


Problem = tuple[Sequence[WorkKind], Sequence[Option], HardLimits]


def sensitivity(problem: Problem, number: int) -> Sensitivity:
    """What the recommendation for one of the kinds of work depends on.

    Args:
        problem: kinds of work, options and limits, as for `choose`.
        number: which kind.
    """
    now = recommended(problem, number)
    turns = (_turn(problem, number, now, *each) for each in _numbers(problem, number))
    stricter = (
        (what, recommended(changed, number)) for what, changed in _stricter(problem, number)
    )
    return Sensitivity(
        tuple(each for each in turns if each),
        tuple(each for each in stricter if each[1] != now),
        tuple(dict.fromkeys(_unsettled(problem, number, now))),
    )


def recommended(problem: Problem, number: int) -> str:
    """The name of what is recommended for a kind of work, if that meets its needs."""
    return outcome(choose(*problem)[number])


def outcome(choice: Recommendation) -> str:
    """The name of an option that meets the needs, or that there is no such."""
    found = choice.recommended
    return found.option.name if found and choice.is_met else NO_ONE


def _with_kind(problem: Problem, number: int, **changes) -> Problem:
    kinds, options, limits = problem
    changed = [replace(each, **changes) if n == number else each for n, each in enumerate(kinds)]
    return changed, options, limits


Numbers = tuple[str, float, str, Callable[[float], Problem], float]


def _numbers(problem: Problem, number: int) -> Iterator[Numbers]:
    """What can change: its name, its value, its unit, how it is changed, and the most it can be."""
    kind, limits = problem[0][number], problem[2]

    def of_kind(name: str) -> Callable[[float], Problem]:
        return lambda value: _with_kind(problem, number, **{name: value})

    yield "how often it is done", kind.per_week, "a week", of_kind("per_week"), math.inf
    yield "length of an answer", kind.tokens_out, "tokens", of_kind("tokens_out"), math.inf
    if kind.least_right:
        needed = "share that must be right"
        yield needed, kind.least_right, "", of_kind("least_right"), 1.0
    if math.isfinite(kind.most_s):
        yield "seconds it may take", kind.most_s, "s", of_kind("most_s"), math.inf
    if limits.budget_usd:

        def budget(value: float) -> Problem:
            return problem[0], problem[1], replace(limits, budget_usd=value)

        yield "the budget", limits.budget_usd, "USD a week", budget, math.inf


def _turn(
    problem: Problem,
    number: int,
    now: str,
    what: str,
    value: float,
    unit: str,
    changed: Callable[[float], Problem],
    most: float,
) -> TurningPoint | None:
    """The nearest value, up or down, at which something else is recommended; None within reach."""
    if not value:
        return None

    def at(each: float) -> str:
        return recommended(changed(each), number)

    for power in range(1, GRID + 1):
        for sign in (1, -1):
            step, before = (FURTHEST ** (sign * n / GRID) for n in (power, power - 1))
            far, near = min(most, value * step), min(most, value * before)
            if far != near and at(far) != now:
                far = _halved(at, now, near, far)
                return TurningPoint(what, value, far, unit, at(far))
    return None


def _halved(at: Callable[[float], str], now: str, near: float, far: float) -> float:
    """The end at which it has turned, once the two ends lie close together."""
    for _ in range(HALVINGS):
        middle = math.sqrt(near * far)
        near, far = (middle, far) if at(middle) == now else (near, middle)
    return far


def _stricter(problem: Problem, number: int) -> Iterable[tuple[str, Problem]]:
    kinds, options, limits = problem
    yield "if the data were secret", _with_kind(problem, number, sensitivity=SENSITIVITIES[-1])
    yield "if it had to work offline", (kinds, options, replace(limits, offline=True))


def _unsettled(problem: Problem, number: int, now: str) -> Iterator[tuple[str, str]]:
    kinds, options, limits = problem
    like = kinds[number].like
    for index, option in enumerate(options):
        for what, estimate, change in _estimates(option, like):
            for end in {estimate.low, estimate.high} - {estimate.likely}:
                exact = replace(estimate, low=end, likely=end, high=end)
                changed = [*options[:index], change(exact), *options[index + 1 :]]
                if recommended((kinds, changed, limits), number) != now:
                    yield what, option.name


Estimates = tuple[str, RangedNumber, Callable[[RangedNumber], Option]]


def _estimates(option: Option, like: str) -> Iterator[Estimates]:
    """The numbers of an option that have an interval, and the option with another in its place."""
    if found := option.right.get(like):
        yield "right answers", found, lambda n: replace(option, right={**option.right, like: n})
    for what, name in (
        ("writing speed", "write_tokens_per_s"),
        ("reading speed", "read_tokens_per_s"),
        ("delay", "delay_s"),
        ("fixed cost", "fixed_usd"),
    ):
        found = getattr(option, name)
        if found is not None and found.likely:
            yield what, found, lambda n, name=name: replace(option, **{name: n})
