"""How fast a model answers here: the same request several times, without the first run.

It avoids the usual errors: the prompt's tokens are never counted as output, n tokens have n - 1
gaps, a GPU is waited for, and the first (cold) run does not enter any median.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from labkit.backends.capabilities import check_backend, runs_here
from labkit.backends.generate import Backend
from labkit.backends.prompts import Messages
from labkit.backends.settings import Settings
from labkit.checks import check_type, check_whole
from labkit.errors import LabError
from labkit.formatting import MIB, digits, in_lines, number_of
from labkit.interrupts.cell import progress
from labkit.lab_book.entry import BookEntry, entry_of_spread
from labkit.stats import Spread, percentile

from .load_time import LoadTime
from .machine_noise import MachineNoise, NoiseMonitor
from .run import TimedRun, spread, time_run
from .setup import Setup, describe_setup, subject_of


@dataclass(frozen=True, slots=True, repr=False)
class Measurement:
    """The same request, timed several times.

    Attributes:
        model: name of the model.
        prompt: prompt of every run.
        max_tokens: upper bound on the tokens of each answer.
        runs: all runs in order; interrupted and failed ones do not count.
        warmup: runs before them, which do not count.
        setup: machine, versions, dtype, threads.
        noise: what else the machine did meanwhile; None if it was not recorded.
        load: how long loading took, if that was measured as well.
        rows: answers that ran together in each run; the times are those of the first.
        origin: where the numbers come from.
    """

    model: str
    prompt: str | Messages
    max_tokens: int
    runs: tuple[TimedRun, ...]
    warmup: tuple[TimedRun, ...]
    setup: Setup
    noise: MachineNoise | None = None
    load: LoadTime | None = None
    rows: int = 1
    origin: str = "measured"

    @property
    def counted(self) -> tuple[TimedRun, ...]:
        """The complete runs, which enter the numbers."""
        return tuple(run for run in self.runs if run.complete)

    @property
    def subject(self) -> str:
        """What was measured: model, number format and device, as far as they are known."""
        return subject_of(self.model, dict(self.setup.software))

    @property
    def aborted(self) -> tuple[TimedRun, ...]:
        """The runs that are not complete."""
        return tuple(run for run in self.runs if not run.complete)

    def _over(self, number: Callable[[TimedRun], float | None]) -> Spread | None:
        return spread([number(run) for run in self.counted])

    @property
    def ttft_s(self) -> Spread | None:
        """Time to first token."""
        return self._over(lambda run: run.ttft_s)

    @property
    def tpot_s(self) -> Spread | None:
        """Time per output token after the first; None below two tokens."""
        return self._over(lambda run: run.tpot_s)

    @property
    def elapsed_s(self) -> Spread | None:
        """End to end."""
        return self._over(lambda run: run.elapsed_s)

    @property
    def decode_tokens_per_s(self) -> Spread | None:
        """Tokens per second after the first, of one row."""
        return self._over(lambda run: run.decode_tokens_per_s)

    @property
    def prefill_tokens_per_s(self) -> Spread | None:
        """Prompt tokens over the time to first token; see `TimedRun.prefill_tokens_per_s`."""
        return self._over(lambda run: run.prefill_tokens_per_s)

    @property
    def throughput_tokens_per_s(self) -> Spread | None:
        """Tokens per second after the first, of all rows together."""
        one_row = self.decode_tokens_per_s
        return Spread(tuple(self.rows * value for value in one_row.values)) if one_row else None

    @property
    def engine_ratio(self) -> Spread | None:
        """The decode speed measured here over the one the engine reports, run by run."""
        return self._over(lambda run: run.engine_ratio)

    @property
    def output_tokens(self) -> Spread | None:
        """Tokens written, without those of the prompt and those of a hidden thought."""
        return self._over(lambda run: run.output_tokens)

    @property
    def thinking_s(self) -> Spread | None:
        """Seconds of thinking before the answer."""
        return self._over(lambda run: run.thinking_s)

    @property
    def thinking_tokens(self) -> Spread | None:
        """Tokens of what was thought before the answer; None where nothing was, or unknown."""
        return self._over(lambda run: run.thinking_tokens or None)

    @property
    def shows_thinking(self) -> bool:
        """Whether what was thought came too, as in this process; a server may hide it."""
        return not any(run.thinking_hidden for run in self.counted)

    @property
    def cached_tokens(self) -> Spread | None:
        """Tokens of the prompt that the server still knew, of the runs where it did."""
        return self._over(lambda run: run.cached_tokens or None)

    @property
    def prompt_tokens(self) -> int | None:
        """Tokens of the prompt."""
        return next((run.prompt_tokens for run in self.counted), None)

    @property
    def itl_s(self) -> tuple[float, ...]:
        """Every gap between two tokens, of all runs that count, run after run."""
        return tuple(gap for run in self.counted for gap in run.itl_s)

    def itl_percentile_s(self, percent: float) -> float | None:
        """The percentile of all gaps; None without a gap. See `labkit.stats.percentile`."""
        return percentile(self.itl_s, percent) if self.itl_s else None

    @property
    def peak_memory_bytes(self) -> int | None:
        """The most memory that the process held in any run that counts."""
        return max((r.peak_memory_bytes for r in self.counted if r.peak_memory_bytes), default=None)

    @property
    def gpu_peak_bytes(self) -> int | None:
        """The most that torch held on the GPU in any run that counts."""
        return max((r.gpu_peak_bytes for r in self.counted if r.gpu_peak_bytes), default=None)

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """Times and speeds, each a median with its range."""
        note = "disturbed" if self.noise and self.noise.disturbed else ""
        more = {"origin": self.origin, "model": self.model, "note": note}
        numbers = (
            ("ttft_s", "time to first token", self.ttft_s, "s"),
            ("decode_tokens_per_s", "writing speed", self.decode_tokens_per_s, "tokens/s"),
            ("prefill_tokens_per_s", "reading speed", self.prefill_tokens_per_s, "tokens/s"),
        )
        return tuple(each for one in numbers for each in entry_of_spread(*one, **more))

    @property
    def summary(self) -> str:
        """The medians with their ranges, in a line."""
        if not self.counted:
            return f"{self.model}: no run was complete ({self.origin})"
        parts = [f"{self.model}: first token after {_median_and_range(self.ttft_s)} s"]
        if self.decode_tokens_per_s:
            parts.append(f"then {_median_and_range(self.decode_tokens_per_s)} tokens/s")
        parts.append(f"{_median_and_range(self.elapsed_s)} s in all")
        runs = f"median and range of {number_of(len(self.counted), 'run')}, {self.origin}"
        return f"{', '.join(parts)} ({runs})"

    def __repr__(self) -> str:
        lines = [self.summary, self.setup.label]
        if len(self.itl_s) > 1:
            gaps = [f"p{p} {digits(1000 * self.itl_percentile_s(p))}" for p in (50, 95, 99)]
            lines.append(f"inter-token latency: {', '.join(gaps)} ms, of {len(self.itl_s)} gaps")
        if self.thinking_s:
            count = self.thinking_tokens
            tokens = number_of(round(count.median), "token") if count else "tokens not counted"
            hidden = "" if self.shows_thinking else ", not shown"
            lines.append(f"thinking: {_median_and_range(self.thinking_s)} s, {tokens}{hidden}")
        if self.cached_tokens:
            known = f"{self.cached_tokens.median:g} of {self.prompt_tokens} prompt tokens"
            lines.append(f"{known} were cached: the first token came sooner for it")
        if share := self.engine_ratio:
            source = next(run.timings.source for run in self.counted if run.timings)
            lines.append(f"{share.median:.2f} of the tokens/s that the engine reports ({source})")
        if self.peak_memory_bytes:
            lines.append(f"peak memory of this process: {self.peak_memory_bytes / MIB:,.0f} MiB")
        if self.gpu_peak_bytes:
            lines.append(f"peak memory on the GPU: {self.gpu_peak_bytes / MIB:,.0f} MiB (torch)")
        if self.aborted:
            ends = ", ".join(run.finish for run in self.aborted)
            lines.append(f"not counted: {number_of(len(self.aborted), 'run')}, {ends}")
        if self.noise:
            lines.append(self.noise.sentence)
        return in_lines(*lines)


def _median_and_range(several: Spread) -> str:
    return f"{digits(several.median)} ({digits(several.low)} to {digits(several.high)})"


def measure(
    backend: Backend,
    prompt: str | Messages,
    *,
    max_tokens: int = 32,
    repeats: int = 5,
    warmup: int = 1,
    raw: bool = False,
    load: LoadTime | None = None,
    temperature: float = 0.0,
    **settings,
) -> Measurement:
    """How fast a model answers: the same request several times, with the spread.

    An interrupt keeps the runs that are complete; the one cut short is recorded as interrupted and
    does not count. The same holds for a run that fails midway.

    Args:
        backend: a model from ``labkit.load``, or any other backend.
        prompt: a text, or chat messages.
        max_tokens: upper bound on the tokens of each answer.
        repeats: number of runs that count, five or more.
        warmup: number of runs before them.
        raw: whether the prompt is continued without the chat template.
        load: the result of `measure_load`, shown with the measurement.
        temperature: sampling temperature; 0 writes the same tokens each time.
        settings: more fields of ``labkit.backends.settings.Settings``.
    Raises:
        ValueError: a prompt or a setting is out of range.
        LabError: the model fails before one run is complete.
    """
    check_backend("backend", backend)
    check_whole("repeats", repeats, 5)
    check_whole("warmup", warmup, 0)
    if load is not None:
        check_type("load", load, LoadTime, "lab.speed.measure_load")
    settings = {"max_tokens": max_tokens, "temperature": temperature, **settings}
    Settings(**settings)
    setup = describe_setup(backend)  # before the runs, which a Stop after them would lose
    monitor = NoiseMonitor(own_work=runs_here(backend))
    total = warmup + repeats
    timed = (time_run(backend, prompt, raw=raw, **settings) for _ in range(total))
    runs = tuple(collect_runs(timed, total, "measure"))
    require_complete_run(runs)
    require_measured(runs[warmup:])
    return Measurement(
        backend.name,
        prompt,
        max_tokens,
        runs[warmup:],
        runs[:warmup],
        setup,
        monitor.end(),
        load,
        origin=runs[0].origin,
    )


def collect_runs(runs: Iterator[TimedRun], total: int, what: str) -> Iterator[TimedRun]:
    """Yields the runs under a progress bar until one is cut short or the learner interrupts."""
    with progress(total=total, unit="run", desc=what) as bar:
        try:
            for run in runs:
                yield run
                bar.update()
                if run.finish in ("interrupted", "failed"):
                    return
        except KeyboardInterrupt:
            return
        finally:
            bar.total = bar.n  # an early end leaves no unfinished bar behind


def require_complete_run(runs: Sequence[TimedRun]) -> None:
    """Raises the error of a model that failed before one run was complete."""
    failed = next((run.error for run in runs if run.error), None)
    if failed and not any(run.complete for run in runs):
        problem, _, hint = failed.partition("\n  → ")
        raise LabError(problem, hint)


def require_measured(runs: Sequence[TimedRun]) -> None:
    """Raises a sentence where nothing is there to keep of a measurement that was stopped."""
    is_stopped = not runs or runs[-1].finish == "interrupted"
    if is_stopped and not any(run.complete for run in runs):
        raise LabError("Stopped before one run was complete: nothing was measured.")
