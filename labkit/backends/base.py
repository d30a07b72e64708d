"""Step, Reply, Backend: what every model gives, wherever it runs; and the verbs that ask for it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from ..errors import LabError
from .engine import EngineTimings
from .request import STAGES as STAGES
from .request import Messages, Settings
from .wire import Wire


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
        wire: how the request spent its time on the network, or None where there was none.
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
    wire: Wire | None = None
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
        origin: see `Reply`; so are ``wire`` and ``price_usd``, known at the end.
    """

    settings: Settings
    prompt_tokens: int | None = None
    finish: str | None = None
    chunked: bool = False
    output_tokens: int | None = None
    timings: EngineTimings | None = None
    error: LabError | None = None
    origin: str = "measured"
    wire: Wire | None = None
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


@runtime_checkable
class Backend(Protocol):
    """Whatever can be asked for tokens: a local model, an engine, a server, a recording."""

    name: str

    def stream(self, prompt: str | Messages, *, raw: bool = False, **settings) -> Stream:
        """Checks the arguments at once, then yields a `Step` for each token."""
        ...


def timed_tokens(told: Reply | Stream, steps: int) -> int | None:
    """Tokens from the first of so many steps to the last; a server counts the end token, unsent."""
    unsent = told.chunked and told.output_tokens == steps + 1
    return steps if unsent else told.output_tokens


def stream(model: Backend, prompt: str | Messages, *, raw: bool = False, **settings) -> Stream:
    """An answer, token by token, as it is written.

    Args:
        model: from ``labkit.load``, or any other backend.
        prompt: a text, or chat messages as ``[{"role": "user", "content": "…"}, …]``. A text is
            put to a chat model as a user's message; a base model goes on with it.
        raw: go on with the text as it stands, with a chat model too.
        settings: see `Settings`: temperature, top_p, max_tokens, seed, stop …
    Raises:
        ValueError: for what is no model, a prompt or a setting out of bounds, at once.
    """
    if not hasattr(model, "stream"):
        raise ValueError(f'model must be loaded, as by labkit.load("smollm2-135m"); got {model!r}')
    return model.stream(prompt, raw=raw, **settings)


def generate(model: Backend, prompt: str | Messages, *, raw: bool = False, **settings) -> Reply:
    """An answer as a whole; arguments as for `stream`.

    Interrupting it (the notebook's stop button, Ctrl-C) stops the model; what was written until
    then comes back as a `Reply` with ``finish="interrupted"``. So does what a server wrote before
    it failed, with ``finish="failed"`` and the reason in ``error``.

    Raises:
        LabError: the server failed before its first token.
    """
    steps = []
    running = stream(model, prompt, raw=raw, **settings)
    try:
        for step in running:
            steps.append(step)
    except KeyboardInterrupt:
        running.close()
        running.finish = None  # also where its last token had just come: whoever asks must stop
    except LabError:
        if not steps or running.error is None:
            raise
    return make_reply(model.name, prompt, running, steps)


def make_reply(name: str, prompt: str | Messages, running: Stream, steps: Sequence[Step]) -> Reply:
    """A stream that has ended, or was stopped, and the steps that came of it."""
    return Reply(
        model=name,
        prompt=prompt,
        settings=running.settings,
        steps=tuple(steps),
        prompt_tokens=running.prompt_tokens,
        finish=running.finish or "interrupted",
        chunked=running.chunked,
        output_tokens=running.output_tokens,
        timings=running.timings,
        error=str(running.error) if running.error else None,
        origin=running.origin,
        wire=running.wire,
        price_usd=running.price_usd,
    )


def collect_rows(
    name: str, prompt: str | Messages, running: RowsStream, on_step: Callable[[], None]
) -> tuple[Reply, ...]:
    """Many answers as a whole; interrupting it stops the model and keeps what was written.

    Args:
        name: of the model.
        prompt: that all rows answer.
        running: from a model's ``stream_rows``.
        on_step: called after each token of any row, to show progress.
    Returns:
        A reply for each row that has a token, in the order of the rows.
    """
    steps: list[list[Step]] = [[] for _ in running.streams]
    try:
        with closing(running):
            for row, step in running:
                steps[row].append(step)
                on_step()
    except KeyboardInterrupt:
        pass
    written = zip(running.streams, steps, strict=True)
    return tuple(make_reply(name, prompt, stream, row) for stream, row in written if row)
