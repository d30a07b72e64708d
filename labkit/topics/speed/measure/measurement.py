"""How fast a model answers here: the same request several times, the first left out of the numbers.

What teaching code gets wrong is kept straight: the prompt's tokens are never counted as output, n
tokens have n - 1 gaps, a GPU is waited for, and the first (cold) run does not enter any median.
"""

import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from labkit.backends.generate import Backend
from labkit.backends.prompts import Messages
from labkit.backends.settings import Settings
from labkit.checks import check_whole
from labkit.errors import LabError
from labkit.formatting import MIB, in_lines
from labkit.models.machine import inspect_machine
from labkit.stats import Spread, percentile

from .load_time import Load
from .machine_noise import Disturbance, Watch
from .run import Run, spread, time_run


@dataclass(frozen=True, slots=True)
class Setup:
    """Where and with what it was measured: two measurements that differ here may differ in all.

    Attributes:
        machine: processor, or GPU where the model runs on one.
        system: operating system and processor family.
        cores: logical cores that this process may use.
        memory_bytes: of the machine.
        software: names and values: engine, device, dtype, threads, versions.
        measured_at: UTC, ISO 8601.
    """

    machine: str
    system: str
    cores: int
    memory_bytes: int
    software: tuple[tuple[str, str], ...]
    measured_at: str

    @property
    def label(self) -> str:
        """The setup in a line."""
        told = dict(self.software)
        parts = [told.get("gpu", self.machine), told.get("engine"), told.get("dtype")]
        if "threads" in told:
            parts.append(f"{told['threads']} threads")
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True, repr=False)
class Measurement:
    """The same request, timed several times.

    Attributes:
        model: name of the model.
        prompt: what it was asked.
        max_tokens: at most so many were written.
        runs: in their order; those that were interrupted or failed are kept, and do not count.
        warmup: the runs before them, shown and not counted.
        setup: machine, versions, dtype, threads.
        disturbance: what else the machine did meanwhile; None where nobody looked.
        load: how long loading took, where that was measured as well.
        rows: answers that ran together in each run; the times are those of the first.
        origin: how the numbers came about.
    """

    model: str
    prompt: str | Messages
    max_tokens: int
    runs: tuple[Run, ...]
    warmup: tuple[Run, ...]
    setup: Setup
    disturbance: Disturbance | None = None
    load: Load | None = None
    rows: int = 1
    origin: str = "measured"

    @property
    def counted(self) -> tuple[Run, ...]:
        """The runs that enter the numbers: the complete ones."""
        return tuple(run for run in self.runs if run.complete)

    @property
    def aborted(self) -> tuple[Run, ...]:
        """The runs that do not."""
        return tuple(run for run in self.runs if not run.complete)

    def _over(self, number: Callable[[Run], float | None]) -> Spread | None:
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
        """Tokens a second after the first, of one row."""
        return self._over(lambda run: run.decode_tokens_per_s)

    @property
    def prefill_tokens_per_s(self) -> Spread | None:
        """Prompt tokens over the time to first token."""
        return self._over(lambda run: run.prefill_tokens_per_s)

    @property
    def throughput_tokens_per_s(self) -> Spread | None:
        """Tokens a second after the first, of all rows together."""
        alone = self.decode_tokens_per_s
        return Spread(tuple(self.rows * value for value in alone.values)) if alone else None

    @property
    def share_of_engines(self) -> Spread | None:
        """The speed measured here over the engine's own figure, run by run; see `timing.Run`."""
        return self._over(lambda run: run.share_of_engines)

    @property
    def output_tokens(self) -> Spread | None:
        """How many tokens came, the prompt's not among them."""
        return self._over(lambda run: run.output_tokens)

    @property
    def prompt_tokens(self) -> int | None:
        """How many tokens were read first."""
        return next((run.prompt_tokens for run in self.counted), None)

    @property
    def itl_s(self) -> tuple[float, ...]:
        """Every gap between two tokens, of all runs that count, one run after the other."""
        return tuple(gap for run in self.counted for gap in run.itl_s)

    def itl_percentile_s(self, percent: float) -> float | None:
        """So many percent of all gaps are at most as long; see `timing.percentile`."""
        return percentile(self.itl_s, percent) if self.itl_s else None

    @property
    def peak_memory_bytes(self) -> int | None:
        """The most memory that the process held in any run that counts."""
        known = [run.peak_memory_bytes for run in self.counted if run.peak_memory_bytes]
        return max(known, default=None)

    @property
    def gpu_peak_bytes(self) -> int | None:
        """The most that torch held on the GPU in any run that counts."""
        return max((r.gpu_peak_bytes for r in self.counted if r.gpu_peak_bytes), default=None)

    @property
    def summary(self) -> str:
        """The medians with their ranges, in a line."""
        if not self.counted:
            return f"{self.model}: no run was complete ({self.origin})"
        told = [f"{self.model}: first token after {_told(self.ttft_s)} s"]
        if self.decode_tokens_per_s:
            told.append(f"then {_told(self.decode_tokens_per_s)} tokens/s")
        told.append(f"{_told(self.elapsed_s)} s in all")
        runs = f"median and range of {len(self.counted)} runs, {self.origin}"
        return f"{', '.join(told)} ({runs})"

    def __repr__(self) -> str:
        lines = [self.summary, self.setup.label]
        if len(self.itl_s) > 1:
            gaps = [f"p{p} {1000 * self.itl_percentile_s(p):.1f}" for p in (50, 95, 99)]
            lines.append(f"inter-token latency: {', '.join(gaps)} ms, of {len(self.itl_s)} gaps")
        if share := self.share_of_engines:
            source = next(run.timings.source for run in self.counted if run.timings)
            lines.append(f"{share.median:.2f} of the tokens/s that the engine tells ({source})")
        if self.peak_memory_bytes:
            lines.append(f"peak memory of this process: {self.peak_memory_bytes / MIB:,.0f} MiB")
        if self.gpu_peak_bytes:
            lines.append(f"peak memory on the GPU: {self.gpu_peak_bytes / MIB:,.0f} MiB (torch)")
        if self.aborted:
            ends = ", ".join(run.finish for run in self.aborted)
            lines.append(f"not counted: {len(self.aborted)} run(s), {ends}")
        if self.disturbance:
            lines.append(self.disturbance.sentence)
        return in_lines(*lines)


