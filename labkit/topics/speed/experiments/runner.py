"""One thing varied, the rest as it was: how such an experiment runs, and what it gives.

The cases run in turn, round after round, so that a minute in which the machine is slow slows all
of them alike: only what was measured in turn can be compared.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from labkit.backends.generate import Backend
from labkit.backends.prompts import Messages
from labkit.formatting import in_lines
from labkit.stats import Spread
from labkit.topics.speed.measure.machine_noise import Disturbance, Watch, tell_disturbed
from labkit.topics.speed.measure.measurement import (
    Measurement,
    Setup,
    gather,
    look_up,
    require_one,
    runs_here,
)
from labkit.topics.speed.measure.run import Run, time_run

LIMIT_S = 50.0  # no further round begins that would not be over by then


@dataclass(frozen=True, slots=True)
class Case:
    """One value of the varied thing, and how it is asked for.

    Attributes:
        value: the value.
        backend: what to ask.
        prompt: what to ask it.
        settings: max_tokens, raw, and more of `Settings`.
        rows: that run together.
        around: what must hold while it runs.
    """

    value: float | str
    backend: Backend
    prompt: str | Messages
    settings: dict
    rows: int = 1
    around: Callable[[], AbstractContextManager] = field(default=nullcontext)

    def run(self, **changed) -> Run:
        """Asks once."""
        with self.around():
            return time_run(self.backend, self.prompt, **{**self.settings, **changed})

    def setup(self) -> Setup:
        """With what it runs."""
        with self.around():
            return look_up(self.backend)


@dataclass(frozen=True, slots=True)
class Point:
    """One value of the varied thing, with its measurement.

    Attributes:
        value: the value.
        measurement: of it.
    """

    value: float | str
    measurement: Measurement


@dataclass(frozen=True, slots=True, repr=False)
class Experiment:
    """What one thing, varied, did to speed and memory (measured).

    Attributes:
        name: what was varied.
        axis: the same for a picture's axis, with its unit.
        model: name of the model.
        points: one for each value that has a complete run.
        rounds: how often each was asked for.
        shown: numbers of `Measurement` that it is about.
        missing: values that could not be tried, and why, in words.
        notes: what else was found, in words.
    """

    name: str
    axis: str
    model: str
    points: tuple[Point, ...]
    rounds: int
    shown: tuple[str, ...]
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def numbers(self, name: str) -> tuple[tuple[float | str, Spread], ...]:
        """One number of each measurement that has it, with the value that it belongs to."""
        pairs = ((point.value, getattr(point.measurement, name)) for point in self.points)
        return tuple((value, told) for value, told in pairs if told)

    @property
    def disturbances(self) -> tuple[Disturbance, ...]:
        """What else the machine did meanwhile; values that ran in turn share one."""
        known = (point.measurement.disturbance for point in self.points)
        return tuple(dict.fromkeys(each for each in known if each))

    @property
    def summary(self) -> str:
        """The first value against the last, and whether the machine was disturbed."""
        told = "; ".join(filter(None, map(self._told, self.shown))) or "nothing was measured"
        line = f"{self.model}, {self.name} varied: {told} (measured)"
        disturbed = tell_disturbed(self.disturbances)
        return f"{line}. {disturbed}" if disturbed else line

    def _told(self, name: str) -> str:
        known = self.numbers(name)
        if not known:
            return ""
        ends = dict((known[0], known[-1]))
        values = ", ".join(f"{_text(value)}: {told.median:.3g}" for value, told in ends.items())
        at = "," if isinstance(known[0][0], str) else " at"
        return f"{SAID[name]}{at} {values}"

    def __repr__(self) -> str:
        return in_lines(self.summary, *self.notes, *self.missing)


# Numbers of a measurement as people call them.
SAID = {
    "ttft_s": "seconds to the first token",
    "tpot_s": "seconds per output token",
    "elapsed_s": "seconds end to end",
    "decode_tokens_per_s": "decode tokens/s, one answer",
    "prefill_tokens_per_s": "prefill tokens/s",
    "throughput_tokens_per_s": "decode tokens/s, all answers",
}


def _text(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def run_in_turn(
    cases: Sequence[Case],
    *,
    name: str,
    axis: str,
    shown: Sequence[str],
    repeats: int = 5,
    limit_s: float = LIMIT_S,
    missing: Sequence[str] = (),
) -> Experiment:
    """Warms each case up with two tokens, then runs all in turn, round after round.

    Interrupting it keeps what was measured; a round more is begun only if there is time for it.

    Args:
        cases: one for each value.
        name: of what is varied.
        axis: the same with its unit.
        shown: numbers of `Measurement` that it is about.
        missing: values that could not be tried, and why.
        repeats: rounds.
        limit_s: seconds for all of it; the first round is run in any case.
    Raises:
        ValueError: for no case, or no round.
        LabError: if the model fails before one run is complete.
    """
    if not cases or repeats < 1:
        raise ValueError(
            f"repeats must be 1 or more, with values to vary; got {repeats!r}, {len(cases)} values"
        )
    watch = Watch(own_work=all(runs_here(case.backend) for case in cases))
    count = len(cases)
    planned = count * (repeats + 1)
    runs = list(gather(_rounds(cases, repeats, limit_s), planned, name))
    require_one(runs)
    warm, counted = runs[:count], runs[count:]
    disturbance, points = watch.end(), []
    for place, case in enumerate(cases):
        own = tuple(counted[place::count])
        measurement = Measurement(
            case.backend.name, case.prompt, case.settings["max_tokens"], own,
            tuple(warm[place : place + 1]), case.setup(), disturbance, rows=case.rows,
        )  # fmt: skip
        if measurement.counted:
            points.append(Point(case.value, measurement))
    rounds = max((len(point.measurement.counted) for point in points), default=0)
    model = " and ".join(dict.fromkeys(case.backend.name for case in cases))
    return Experiment(name, axis, model, tuple(points), rounds, tuple(shown), tuple(missing))


def was_stopped(done: Experiment, cases: int) -> bool:
    """Whether the learner ended an experiment of so many cases before its time."""
    runs = (run for point in done.points for run in point.measurement.runs)
    return len(done.points) < cases or any(run.finish == "interrupted" for run in runs)


def _rounds(cases: Sequence[Case], repeats: int, limit_s: float) -> Iterator[Run]:
    began, longest = time.monotonic(), 0.0
    for case in cases:
        yield case.run(max_tokens=min(2, case.settings["max_tokens"]))
    for number in range(repeats):
        if number and time.monotonic() - began + longest > limit_s:
            return
        start = time.monotonic()
        yield from (case.run() for case in cases)
        longest = max(longest, time.monotonic() - start)


def how_measured(experiment: Experiment) -> str:
    """How often, and whether in quiet, for a title."""
    rounds = f"{experiment.rounds} round{'s' if experiment.rounds != 1 else ''} in turn"
    disturbed = any(each.disturbed for each in experiment.disturbances)
    return f"{rounds}, measured{' · machine disturbed' if disturbed else ''}"
