"""What every model gives, wherever it runs: a `Stream` of `Step`s, and the `Reply` they make."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from operator import attrgetter

from labkit.errors import LabError
from labkit.formatting import without_control
from labkit.lab_book.entry import BookEntry

from .http_timing import HttpTiming
from .prompts import Messages
from .settings import Settings
from .steps import Step, join_steps, thinking_seconds
from .timings import EngineTimings

THOUGHT_CHARACTERS = 300  # of a thought that a repr shows


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an answer ended and what it took. What a backend does not report is None.

    Attributes:
        finish: ``"stop"`` (the model ended it, or a stop string did), ``"length"`` (max_tokens or
            the context was full), ``"content_filter"`` (the provider withheld the rest),
            ``"tool_calls"`` (it calls a tool), ``"interrupted"``, ``"failed"`` (see ``error``); of
            a stream, None while it runs and after it was stopped.
        prompt_tokens: tokens that were read first.
        cached_tokens: those of them that the server still knew from before.
        output_tokens: tokens written, the end token and all thought included; of pieces it is the
            server's count.
        thinking_tokens: those of them that were thought before the answer; a server may count more
            than it shows.
        chunked: True where the steps are a server's pieces of text, which may hold several tokens.
        timings: the engine's own measurements.
        http: how the request spent its time on the network; None where there was no network.
        price_usd: by the provider's own count of tokens and the dated price list.
        thinking_price_usd: the part of it that the thought cost.
        error: what went wrong in the middle, and what to do; the steps before it are kept.
        origin: how the numbers came about: ``"measured"``, ``"recorded …"``, ``"stand-in …"``.
    """

    finish: str | None = None
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    output_tokens: int | None = None
    thinking_tokens: int | None = None
    chunked: bool = False
    timings: EngineTimings | None = None
    http: HttpTiming | None = None
    price_usd: float | None = None
    thinking_price_usd: float | None = None
    error: str | None = None
    origin: str = "measured"


class _WithOutcome:
    """Whatever has an ``outcome``: the fields of it are attributes here too."""

    __slots__ = ()
    finish = property(attrgetter("outcome.finish"))
    prompt_tokens = property(attrgetter("outcome.prompt_tokens"))
    cached_tokens = property(attrgetter("outcome.cached_tokens"))
    output_tokens = property(attrgetter("outcome.output_tokens"))
    thinking_tokens = property(attrgetter("outcome.thinking_tokens"))
    chunked = property(attrgetter("outcome.chunked"))
    timings = property(attrgetter("outcome.timings"))
    http = property(attrgetter("outcome.http"))
    price_usd = property(attrgetter("outcome.price_usd"))
    thinking_price_usd = property(attrgetter("outcome.thinking_price_usd"))
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
        if not self.chunked:  # the tokens before a thought open it
            thought = max((n for n, step in enumerate(self.steps, 1) if step.thinking), default=0)
            counts = {"output_tokens": len(self.steps), "thinking_tokens": thought}
            object.__setattr__(self, "outcome", replace(self.outcome, **counts))

    @property
    def text(self) -> str:
        """The answer, without what was thought before it."""
        return join_steps(self.steps)[1]

    @property
    def thinking(self) -> str:
        """What the model thought before it answered, as far as it is shown."""
        return join_steps(self.steps)[0]

    @property
    def thinking_hidden(self) -> bool:
        """Whether the server counts a thought and shows nothing of it."""
        return bool(self.thinking_tokens) and not any(step.thinking for step in self.steps)

    @property
    def thinking_s(self) -> float | None:
        """Seconds of thinking, see `thinking_seconds`."""
        return thinking_seconds(self.steps, self.thinking_tokens)

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
        server's pieces, the first counts as one token; where it counts what was thought apart, the
        speed is that of the answer.
        """
        steps, tokens = timed_tokens(self, self.steps)
        seconds = steps[-1].elapsed_s - steps[0].elapsed_s if steps else 0
        return (tokens - 1) / seconds if tokens and tokens > 1 and seconds else None

    @property
    def thinking_summary(self) -> str | None:
        """How much it thought, how long, and for how much, in a line; None if it did not."""
        if not self.thinking_tokens and not any(step.thinking for step in self.steps):
            return None
        count = "an unknown number of" if self.thinking_tokens is None else self.thinking_tokens
        parts = [f"thought {count} tokens"]
        parts += [] if self.thinking_s is None else [f"in {self.thinking_s:.2f} s"]
        price = self.thinking_price_usd
        parts += [] if price is None else [f"for ${price:.6f}"]
        hidden = ", which the server does not show" if self.thinking_hidden else ""
        unanswered = "" if self.text else "; it did not come to an answer"
        return " ".join(parts) + hidden + unanswered

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """The time to the first token, and the speed after it, of one run."""
        if (ttft_s := self.ttft_s) is None:
            return ()
        more = {"origin": self.origin.partition(":")[0], "model": self.model}
        first = BookEntry("ttft_s", "time to first token", ttft_s, "s", **more)
        if not (speed := self.decode_tokens_per_s):
            return (first,)
        return first, BookEntry("decode_tokens_per_s", "writing speed", speed, "tokens/s", **more)

    @property
    def summary(self) -> str:
        """The numbers of this one run, in a line."""
        speed = self.decode_tokens_per_s
        speed = f"{speed:.1f} tokens/s" if speed else "too short to time"
        first = f"{self.ttft_s:.2f} s" if self.steps else "none"
        thought = f"; {self.thinking_summary}" if self.thinking_summary else ""
        return (
            f"{self.model}, temperature {self.settings.temperature:g}: "
            f"{_count(self.prompt_tokens)} tokens read, {_count(self.output_tokens)} written, "
            f"first after {first}, then {speed}{thought} ({self.origin}, one run)"
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
        thought = f"({self.thinking_summary})\n" if self.thinking_summary else ""
        if self.thinking:
            more = "…" if len(self.thinking) > THOUGHT_CHARACTERS else ""
            thought = f"{self.thinking[:THOUGHT_CHARACTERS]}{more}\n{thought}\n"
        end = f"— {', '.join(parts)}; {chosen}; {self.origin}{failed}"
        return without_control(f"{thought}{self.text}\n{end}")


def _count(tokens: int | None) -> str:
    return "?" if tokens is None else str(tokens)


class Stream(_WithOutcome, Iterator[Step]):
    """The steps of an answer as they come. Leaving the loop, or `close`, stops the model.

    An interrupt while the model computes is the end of the answer: ``finish`` stays None.

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
        except KeyboardInterrupt:  # what came is kept, in a learner's own loop too
            self.interrupt()
            raise StopIteration from None
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


def timed_tokens(
    answer: Reply | Stream, steps: Sequence[Step]
) -> tuple[Sequence[Step], int | None]:
    """The steps that a speed goes by, and the number of tokens in them; None if unknown.

    A server may hide or abridge what was thought, so there the answer alone is timed. It also
    counts the end token, unsent.
    """
    if not answer.chunked:
        return steps, len(steps)
    seen, tokens, thought = steps, answer.output_tokens, answer.thinking_tokens
    if any(step.thinking for step in steps) and thought is None:
        return steps, None
    if thought:
        seen = [step for step in steps if not step.thinking]
        tokens = None if tokens is None else tokens - thought
    if tokens is None and all(step.logprob is not None for step in seen):
        tokens = len(seen)
    return seen, len(seen) if tokens == len(seen) + 1 else tokens
