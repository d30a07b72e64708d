"""Step, Reply, Backend: what every model gives, wherever it runs; and the verbs that ask for it."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from labkit.errors import LabError

from .http_timing import HttpTiming
from .prompts import Messages
from .settings import Settings
from .timings import EngineTimings


@dataclass(frozen=True, slots=True)
class Alternative:
    """A token that could have come.

    Attributes:
        token_id: its number in the vocabulary; None where a server tells the text alone.
        text: what it stands for; bytes that are no whole character show as U+FFFD.
        logprob: natural logarithm of the probability that the model gave it.
    """

    token_id: int | None
    text: str
    logprob: float


@dataclass(frozen=True, slots=True)
class Step:
    """One token that a model wrote. What a backend is not told is None.

    From a server that tells no tokens it is a piece of text: see `Reply.chunked`.

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


@dataclass(frozen=True, slots=True, repr=False)
class Reply:
    """What a model wrote, with all that was measured on the way.

    Attributes:
        model: name of the model.
        prompt: what it was asked: a text, or chat messages.
        settings: how tokens were chosen; its seed repeats this reply.
        steps: one for each token written, the end token included.
        prompt_tokens: tokens it read first, or None where the backend does not tell.
        finish: ``"stop"`` (it ended by itself or at a stop string), ``"length"`` (max_tokens or
            the context was full), ``"interrupted"``, ``"failed"`` (see ``error``).
        origin: how the numbers came about: ``"measured"``, ``"recorded …"``, ``"stand-in …"``.
        chunked: True where the steps are a server's pieces of text, which may hold several tokens.
        output_tokens: tokens written, the end token included; of pieces it is the server's own
            count, or None where it tells none.
        timings: what the engine measured itself, or None.
        error: what went wrong in the middle and how to mend it, or None; the steps until then are
            kept.
        http: how the request spent its time on the network, or None where there was none.
        price_usd: by the provider's own count of tokens and the dated price list, or None.
    """

    model: str
    prompt: str | Messages
    settings: Settings
    steps: tuple[Step, ...]
    prompt_tokens: int | None
    finish: str
    origin: str = "measured"
    chunked: bool = False
    output_tokens: int | None = None
    timings: EngineTimings | None = None
    error: str | None = None
    http: HttpTiming | None = None
    price_usd: float | None = None

    def __post_init__(self):
        if not self.chunked:
            object.__setattr__(self, "output_tokens", len(self.steps))

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
        tokens = timed_tokens(self, len(self.steps)) if self.steps else None
        if not tokens or tokens < 2 or self.elapsed_s == self.ttft_s:
            return None
        return (tokens - 1) / (self.elapsed_s - self.ttft_s)

    @property
    def summary(self) -> str:
        """The numbers of this one run, in a line."""
        speed = self.decode_tokens_per_s
        speed = f"{speed:.1f} tokens/s" if speed else "too short to time"
        first = f"{self.ttft_s:.2f} s" if self.steps else "none"
        return (
            f"{self.model}, temperature {self.settings.temperature:g}: "
            f"{_told(self.prompt_tokens)} tokens read, {_told(self.output_tokens)} written, "
            f"first after {first}, then {speed} ({self.origin}, one run)"
        )

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        told = [f"{self.model}, {_told(self.output_tokens)} tokens ({self.finish})"]
        if self.steps:
            told.append(f"the first after {self.ttft_s:.2f} s")
        if self.decode_tokens_per_s:
            told.append(f"then {self.decode_tokens_per_s:.1f} tokens/s")
        chosen = f"temperature {self.settings.temperature:g}, seed {self.settings.seed}"
        failed = f"\n{self.error}" if self.error else ""
        return f"{self.text}\n— {', '.join(told)}; {chosen}; {self.origin}{failed}"


def _told(tokens: int | None) -> str:
    return "?" if tokens is None else str(tokens)


@dataclass(slots=True)
class Stream(Iterator[Step]):
    """The steps of an answer as they come. Leaving the loop, or `close`, stops the model.

    Attributes:
        settings: how tokens are chosen.
        prompt_tokens: tokens of the prompt, once known.
        finish: why it ended; None while it runs or if it was stopped.
        chunked: see `Reply`; so are ``output_tokens`` and ``timings``, known at the end.
        error: what went wrong in the middle, raised as well; ``finish`` is ``"failed"`` then.
        origin: see `Reply`; so are ``http`` and ``price_usd``, known at the end.
    """

    settings: Settings
    prompt_tokens: int | None = None
    finish: str | None = None
    chunked: bool = False
    output_tokens: int | None = None
    timings: EngineTimings | None = None
    error: LabError | None = None
    origin: str = "measured"
    http: HttpTiming | None = None
    price_usd: float | None = None
    _steps: Iterator[Step] = field(default=iter(()), repr=False)

    def __next__(self) -> Step:
        return next(self._steps)

    def close(self) -> None:
        """Stops the model."""
        self._steps.close()


@dataclass(slots=True)
class RowsStream(Iterator[tuple[int, Step]]):
    """The steps of many answers as they come, each with its row's number.

    Attributes:
        streams: of each row: its settings, its prompt's length, and why it ended.
    """

    streams: tuple[Stream, ...]
    _steps: Iterator[tuple[int, Step]] = field(repr=False)

    def __next__(self) -> tuple[int, Step]:
        return next(self._steps)

    def close(self) -> None:
        """Stops the model."""
        self._steps.close()


def timed_tokens(told: Reply | Stream, steps: int) -> int | None:
    """Tokens from the first of so many steps to the last; a server counts the end token, unsent."""
    unsent = told.chunked and told.output_tokens == steps + 1
    return steps if unsent else told.output_tokens
