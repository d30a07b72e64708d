"""A day's requests: the waiting added up, as what may happen and not as one number."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labkit.checks import check_whole
from labkit.stats import percentile
from labkit.topics.comparison.batch.table import BatchTable
from labkit.topics.speed.measure.measurement import Measurement

UNTIL = {"first": "until the first token", "end": "until the whole answer"}
FEWEST = 3  # measured replies; fewer say next to nothing about how much replies differ
FEW = 20  # below it a slow reply that comes once a day has probably not been seen


@dataclass(frozen=True, slots=True)
class Waiting:
    """The waiting for one backend.

    Attributes:
        name: of the backend.
        waits_s: what was measured: seconds of each reply.
        days_s: seconds of each simulated day, least first.
        left_out: replies that failed or were stopped, and so have no time.
        origin: how the replies' times came about.
    """

    name: str
    waits_s: tuple[float, ...]
    days_s: tuple[float, ...]
    left_out: int
    origin: str

    @property
    def median_s(self) -> float:
        """Half of the days take longer."""
        return percentile(self.days_s, 50)

    @property
    def interval_s(self) -> tuple[float, float]:
        """Between them lie 95 of 100 days."""
        return percentile(self.days_s, 2.5), percentile(self.days_s, 97.5)

    @property
    def reply_s(self) -> float:
        """Median of a single reply."""
        return percentile(self.waits_s, 50)


@dataclass(frozen=True, slots=True, repr=False)
class DayOfWaiting:
    """How long one waits in a day (computed from replies' times).

    Attributes:
        requests: in a day.
        until: ``"first"`` or ``"end"``: what is waited for.
        seed: repeats the simulation.
        waitings: one for each backend, in the order in which they were given.
    """

    requests: int
    until: str
    seed: int
    waitings: tuple[Waiting, ...]

    def of(self, name: str) -> Waiting:
        """The waiting for one backend.

        Raises:
            ValueError: there is none of that name.
        """
        for waiting in self.waitings:
            if waiting.name == name:
                return waiting
        known = ", ".join(waiting.name for waiting in self.waitings)
        raise ValueError(f"name must be one of {known}; got {name!r}")

    @property
    def shorter(self) -> tuple[float, ...]:
        """For each after the first: the share of days on which the first makes one wait less."""
        first = self.waitings[0].days_s
        return tuple(_share_below(first, waiting.days_s) for waiting in self.waitings[1:])

    @property
    def few(self) -> tuple[str, ...]:
        """Backends with so few replies that rare slow ones are probably not among them."""
        return tuple(w.name for w in self.waitings if len(w.waits_s) < FEW)

    @property
    def summary(self) -> str:
        """The waiting of each in a day: median and 95 of 100 days."""
        told = "; ".join(map(_told, self.waitings))
        return f"{self.requests} requests a day, {UNTIL[self.until]}: {told}"

    def __repr__(self) -> str:
        few = [f"Only a few replies were timed: {', '.join(self.few)}."] if self.few else []
        return "\n".join([self.summary, *few])


def _told(waiting: Waiting) -> str:
    low, high = map(in_words, waiting.interval_s)
    return (
        f"{waiting.name} {in_words(waiting.median_s)} ({low} to {high} on 95 of 100 days; computed "
        f"from {len(waiting.waits_s)} replies, {waiting.origin})"
    )


def in_words(seconds: float) -> str:
    """A length of time as people say it.

    >>> in_words(12.34), in_words(95), in_words(7300)
    ('12.3 s', '1.6 min', '2.0 h')
    """
    for most, size, unit in ((60, 1, "s"), (3600, 60, "min")):
        if seconds < most:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds / 3600:.1f} h"


def _share_below(one: Sequence[float], other: Sequence[float]) -> float:
    """How often a day of the one is shorter than a day of the other; ties count half."""
    import bisect

    below = sum(
        len(other) - (bisect.bisect_left(other, s) + bisect.bisect_right(other, s)) / 2 for s in one
    )
    return below / (len(one) * len(other))


def simulate_day(
    replies: BatchTable | Mapping[str, Any],
    *,
    requests: int = 50,
    until: str = "end",
    days: int = 2000,
    seed: int = 0,
) -> DayOfWaiting:
    """How long you would wait in a day of so many requests like those that were timed.

    Each simulated day draws its requests from the measured replies, and it first draws those
    replies anew, as if they had been measured another time: so a day's chance and the fewness of
    the measurements both are in the spread. What was never measured, such as an outage or a rush
    hour, is not in it.

    Args:
        replies: from ``labkit.comparison.run_batch``; or for each name, replies or a measurement:
            ``{"local": labkit.measure(…), "far": [reply, reply, reply]}``. Waiting that a server
            asked for (Retry-After) is the batch's doing and left out.
        requests: in a day.
        until: ``"end"``: until the whole answer is there; ``"first"``: until the first token.
        days: to simulate.
        seed: repeats them.
    Raises:
        ValueError: fewer than three timed replies of a backend, or an argument out of bounds.
    Source: the bootstrap: Efron and Tibshirani 1993, "An Introduction to the Bootstrap", sections
        6.2 and 13.3.
    """
    for name, value in (("requests", requests), ("days", days)):
        check_whole(name, value, 1, 100_000)
    if until not in UNTIL:
        raise ValueError(f"until must be 'first' or 'end'; got {until!r}")
    waitings = [
        _waiting(name, group, until, requests, days, seed)
        for name, group in _groups(replies).items()
    ]
    return DayOfWaiting(requests, until, seed, tuple(waitings))


def _groups(replies: BatchTable | Mapping[str, Any]) -> dict[str, Sequence[Any]]:
    if isinstance(replies, BatchTable):
        return {name: replies.of(name) for name in replies.backends}
    if not isinstance(replies, Mapping) or not replies:
        raise ValueError(f"replies must be a table, or replies by name; got {replies!r}")
    return {
        name: group.counted if isinstance(group, Measurement) else tuple(group)
        for name, group in replies.items()
    }


def _waiting(
    name: str, group: Sequence[Any], until: str, requests: int, days: int, seed: int
) -> Waiting:
    timed = [each for each in group if each.finish in ("stop", "length")]
    waits = [each.ttft_s if until == "first" else each.elapsed_s for each in timed]
    waits = tuple(wait for wait in waits if wait is not None)
    if len(waits) < FEWEST:
        raise ValueError(
            f"replies must be {FEWEST} or more that ended, of each backend; {name} has {len(waits)}"
        )
    origins = dict.fromkeys(getattr(each, "origin", "measured") for each in timed)
    days_s = sorted(_days(waits, requests, days, random.Random(f"{seed} {name}")))
    return Waiting(name, waits, tuple(days_s), len(group) - len(waits), ", ".join(origins))


def _days(waits: Sequence[float], requests: int, days: int, lot: random.Random) -> Iterable[float]:
    for _ in range(days):
        measured_anew = lot.choices(waits, k=len(waits))
        yield sum(lot.choices(measured_anew, k=requests))
