"""What would have to change for a recommendation to turn. Pure arithmetic, like the core."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from labkit.topics.cost.facts import RangedNumber

from .core import SENSITIVITIES, UNMET, HardLimits, Option, Recommendation, WorkKind, choose

FURTHEST = 100.0  # times as much, or as little, as a number is now
GRID, HALVINGS = 12, 30


@dataclass(frozen=True, slots=True)
class TurningPoint:
    """A change that turns a recommendation.

    Attributes:
        what: the number that changes.
        now: what it is; of a need that is not asked for, a value that changes nothing.
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
    kinds, options, limits = problem
    now = recommended(problem, number)
    stricter = (
        ("if the data were secret", _with_kind(problem, number, sensitivity=SENSITIVITIES[-1])),
        ("if it had to work offline", (kinds, options, replace(limits, offline=True))),
    )
    stricter = ((what, recommended(changed, number)) for what, changed in stricter)
    turns = (
        _turn(what, unit, value, ends, now, lambda x, change=change: recommended(change(x), number))
        for what, unit, value, ends, change in _numbers(problem, number)
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
    return found.option.name if found and choice.is_met else UNMET


def _with_kind(problem: Problem, number: int, **changes) -> Problem:
    kinds, options, limits = problem
    changed = [replace(each, **changes) if n == number else each for n, each in enumerate(kinds)]
    return changed, options, limits


Change = Callable[[float], Problem]
Ends = tuple[float, float]
ANY: Ends = (0.0, math.inf)


def _numbers(problem: Problem, number: int) -> Iterator[tuple[str, str, float, Ends, Change]]:
    """What can change: its name, its unit, its value, its least and most, and how it is changed."""
    kinds, options, limits = problem
    asked = _asked(kinds[number], options)
    for name, what, unit, ends in (
        ("per_week", "how often it is done", "a week", ANY),
        ("tokens_out", "length of an answer", "tokens", (1.0, math.inf)),
        ("least_right", "share that must be right", "", (0.0, 1.0)),
        ("most_s", "seconds it may take", "s", ANY),
    ):
        if value := asked[name]:
            yield (
                *(what, unit, value, ends),
                lambda x, name=name: _with_kind(problem, number, **{name: x}),
            )
    if limits.budget_usd:
        yield (
            *("the budget", "USD a week", limits.budget_usd, ANY),
            lambda x: (kinds, options, replace(limits, budget_usd=x)),
        )


def _asked(kind: WorkKind, options: Sequence[Option]) -> dict[str, float]:
    """The numbers of a kind of work; what is not asked for begins where it changes nothing."""
    slowest = max((each.seconds(kind) or 0.0 for each in options), default=0.0)
    return {
        "per_week": kind.per_week,
        "tokens_out": kind.tokens_out,
        "least_right": kind.least_right or 1 / FURTHEST,
        "most_s": kind.most_s if math.isfinite(kind.most_s) else slowest,
    }


def _turn(
    what: str, unit: str, value: float, ends: Ends, now: str, at: Callable[[float], str]
) -> TurningPoint | None:
    """The nearest value, up or down, at which something else is recommended; None within reach."""
    for power in range(1, GRID + 1):
        for sign in (1, -1):
            steps = (value * FURTHEST ** (sign * n / GRID) for n in (power - 1, power))
            near, far = (min(max(each, ends[0]), ends[1]) for each in steps)
            if far != near and at(far) != now:
                for _ in range(HALVINGS):
                    middle = math.sqrt(near * far)
                    near, far = (middle, far) if at(middle) == now else (near, middle)
                return TurningPoint(what, value, far, unit, at(far))
    return None


def _unsettled(problem: Problem, number: int, now: str) -> Iterator[tuple[str, str]]:
    """Numbers with an interval within which it turns, each with its option."""
    kinds, options, limits = problem
    for index, option in enumerate(options):
        for what, estimate, change in _estimates(option, kinds[number].like):
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
        ("electricity", "usd_per_s"),
    ):
        found = getattr(option, name)
        if found and found.likely:
            yield what, found, lambda n, name=name: replace(option, **{name: n})