def _told(several: Spread) -> str:
    return f"{several.median:.3g} ({several.low:.3g} to {several.high:.3g})"


def measure(
    backend: Backend,
    prompt: str | Messages,
    *,
    max_tokens: int = 32,
    repeats: int = 5,
    warmup: int = 1,
    raw: bool = False,
    load: Load | None = None,
    temperature: float = 0.0,
    **settings,
) -> Measurement:
    """How fast a model answers: the same request again and again, with the spread.

    Interrupting it keeps the runs that are done; one that was cut is kept as interrupted, and does
    not count. So it is where the model fails midway.

    Args:
        backend: from ``labkit.load``, or any other.
        prompt: a text, or chat messages.
        max_tokens: at most so many in each answer.
        repeats: runs that count, five or more.
        warmup: runs before them.
        raw: go on with the text as it stands, with a chat model too.
        load: from `measure_load`, to stand beside it.
        temperature: 0 writes the same tokens each time.
        settings: more of ``labkit.backends.reply.Settings``.
    Raises:
        ValueError: for a prompt or a setting out of bounds.
        LabError: if the model fails before one run is complete.
    """
    check_whole("repeats", repeats, 5)
    check_whole("warmup", warmup, 0)
    settings = {"max_tokens": max_tokens, "temperature": temperature, **settings}
    Settings(**settings)
    watch = Watch(own_work=runs_here(backend))
    one_after_another = (
        time_run(backend, prompt, raw=raw, **settings) for _ in range(warmup + repeats)
    )
    runs = tuple(gather(one_after_another, warmup + repeats, "measure"))
    require_one(runs)
    return Measurement(
        backend.name, prompt, max_tokens, runs[warmup:], runs[:warmup], look_up(backend),
        watch.end(), load,
    )  # fmt: skip


def gather(runs: Iterator[Run], total: int, what: str) -> Iterator[Run]:
    """Runs as they come, under a bar, until one of them is cut short or the learner interrupts."""
    from tqdm.auto import tqdm

    with tqdm(total=total, unit="run", desc=what, leave=False) as bar:
        try:
            for run in runs:
                yield run
                bar.update()
                if run.finish in ("interrupted", "failed"):
                    return
        except KeyboardInterrupt:
            return
        finally:
            bar.total = bar.n  # what ended before its time leaves no unfinished bar behind


def require_one(runs: Sequence[Run]) -> None:
    """Raises the LabError of a model that failed before one run was complete."""
    failed = next((run.error for run in runs if run.error), None)
    if failed and not any(run.complete for run in runs):
        problem, _, mend = failed.partition("\n  → ")
        raise LabError(problem, mend)


def runs_here(backend: Backend) -> bool:
    """Whether the model computes in this process, and not behind an address."""
    return not hasattr(backend, "base_url")


def look_up(backend: Backend) -> Setup:
    """The machine, and what the backend tells of itself by ``about()``."""
    machine = inspect_machine()
    offered = getattr(backend, "about", None)
    told = offered() if callable(offered) else {"engine": type(backend).__name__}
    software = {**told, "python": platform.python_version()}
    return Setup(
        machine=machine.cpu,
        system=machine.system,
        cores=machine.cores,
        memory_bytes=machine.memory_bytes,
        software=tuple((str(name), str(value)) for name, value in software.items()),
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
