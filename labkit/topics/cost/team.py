"""`share_hardware`: how long a team waits for one card, by formula and by simulation.

A cloud serves ten people as quickly as one, and sends a bill ten times as large. A card costs the
same for ten, and makes them wait for each other: a queue with random arrivals, answers that all
take equally long, and one server (M/D/1).
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from labkit.checks import check_number, check_seed, check_whole
from labkit.formatting import in_lines
from labkit.lab_book.entry import BookEntry

TEAMS = (1, 2, 5, 10, 15, 18, 20)
BATCHES, ARRIVALS = 20, 20_000  # of a simulation: its spread is that of the batches' means
FULL = 1 - 1e-9  # a load of 1, whatever rounding makes of it
MOST_LOAD = 0.98  # of a simulation: above it, waits are alike for longer than a batch lasts


def mean_wait_s(load: float, seconds: float) -> float:
    """Mean seconds in the queue before an answer begins; infinite from a load of 1.

    Args:
        load: share of the time that the server is busy, 0 or more.
        seconds: of one answer.
    Source: Pollaczek 1930 and Khinchin 1932, for service times that are all the same (M/D/1).

    >>> mean_wait_s(0.5, 9.0)
    4.5
    """
    return load * seconds / (2 * (1 - load)) if load < FULL else math.inf


def simulate_waits(load: float, seconds: float, seed: int = 0) -> np.ndarray:
    """(batches, arrivals): seconds that each question of a simulated queue waits.

    Args:
        load: share of the time that the server is busy, above 0 and below 1.
        seconds: of one answer.
        seed: of the random arrivals.
    Source: Lindley 1952: each waits as long as the one before it, and for that one's answer, less
        the time between the two.
    """
    gaps = np.random.default_rng(seed).exponential(seconds / load, BATCHES * ARRIVALS)
    walk = np.concatenate([[0.0], np.cumsum(seconds - gaps[1:])])
    waits = walk - np.minimum.accumulate(walk)
    return waits.reshape(BATCHES, ARRIVALS)


@dataclass(frozen=True, slots=True)
class TeamWait:
    """One team at one card.

    Attributes:
        people: its size.
        load: share of the working time that the card is busy; from 1 on, the queue never ends.
        mean_s: mean wait by the formula; infinite where the queue never ends.
        simulated_s: mean wait in the simulation; None above a load of `MOST_LOAD`.
        simulated_low_s, simulated_high_s: where the simulation's true mean lies, 95 %.
        p95_s: the wait that 95 of 100 questions of the simulation do not exceed.
    """

    people: int
    load: float
    mean_s: float
    simulated_s: float | None
    simulated_low_s: float | None
    simulated_high_s: float | None
    p95_s: float | None


@dataclass(frozen=True, slots=True, repr=False)
class SharedHardware:
    """Teams of several sizes at one card (computed, and simulated).

    Attributes:
        seconds: of one answer.
        questions_per_hour: of one person.
        teams: the teams, smallest first.
    """

    seconds: float
    questions_per_hour: float
    teams: tuple[TeamWait, ...]

    @property
    def most_people(self) -> int:
        """The largest team whose questions the card can answer at all."""
        a_person = self.questions_per_hour * self.seconds / 3600
        return math.ceil(FULL / a_person) - 1 if a_person else 0

    @property
    def not_simulated(self) -> tuple[int, ...]:
        """The sizes of the teams that can be served, but have a load above `MOST_LOAD`."""
        return tuple(each.people for each in self.teams if MOST_LOAD < each.load < FULL)

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """The largest team."""
        most = BookEntry("most_people", "people that one card serves", self.most_people)
        return (BookEntry(most.name, most.label, most.value, "people", origin="computed"),)

    @property
    def summary(self) -> str:
        """The wait of each team, and the largest one that can be served."""
        waits = "; ".join(
            f"{each.people}: {each.mean_s:.1f} s"
            if each.load < FULL
            else f"{each.people}: without end"
            for each in self.teams
        )
        sizes = ", ".join(map(str, self.not_simulated))
        rest = sizes and f"; not simulated, as the load is above {MOST_LOAD:.0%}: {sizes}"
        return (
            f"{self.questions_per_hour:g} questions an hour from each, {self.seconds:.1f} s an "
            f"answer; mean wait for a team of {waits} (computed); at most {self.most_people} people"
            f"{rest}"
        )

    def __repr__(self) -> str:
        return in_lines(self.summary)


def share_hardware(
    *,
    seconds: float,
    questions_per_hour: float = 20,
    people: Iterable[int] | int = TEAMS,
    seed: int = 0,
) -> SharedHardware:
    """How long people wait who share one card.

    Args:
        seconds: of one answer.
        questions_per_hour: of one person, at random moments.
        people: sizes of the teams, or one.
        seed: of the simulation.
    Raises:
        ValueError: an argument out of range.
    """
    check_number("seconds", seconds, "above 0, up to 86,400", lambda each: 0 < each <= 86_400)
    check_number(
        "questions_per_hour",
        questions_per_hour,
        "above 0, up to 100,000",
        lambda each: 0 < each <= 1e5,
    )
    several = people if isinstance(people, Iterable) else (people,)
    sizes = [int(each) if isinstance(each, np.integer) else each for each in several]
    if not 1 <= len(sizes) <= 100:
        raise ValueError(f"people must be 1 to 100 sizes of teams; got {len(sizes)}")
    for size in sizes:
        check_whole("people", size, 1, 100_000)
    check_seed(seed)
    teams = (_team(size, seconds, questions_per_hour, seed) for size in sorted(set(sizes)))
    return SharedHardware(seconds, questions_per_hour, tuple(teams))


def _team(people: int, seconds: float, questions_per_hour: float, seed: int) -> TeamWait:
    load = people * questions_per_hour * seconds / 3600
    mean = mean_wait_s(load, seconds)
    if load > MOST_LOAD:
        return TeamWait(people, load, mean, None, None, None, None)
    waits = simulate_waits(load, seconds, seed)
    means = waits.mean(axis=1)
    middle = float(means.mean())
    half = 2.093 * float(means.std(ddof=1)) / math.sqrt(BATCHES)  # Student's t, 19 degrees
    low, high = max(0.0, middle - half), middle + half
    return TeamWait(people, load, mean, middle, low, high, float(np.percentile(waits, 95)))
