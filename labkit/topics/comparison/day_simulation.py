"""`simulate_day`: how long a day's requests make you wait, as a distribution."""

import bisect
import random
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from typing import Any

from labkit.checks import check_one_of, check_seed, check_whole
from labkit.formatting import number_of
from labkit.lab_book.entry import BookEntry
from labkit.stats import percentile
from labkit.topics.comparison.batch.table import BatchTable
from labkit.topics.speed.measure.measurement import Measurement

UNTIL = {"first": "until the first token", "end": "until the whole answer"}
FEWEST = 3  # measured replies; fewer say almost nothing about their spread
FEW = 20  # with fewer, a slow reply that occurs once a day has probably not been measured


@dataclass(frozen=True, slots=True)
class WaitingTime:
    """The waiting for one backend.

    Attributes:
        name: the backend's name.
        waits_s: the measured seconds of each reply.
        days_s: the seconds of each simulated day, in ascending order.
        left_out: number of replies without a time, because they failed or were stopped.
        origin: the origin of the replies' times.
    """

    name: str
    waits_s: tuple[float, ...]
    days_s: tuple[float, ...]
    left_out: int
    origin: str

    @property
    def median_s(self) -> float:
        """The median day."""
        return percentile(self.days_s, 50)

    @property
    def interval_s(self) -> tuple[float, float]:
        """The range of 95 out of 100 days."""
        return percentile(self.days_s, 2.5), percentile(self.days_s, 97.5)


@dataclass(frozen=True, slots=True, repr=False)
class DaySimulation:
    """How long one waits in a day (computed from the times of replies).

    Attributes:
        requests: number of requests in a day.
        until: the end of each wait: ``"first"`` token or ``"end"`` of the answer.
        seed: the random seed of the simulation.
        waits: one for each backend, in the given order.
    """

    requests: int
    until: str
    seed: int
    waits: tuple[WaitingTime, ...]

    def of(self, name: str) -> WaitingTime:
        """The waiting for one backend.

        Raises:
            ValueError: there is no backend of that name.
        """
        for waiting in self.waits:
            if waiting.name == name:
                return waiting
        known = ", ".join(waiting.name for waiting in self.waits)
        raise ValueError(f"name must be one of {known}; got {name!r}")

    @property
    def shorter(self) -> tuple[float, ...]:
        """For each other backend: the share of days on which the first one takes less time."""
        first = self.waits[0].days_s
        return tuple(_share_below(first, waiting.days_s) for waiting in self.waits[1:])

    @property
    def few(self) -> tuple[str, ...]:
        """Backends with too few replies to contain rare slow ones."""
        return tuple(w.name for w in self.waits if len(w.waits_s) < FEW)

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """The minutes of waiting on a median day; the first is the local model's."""
        names = chain(["waiting_min"], (f"waiting_min_{n}" for n in count(2)))
        return tuple(
            BookEntry(
                *(name, f"{each.name}, a day", each.median_s / 60, "min"),
                *(end / 60 for end in each.interval_s),
                origin="computed",
            )
            for name, each in zip(names, self.waits, strict=False)
        )

    @property
    def summary(self) -> str:
        """The waiting of each in a day: the median and the range of 95 out of 100 days."""
        lines = "; ".join(map(_summary, self.waits))
        return f"{number_of(self.requests, 'request')} a day, {UNTIL[self.until]}: {lines}"

    def __repr__(self) -> str:
        few = [f"Only a few replies were timed: {', '.join(self.few)}."] if self.few else []
        return "\n".join([self.summary, *few])


def _summary(waiting: WaitingTime) -> str:
    low, high = map(format_duration, waiting.interval_s)
    return (
        f"{waiting.name} {format_duration(waiting.median_s)} ({low} to {high} on 95 of 100 days; "
        f"computed from {len(waiting.waits_s)} replies, {waiting.origin})"
    )


def format_duration(seconds: float) -> str:
    """A length of time in a fitting unit.

    >>> format_duration(12.34), format_duration(95), format_duration(7300)
    ('12.3 s', '1.6 min', '2.0 h')
    """
    for most, size, unit in ((60, 1, "s"), (3600, 60, "min")):
        if seconds < most:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds / 3600:.1f} h"


def _share_below(one: Sequence[float], other: Sequence[float]) -> float:
    """The share of pairs in which a day of `one` is shorter than one of `other`; a tie is half."""
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
) -> DaySimulation:
    """How long you would wait in a day of requests like those that were timed.

    Each simulated day first resamples the measured replies, as if they had been measured another
    time, and then draws its requests from them. So the spread includes both the chance of a day
    and the small number of measurements. What was never measured, such as an outage or a rush
    hour, is not in it.

    Args:
        replies: from ``labkit.comparison.run_batch``; or for each name, replies or a measurement:
            ``{"local": labkit.measure(…), "cloud": [reply, reply, reply]}``. The pauses that a
            server asked for (Retry-After) do not count.
        requests: number of requests in a day.
        until: ``"end"``: until the answer is complete; ``"first"``: until the first token.
        days: number of days to simulate.
        seed: the random seed.
    Raises:
        ValueError: fewer than three timed replies of a backend, or an argument out of range.
    Source: the bootstrap: Efron and Tibshirani 1993, "An Introduction to the Bootstrap", sections
        6.2 and 13.3.
    """
    for name, value in (("requests", requests), ("days", days)):
        check_whole(name, value, 1, 100_000)
    check_one_of("until", until, UNTIL)
    check_seed(seed)
    waits = [
        _waiting(name, group, until, requests, days, seed)
        for name, group in _groups(replies).items()
    ]
    return DaySimulation(requests, until, seed, tuple(waits))


def _groups(replies: BatchTable | Mapping[str, Any]) -> dict[str, Sequence[Any]]:
    if isinstance(replies, BatchTable):
        replies.check_one_setting(replies.backends)
        return {name: replies.of(name) for name in replies.backends}
    if not isinstance(replies, Mapping) or not replies:
        raise ValueError(f"replies must be a table, or replies by name; got {replies!r}")
    return {name: _replies(name, group) for name, group in replies.items()}


def _replies(name: str, group: Any) -> Sequence[Any]:
    """The replies under one name, all with an end and its time."""
    if isinstance(group, Measurement):
        return group.counted
    several = tuple(group) if isinstance(group, Iterable) else ()
    if not several or not all(hasattr(each, "finish") for each in several):
        raise ValueError(
            f"replies[{name!r}] must be replies, or come from lab.measure; "
            f"got {reprlib.repr(group)}"
        )
    return several


def _waiting(
    name: str, group: Sequence[Any], until: str, requests: int, days: int, seed: int
) -> WaitingTime:
    timed = [each for each in group if each.finish in ("stop", "length")]
    waits = [each.ttft_s if until == "first" else each.elapsed_s for each in timed]
    waits = tuple(wait for wait in waits if wait is not None)
    if len(waits) < FEWEST:
        raise ValueError(
            f"replies must hold {FEWEST} or more complete ones of each backend; "
            f"{name} has {len(waits)}"
        )
    origins = dict.fromkeys(getattr(each, "origin", "measured") for each in timed)
    rng = random.Random(f"{seed} {name}")
    resampled = (rng.choices(waits, k=len(waits)) for _ in range(days))
    days_s = sorted(sum(rng.choices(replies, k=requests)) for replies in resampled)
    return WaitingTime(name, waits, tuple(days_s), len(group) - len(waits), ", ".join(origins))
