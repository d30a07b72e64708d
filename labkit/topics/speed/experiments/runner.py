"""Experiments that vary one thing and keep the rest: how they run, and their result.

The cases are interleaved, round after round, so that a minute in which the machine is slow slows
all of them alike: only interleaved runs can be compared.
"""

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from labkit.backends.capabilities import WITH_WEIGHTS, HasPlan, check_backend, runs_here
from labkit.backends.generate import Backend
from labkit.backends.prompts import Messages
from labkit.checks import check_number, check_whole, checked_several
from labkit.errors import LabError
from labkit.formatting import digits, in_lines
from labkit.stats import Spread
from labkit.topics.speed.measure.machine_noise import (
    MachineNoise,
    NoiseMonitor,
    any_disturbed,
    with_warning,
)
from labkit.topics.speed.measure.measurement import Measurement, collect_runs, require_complete_run
from labkit.topics.speed.measure.run import TimedRun, origins, time_run
from labkit.topics.speed.measure.setup import Setup, describe_setup

VOID = "One round on a disturbed machine compares nothing"
REPEATS = 5
LIMIT_S = 50.0  # no round starts that would end after this


@dataclass(frozen=True, slots=True)
class ExperimentCase:
    """One value of what is varied, and the request that measures it.

    Attributes:
        value: the value.
        backend: backend that answers.
        prompt: prompt of the request.
        settings: max_tokens, raw, and more of `Settings`.
        rows: number of answers that run together.
        around: context manager entered while it runs.
    """

    value: float | str
    backend: Backend
    prompt: str | Messages
    settings: dict
    rows: int = 1
    around: Callable[[], AbstractContextManager] = field(default=nullcontext)

    def run(self, **changed) -> TimedRun:
        """Times one request."""
        with self.around():
            return time_run(self.backend, self.prompt, **{**self.settings, **changed})

    def warm_up(self) -> tuple[TimedRun, Setup]:
        """Times two tokens at most, and describes the setup while it is as in every run."""
        with self.around():
            settings = {**self.settings, "max_tokens": min(2, self.settings["max_tokens"])}
            return time_run(self.backend, self.prompt, **settings), describe_setup(self.backend)


def greedy_case(
    value: float | str,
    backend: Backend,
    prompt: str | Messages,
    max_tokens: int,
    *,
    raw=False,
    **more,
) -> ExperimentCase:
    """A case at temperature 0, which writes the same tokens each time; ``more`` are its fields."""
    check_backend("model", backend)
    check_whole("max_tokens", max_tokens)
    settings = {"max_tokens": max_tokens, "temperature": 0.0, "raw": raw}
    return ExperimentCase(value, backend, prompt, settings, **more)


@dataclass(frozen=True, slots=True)
class Point:
    """One value of what is varied, with its measurement.

    Attributes:
        value: the value.
        measurement: its measurement.
    """

    value: float | str
    measurement: Measurement


@dataclass(frozen=True, slots=True, repr=False)
class Experiment:
    """What varying one thing did to speed and memory.

    Attributes:
        name: name of what was varied.
        axis: the same as an axis title, with its unit.
        model: name of the model.
        points: one measurement for each value that has a complete run.
        rounds: number of runs of each value.
        metrics: numbers of `Measurement` to show.
        missing: sentences on values that could not be tried, and why.
        notes: further findings, as sentences.
    """

    name: str
    axis: str
    model: str
    points: tuple[Point, ...]
    rounds: int
    metrics: tuple[str, ...]
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def numbers(self, name: str) -> tuple[tuple[float | str, Spread], ...]:
        """One metric of each measurement that has it, with the value that it belongs to."""
        pairs = ((point.value, getattr(point.measurement, name)) for point in self.points)
        return tuple((value, spread) for value, spread in pairs if spread)

    @property
    def noise(self) -> tuple[MachineNoise, ...]:
        """What else the machine did meanwhile; interleaved values share one record."""
        known = (point.measurement.noise for point in self.points)
        return tuple(dict.fromkeys(each for each in known if each))

    @property
    def origin(self) -> str:
        """How the numbers came about, each origin once."""
        return origins(point.measurement for point in self.points)

    @property
    def summary(self) -> str:
        """The first value compared with the last, and whether the machine was disturbed."""
        found = "; ".join(filter(None, map(self._ends, self.metrics)))
        unit = f" ({self.axis})" if self.axis != self.name else ""
        found = f"{found} ({self.origin})" if found else NO_ROUND
        return self.with_warning(f"{self.model}, {self.name} varied{unit}: {found}")

    @property
    def is_void(self) -> bool:
        """Whether it compares nothing: a single round, on a disturbed machine."""
        return self.rounds < 2 and any_disturbed(self.noise)

    def with_warning(self, line: str) -> str:
        """A summary of these runs, and what the machine's noise makes of it."""
        if self.is_void:
            line = f"{line.removesuffix('.')}. {VOID}"
        return with_warning(line, self.noise)

    def _ends(self, name: str) -> str:
        known = self.numbers(name)
        if not known:
            return ""
        ends = dict((known[0], known[-1]))
        values = ", ".join(f"{_text(value)}: {digits(each.median)}" for value, each in ends.items())
        at = "," if isinstance(known[0][0], str) else " at"
        return f"{METRIC_LABELS[name]}{at} {values}"

    def __repr__(self) -> str:
        return in_lines(self.summary, *self.notes, *self.missing)


