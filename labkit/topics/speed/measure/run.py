"""One timed request, and the spread of several.

Every time is that of the backend's own clock, stamped as a token came. ``LocalModel`` pulls each
token's numbers to the CPU before it stamps it, so that on a GPU too the work is done by then.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from labkit.backends.generate import Backend, stream
from labkit.backends.prompts import Messages
from labkit.backends.reply import Step, Stream, timed_tokens
from labkit.backends.timings import EngineTimings
from labkit.errors import LabError
from labkit.stats import Spread

from . import peak_memory


def spread(values: Sequence[float | None]) -> Spread | None:
    """The known ones of several numbers; None where none is known."""
    known = tuple(value for value in values if value is not None)
    return Spread(known) if known else None


@dataclass(frozen=True, slots=True)
class Run:
    """One timed request.

    Attributes:
        token_times_s: seconds from the request to each arrival: output tokens only.
        output_tokens: how many tokens came: one each arrival, or what a server says that sends
            several at once, less an end token that it counts and does not send; None where that
            is unknown.
        prompt_tokens: tokens that were read first, or None where the backend does not tell.
        finish: ``"stop"``, ``"length"``, ``"interrupted"`` (by the learner) or ``"failed"``.
        text: what was written.
        peak_memory_bytes: the most memory that this process held meanwhile, or since it began
            where the system starts no peak afresh (other than Linux); None if it does not tell.
        gpu_peak_bytes: the most that torch held on the GPU meanwhile, or None.
        error: the sentence of a failed run.
        timings: what the engine measured itself, by its own clock, or None.
    """

    token_times_s: tuple[float, ...]
    output_tokens: int | None
    prompt_tokens: int | None
    finish: str
    text: str = ""
    peak_memory_bytes: int | None = None
    gpu_peak_bytes: int | None = None
    error: str | None = None
    timings: EngineTimings | None = None

    @property
    def complete(self) -> bool:
        """Whether it counts: it ended as a request should, with at least one token."""
        return self.finish in ("stop", "length") and bool(self.token_times_s)

    @property
    def ttft_s(self) -> float | None:
        """Time to first token: prefill, that is reading the prompt, and choosing one token."""
        return self.token_times_s[0] if self.token_times_s else None

    @property
    def elapsed_s(self) -> float | None:
        """End to end: from the request to the last token."""
        return self.token_times_s[-1] if self.token_times_s else None

    @property
    def itl_s(self) -> tuple[float, ...]:
        """Inter-token latencies: n tokens have n - 1 gaps between them."""
        return tuple(after - before for before, after in pairwise(self.token_times_s))

    @property
    def decode_s(self) -> float | None:
        """Seconds from the first token to the last; None without a token."""
        return self.elapsed_s - self.ttft_s if self.token_times_s else None

    @property
    def tpot_s(self) -> float | None:
        """Time per output token after the first: (last - first) / (n - 1).

        None below two tokens, where their number is unknown, and where all came at once.
        """
        if not self.decode_s or (self.output_tokens or 0) < 2:
            return None
        return self.decode_s / (self.output_tokens - 1)

    @property
    def decode_tokens_per_s(self) -> float | None:
        """Its inverse."""
        return None if self.tpot_s is None else 1 / self.tpot_s

    @property
    def share_of_engines(self) -> float | None:
        """The speed measured here over the one that the engine tells of this very run."""
        told = self.timings and self.timings.decode_tokens_per_s
        return self.decode_tokens_per_s / told if told and self.decode_tokens_per_s else None

    @property
    def prefill_tokens_per_s(self) -> float | None:
        """Prompt tokens over the time to first token; None where their number is unknown."""
        if not self.ttft_s or not self.prompt_tokens:
            return None
        return self.prompt_tokens / self.ttft_s


def time_run(backend: Backend, prompt: str | Messages, *, raw: bool = False, **settings) -> Run:
    """Asks once and keeps every time; an interrupt or a failure midway is kept as such.

    The device is synchronised before the request begins, so that no earlier work counts.

    Raises:
        ValueError: for a prompt or a setting out of bounds, at once.
    """
    _hook(backend, "synchronize")
    _hook(backend, "gpu_peak_bytes", reset=True)
    peak_memory.reset_peak()
    steps: list[Step] = []
    error, running = None, None
    try:
        running = stream(backend, prompt, raw=raw, **settings)
        steps.extend(running)
    except KeyboardInterrupt:
        if running:
            running.close()
            running.finish = None  # also where its last token had just come
    except LabError as raised:
        error = str(raised)
    return _run(backend, running, steps, error)


def _run(backend: Backend, running: Stream | None, steps: Sequence[Step], error) -> Run:
    finish = "failed" if error else getattr(running, "finish", None) or "interrupted"
    return Run(
        token_times_s=tuple(step.elapsed_s for step in steps),
        output_tokens=_count(running, steps),
        prompt_tokens=getattr(running, "prompt_tokens", None),
        finish=finish,
        text="".join(step.text for step in steps),
        peak_memory_bytes=peak_memory.peak_bytes(),
        gpu_peak_bytes=_hook(backend, "gpu_peak_bytes"),
        error=error,
        timings=getattr(running, "timings", None),
    )


def _count(running: Stream | None, steps: Sequence[Step]) -> int | None:
    """A chunk from a server is not a token, unless it comes with a token's id or logprob."""
    told = timed_tokens(running, len(steps)) if running else None
    if told is not None:
        return told
    tokens = all(step.token_id is not None or step.logprob is not None for step in steps)
    return len(steps) if tokens else None


def _hook(backend: Backend, name: str, **options):
    """What a backend may offer beyond `stream`; None where it does not."""
    offered = getattr(backend, name, None)
    return offered(**options) if callable(offered) else None
