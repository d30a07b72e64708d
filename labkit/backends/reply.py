"""What every model gives, wherever it runs: a `Stream` of `Step`s, and the `Reply` they make."""

from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from operator import attrgetter

from labkit.errors import LabError

from .http_timing import HttpTiming
from .prompts import Messages
from .settings import Settings
from .timings import EngineTimings


@dataclass(frozen=True, slots=True)
class Alternative:
    """A token that could have come.

    Attributes:
        token_id: its number in the vocabulary; None where a server gives the text alone.
        text: what it stands for; bytes that are no whole character show as U+FFFD.
        logprob: natural logarithm of the probability that the model gave it.
    """

    token_id: int | None
    text: str
    logprob: float


@dataclass(frozen=True, slots=True)
class Step:
    """One token that a model wrote. What a backend does not report is None.

    From a server that reports no tokens it is a piece of text: see `Outcome.chunked`.

    Attributes:
        token_id: its number in the vocabulary.
        text: the text that is complete with it; empty while a character or a stop string is only
            half there, and for tokens that stand for no text.
        logprob: natural logarithm of the probability that the model itself gave it.
        drawn_logprob: the same in the distribution it was drawn from, after temperature and
            filters; 0 where temperature 0 left no choice.
        alternatives: the likeliest tokens by the model's own scores, best first.
        entropy_bits: how undecided the model was, in bits.
        elapsed_s: seconds from the request to this token.
    """

    token_id: int | None
    text: str
    logprob: float | None
    drawn_logprob: float | None
    alternatives: tuple[Alternative, ...]
    entropy_bits: float | None
    elapsed_s: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an answer ended and what it took. What a backend does not report is None.

    Attributes:
        finish: ``"stop"`` (the model ended it, or a stop string did), ``"length"`` (max_tokens or
            the context was full), ``"interrupted"``, ``"failed"`` (see ``error``); of a stream,
            None while it runs and after it was stopped.
        prompt_tokens: tokens that were read first.
        output_tokens: tokens written, the end token included; of pieces it is the server's count.
        chunked: True where the steps are a server's pieces of text, which may hold several tokens.
        timings: the engine's own measurements.
        http: how the request spent its time on the network; None where there was no network.
        price_usd: by the provider's own count of tokens and the dated price list.
        error: what went wrong in the middle, and what to do; the steps before it are kept.
        origin: how the numbers came about: ``"measured"``, ``"recorded …"``, ``"stand-in …"``.
    """

    finish: str | None = None
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    chunked: bool = False
    timings: EngineTimings | None = None
    http: HttpTiming | None = None
    price_usd: float | None = None
    error: str | None = None
    origin: str = "measured"


class _WithOutcome:
    """Whatever has an ``outcome``: the fields of it are attributes here too."""

    __slots__ = ()
    finish = property(attrgetter("outcome.finish"))
    prompt_tokens = property(attrgetter("outcome.prompt_tokens"))
    output_tokens = property(attrgetter("outcome.output_tokens"))
    chunked = property(attrgetter("outcome.chunked"))
    timings = property(attrgetter("outcome.timings"))
    http = property(attrgetter("outcome.http"))
    price_usd = property(attrgetter("outcome.price_usd"))
    error = property(attrgetter("outcome.error"))
    origin = property(attrgetter("outcome.origin"))


@dataclass(frozen=True, slots=True, repr=False)
class Reply(_WithOutcome):
    """What a model wrote, with all that was measured.

    Attributes:
        model: name of the model.
        prompt: what it was asked: a text, or chat messages.
        settings: how tokens were chosen; its seed repeats this reply.
        steps: one for each token written, the end token included.
        outcome: how it ended and what it took; ``reply.finish``, ``reply.http`` … read it.
    """

    model: str
    prompt: str | Messages
    settings: Settings
    steps: tuple[Step, ...]
    outcome: Outcome

    def __post_init__(self):
        if not self.chunked:
            counted = replace(self.outcome, output_tokens=len(self.steps))
            object.__setattr__(self, "outcome", counted)

    @property
    def text(self) -> str:
        """The text that was written."""
        return "".join(step.text for step in self.steps)

    @property
    def ttft_s(self) -> float | None:
        """Time to first token: reading the prompt, mostly; None if there is no token."""
        return self.steps[0].elapsed_s if self.steps else None

    @property
    def elapsed_s(self) -> float | None:
        """Seconds from the request to the last token."""
        return self.steps[-1].elapsed_s if self.steps else None

    @property
    def decode_tokens_per_s(self) -> float | None:
        """Tokens a second after the first: n tokens have n - 1 gaps.

        None below two tokens, where all came at once, and where their number is unknown. Of a
        server's pieces, the first counts as one token.
        """
        if not self.steps:
            return None
        tokens = timed_tokens(self, len(self.steps))
        seconds = self.steps[-1].elapsed_s - self.steps[0].elapsed_s
        return (tokens - 1) / seconds if tokens and tokens > 1 and seconds else None

    @property
    def summary(self) -> str:
        """The numbers of this one run, in a line."""
        speed = self.decode_tokens_per_s
        speed = f"{speed:.1f} tokens/s" if speed else "too short to time"
        first = f"{self.ttft_s:.2f} s" if self.steps else "none"
        return (
            f"{self.model}, temperature {self.settings.temperature:g}: "
            f"{_count(self.prompt_tokens)} tokens read, {_count(self.output_tokens)} written, "
            f"first after {first}, then {speed} ({self.origin}, one run)"
        )

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        parts = [f"{self.model}, {_count(self.output_tokens)} tokens ({self.finish})"]
        if self.steps:
            parts.append(f"the first after {self.ttft_s:.2f} s")
        if self.decode_tokens_per_s:
            parts.append(f"then {self.decode_tokens_per_s:.1f} tokens/s")
        chosen = f"temperature {self.settings.temperature:g}, seed {self.settings.seed}"
        failed = f"\n{self.error}" if self.error else ""
        return f"{self.text}\n— {', '.join(parts)}; {chosen}; {self.origin}{failed}"


def _count(tokens: int | None) -> str:
    return "?" if tokens is None else str(tokens)


class Stream(_WithOutcome, Iterator[Step]):
    """The steps of an answer as they come. Leaving the loop, or `close`, stops the model.

    Args:
        settings: how tokens are chosen.
        steps: makes the iterator of the steps; it is given the stream, to `note` the outcome.
        stop: called by `close`, from whichever thread, to end the wait for the next step.
        known: fields of the `Outcome` that are known from the start.

    Attributes:
        settings: how tokens are chosen.
        outcome: what is known so far; ``stream.finish``, ``stream.http`` … read it.
    """

    def __init__(
        self,
        settings: Settings,
        steps: Callable[["Stream"], Generator[Step]] = lambda _: (step for step in ()),
        *,
        stop: Callable[[], None] | None = None,
        **known,
    ):
        self.settings, self.outcome = settings, Outcome(**known)
        self._steps, self._stop, self._closed = steps(self), stop, False

    def __next__(self) -> Step:
        if self._closed:
            self._end()
            raise StopIteration
        try:
            return next(self._steps)
        except LabError as error:
            if self._closed:  # it is the end of a connection that `close` has cut
                raise StopIteration from None
            self.note(finish="failed", error=str(error))
            raise

    def note(self, **known) -> None:
        """Fields of the outcome that have become known."""
        self.outcome = replace(self.outcome, **known)

    def close(self) -> None:
        """Stops the model; another thread that waits for the next step gets no more."""
        self._closed = True
        if self._stop:
            self._stop()
        self._end()

    def interrupt(self) -> None:
        """As `close`; the answer counts as interrupted even if its last token has just come."""
        self.close()
        self.note(finish=None)

    def __repr__(self) -> str:
        return f"<Stream: {self.outcome}>"

    def _end(self) -> None:
        with suppress(ValueError):  # another thread is in there, and ends it with its next step
            self._steps.close()


@dataclass(slots=True)
class RowsStream(Iterator[tuple[int, Step]]):
    """The steps of many answers as they come, each with its row's number.

    Attributes:
        streams: the settings and the outcome of each row.
    """

    streams: tuple[Stream, ...]
    _steps: Generator[tuple[int, Step]] = field(repr=False)

    def __next__(self) -> tuple[int, Step]:
        try:
            return next(self._steps)
        except LabError as error:
            for stream in self.streams:
                if stream.finish is None:
                    stream.note(finish="failed", error=str(error))
            raise

    def close(self) -> None:
        """Stops the model."""
        self._steps.close()

    interrupt = close  # rows that have ended stay as they are


def timed_tokens(answer: Reply | Stream, steps: int) -> int | None:
    """Tokens from the first of n steps to the last; a server counts the end token, unsent."""
    unsent = answer.chunked and answer.output_tokens == steps + 1
    return steps if unsent else answer.output_tokens