PROMPT = "Tell me about the sea, the wind and the ships that sail on it."
NO_ROUND = "it ended before one round was complete; nothing was measured"
# Labels for the metrics of a measurement.
METRIC_LABELS = {
    "ttft_s": "seconds to the first token",
    "tpot_s": "seconds per output token",
    "elapsed_s": "seconds end to end",
    "decode_tokens_per_s": "decode tokens/s, one answer",
    "prefill_tokens_per_s": "prefill tokens/s",
    "throughput_tokens_per_s": "decode tokens/s, all answers",
}


def _text(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def check_rounds(*, repeats: int = REPEATS, limit_s: float = LIMIT_S) -> None:
    """Raises a ValueError unless the arguments of `run_interleaved` are within their bounds.

    Verbs that load or read something first call it at once.
    """
    check_whole("repeats", repeats)
    check_number("limit_s", limit_s, "0 or more", lambda seconds: seconds >= 0)


def checked_counts(name: str, values: Iterable[int], example: str) -> tuple[int, ...]:
    """An argument of one or more whole numbers above 0 as a tuple; a ValueError for others."""
    counts = checked_several(name, values, int, f"one or more whole numbers, as in {example}")
    for count in counts:
        check_whole(name, count)
    return counts


def run_interleaved(
    cases: Sequence[ExperimentCase],
    *,
    name: str,
    axis: str | None = None,
    metrics: Sequence[str] = ("decode_tokens_per_s", "ttft_s"),
    repeats: int = REPEATS,
    limit_s: float = LIMIT_S,
    missing: Sequence[str] = (),
) -> Experiment:
    """Warms each case up with two tokens, then runs all of them round after round.

    An interrupt keeps what was measured; another round starts only if there is time for it.

    Args:
        cases: one case for each value.
        name: name of what is varied.
        axis: the same with its unit; None: its name.
        metrics: numbers of `Measurement` to show.
        missing: sentences on values that could not be tried, and why.
        repeats: number of rounds.
        limit_s: seconds for all of it; the first round always runs.
    Raises:
        ValueError: a number of rounds or seconds is out of range.
        LabError: there are no cases, or the model fails before one run is complete.
    """
    check_rounds(repeats=repeats, limit_s=limit_s)
    if not cases:
        raise LabError(f"No {name} can be measured. {' '.join(missing)}".strip())
    monitor = NoiseMonitor(own_work=all(runs_here(case.backend) for case in cases))
    count = len(cases)
    planned = count * (repeats + 1)
    setups: list[Setup] = []
    runs = list(collect_runs(_rounds(cases, repeats, limit_s, setups), planned, name))
    require_complete_run(runs)
    warm, counted = runs[:count], runs[count:]
    noise, points = monitor.end(), []
    for index, (case, setup, first) in enumerate(zip(cases, setups, warm, strict=False)):
        measurement = Measurement(
            case.backend.name,
            case.prompt,
            case.settings["max_tokens"],
            runs=tuple(counted[index::count]),
            warmup=(first,),
            setup=setup,
            noise=noise,
            rows=case.rows,
            origin=first.origin,
        )
        if measurement.counted:
            points.append(Point(case.value, measurement))
    rounds = max((len(point.measurement.counted) for point in points), default=0)
    model = " and ".join(dict.fromkeys(case.backend.name for case in cases))
    reasons = (*missing, *_failures(cases, runs))
    return Experiment(name, axis or name, model, tuple(points), rounds, tuple(metrics), reasons)


def _failures(cases: Sequence[ExperimentCase], runs: Sequence[TimedRun]) -> Iterator[str]:
    """Why a case failed, by its value; the runs are in the order of the cases, round by round."""
    for case, run in zip(itertools.cycle(cases), runs, strict=False):
        if run.error:
            yield f"{_text(case.value)}: {run.error}"


def was_stopped(done: Experiment, cases: int) -> bool:
    """Whether the learner stopped an experiment of that number of cases early."""
    runs = (run for point in done.points for run in point.measurement.runs)
    return len(done.points) < cases or any(run.finish == "interrupted" for run in runs)


def _rounds(
    cases: Sequence[ExperimentCase], repeats: int, limit_s: float, setups: list[Setup]
) -> Iterator[TimedRun]:
    """The runs, warming up first; `setups` receives that of each case."""
    began, longest = time.monotonic(), 0.0
    for case in cases:
        run, setup = case.warm_up()
        setups.append(setup)
        yield run
    for number in range(repeats):
        if number and time.monotonic() - began + longest > limit_s:
            return
        start = time.monotonic()
        yield from (case.run() for case in cases)
        longest = max(longest, time.monotonic() - start)


def how_measured(experiment: Experiment) -> str:
    """The number of rounds, and whether the machine was quiet, for a title."""
    if not experiment.points:
        return NO_ROUND
    rounds = f"{experiment.rounds} interleaved round{'s' if experiment.rounds != 1 else ''}"
    if experiment.is_void:
        return f"{rounds}, {experiment.origin} · machine disturbed: no comparison"
    disturbed = " · machine disturbed" if any_disturbed(experiment.noise) else ""
    return f"{rounds}, {experiment.origin}{disturbed}"


def require_local(model: Backend, verb: str) -> None:
    """Raises a LabError for a backend that is not a model from ``labkit.load``."""
    if not isinstance(model, HasPlan):
        raise LabError(
            f"{verb} needs a model of transformers; got {getattr(model, 'name', model)!r}.",
            f"{WITH_WEIGHTS} lab.measure times any other.",
        )
