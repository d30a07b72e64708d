"""One timed request.

Every time is the backend's own timestamp of a token. ``LocalModel`` copies each token's numbers to
the CPU before it takes the timestamp, so that on a GPU too the work is done by then.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from labkit.backends.generate import Backend, collect, make_reply, stream
from labkit.backends.prompts import Messages
from labkit.backends.reply import Stream, timed_tokens
from labkit.backends.settings import Settings
from labkit.backends.timings import EngineTimings
from labkit.errors import LabError
from labkit.stats import Spread

from . import peak_memory


def spread(values: Sequence[float | None]) -> Spread | None:
    """The spread of the known numbers; None if none is known."""
    known = tuple(value for value in values if value is not None)
    return Spread(known) if known else None


def origins(measured: Iterable[Any]) -> str:
    """How the times of runs or measurements came about, each origin once."""
    return ", ".join(dict.fromkeys(each.origin for each in measured)) or "measured"


@dataclass(frozen=True, slots=True)
class TimedRun:
    """One timed request.

    Attributes:
        token_times_s: seconds from the request to each arrival of output tokens.
        output_tokens: number of tokens that the speed goes by: one per arrival, or the count of a
            server that sends several at once, less an end token that it counts and does not send,
            and less a thought that it counts apart and may hide; None if unknown.
        prompt_tokens: tokens of the prompt, or None if the backend does not report them.
        finish: ``"stop"``, ``"length"``, ``"interrupted"`` (by the learner) or ``"failed"``.
        text: text of the answer.
        peak_memory_bytes: peak memory of this process meanwhile, or since it began where the
            system cannot reset it (other than Linux); None if unknown.
        gpu_peak_bytes: peak memory of torch on the GPU meanwhile, or None.
        error: message of a failed run.
        timings: times by the engine's own clock, or None.
        answer_from: index of the arrival from which the output tokens are counted.
        thinking: text of what was thought before the answer, as far as it is shown.
        thinking_tokens: tokens of the thought; None if unknown.
        thinking_s: seconds of thinking; None where nothing was thought.
        thinking_hidden: whether a server counts a thought and shows nothing of it.
        cached_tokens: tokens of the prompt that a server still knew; None if unknown.
        origin: how the times came about, as of a `Reply`.
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
    answer_from: int = 0
    thinking: str = ""
    thinking_tokens: int | None = None
    thinking_s: float | None = None
    thinking_hidden: bool = False
    cached_tokens: int | None = None
    origin: str = "measured"

    @property
    def complete(self) -> bool:
        """Whether it counts: it was neither interrupted nor failed, and has at least one token."""
        return self.finish in ("stop", "length") and bool(self.token_times_s)

    @property
    def ttft_s(self) -> float | None:
        """Time to first token: reading the prompt (prefill) and sampling one token."""
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
        """Seconds from the first output token that counts to the last; None without a token."""
        times = self.token_times_s[self.answer_from :]
        return times[-1] - times[0] if times else None

    @property
    def answer_s(self) -> float | None:
        """Seconds from the first token of the answer to the last; None without a token."""
        within = None if self.thinking_hidden or self.answer_from else self.thinking_s
        return self.decode_s - within if self.decode_s and within else self.decode_s

    @property
    def tpot_s(self) -> float | None:
        """Time per output token after the first: (last - first) / (n - 1).

        None below two tokens, if their number is unknown, and if all came at once.
        """
        if not self.decode_s or (self.output_tokens or 0) < 2:
            return None
        return self.decode_s / (self.output_tokens - 1)

    @property
    def decode_tokens_per_s(self) -> float | None:
        """Tokens per second after the first: the inverse of `tpot_s`."""
        return None if self.tpot_s is None else 1 / self.tpot_s

    @property
    def engine_ratio(self) -> float | None:
        """The decode speed measured here over the one that the engine reports for this run."""
        engines = self.timings and self.timings.decode_tokens_per_s
        return self.decode_tokens_per_s / engines if engines and self.decode_tokens_per_s else None

    @property
    def read_at_once(self) -> bool:
        """Whether all of the prompt, and nothing else, was worked on before the first token.

        Otherwise a part of it was cached, or something was thought that is not shown.
        """
        return not self.cached_tokens and not self.thinking_hidden

    @property
    def prefill_tokens_per_s(self) -> float | None:
        """Prompt tokens over the time to first token, loading left out; None if it is unknown.

        Where the first token did not wait for reading the prompt alone, see `read_at_once`, it is
        the engine's own figure.
        """
        if not self.read_at_once:
            return self.timings and self.timings.prompt_tokens_per_s
        load_s = (self.timings and self.timings.load_s) or 0.0
        if not self.ttft_s or self.ttft_s <= load_s or not self.prompt_tokens:
            return None
        return self.prompt_tokens / (self.ttft_s - load_s)


def time_run(
    backend: Backend, prompt: str | Messages, *, raw: bool = False, **settings
) -> TimedRun:
    """Times one request; an interrupt or a failure midway is recorded in the run.

    The device is synchronised before the request begins, so that no earlier work counts.

    Raises:
        ValueError: a prompt or a setting is out of range.
    """
    call_hook(backend, "synchronize")
    call_hook(backend, "gpu_peak_bytes", reset=True)
    peak_memory.reset_peak()
    running, steps = Stream(Settings(**settings)), []
    try:
        running = stream(backend, prompt, raw=raw, **settings)
        steps = collect(running)
    except KeyboardInterrupt:  # before the model was asked
        pass
    except LabError as error:
        running.note(finish="failed", error=str(error))
    reply = make_reply(backend.name, prompt, running, steps)
    timed, tokens = timed_tokens(reply, steps)
    return TimedRun(
        token_times_s=tuple(step.elapsed_s for step in steps),
        output_tokens=tokens,
        prompt_tokens=reply.prompt_tokens,
        finish=reply.finish,
        text=reply.text,
        peak_memory_bytes=peak_memory.peak_bytes(),
        gpu_peak_bytes=call_hook(backend, "gpu_peak_bytes"),
        error=reply.error,
        timings=reply.timings,
        answer_from=len(steps) - len(timed),
        thinking=reply.thinking,
        thinking_tokens=reply.thinking_tokens,
        thinking_s=reply.thinking_s,
        thinking_hidden=reply.thinking_hidden,
        cached_tokens=reply.cached_tokens,
        origin=reply.origin.partition(":")[0],
    )


def call_hook(backend: Backend, name: str, **options):
    """Calls an optional method of a backend; None if it has no such method."""
    offered = getattr(backend, name, None)
    return offered(**options) if callable(offered) else None
