"""Step, Reply, Backend: what every model gives, wherever it runs; and the verbs that ask for it."""

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

from ..errors import LabError
from .engine import EngineTimings

Messages = Sequence[Mapping[str, str]]
# The stages from scores to a choice, in transformers' own order.
STAGES = (
    "repetition_penalty", "presence_penalty", "temperature", "top_k", "top_p", "min_p", "typical_p",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Settings:
    """How the next token is chosen, and when to end.

    Attributes:
        temperature: 0 takes the likeliest token every time; 1 draws as the model scores; above,
            flatter.
        top_k: draw from the k likeliest only; None: no such limit.
        top_p: draw from the likeliest that together reach this probability; in (0, 1].
        min_p: drop tokens less likely than this share of the likeliest's probability; in [0, 1).
        typical_p: keep the tokens whose surprise is nearest the expected; in (0, 1].
        repetition_penalty: divides the scores of tokens that occurred; 1: none; 0.01 to 100.
        presence_penalty: taken off the scores of tokens that occurred; 0: none; -2 to 2.
        max_tokens: at most so many tokens are written.
        seed: start of the random numbers; None: a fresh one, recorded in the reply.
        stop: strings before which the text ends.
        order: `STAGES` in the order in which they are applied.

    Raises:
        ValueError: names the argument, its bound and the value given.
    """

    temperature: float = 0.7
    top_k: int | None = None
    top_p: float = 1.0
    min_p: float = 0.0
    typical_p: float = 1.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    max_tokens: int = 128
    seed: int | None = None
    stop: tuple[str, ...] = ()
    order: tuple[str, ...] = STAGES

    def __post_init__(self):
        # Scores are divided by it: nearer to 0 they would be infinite.
        _number(
            "temperature", self.temperature, "0, or 1e-6 or more", lambda x: x == 0 or x >= 1e-6
        )
        _number("top_p", self.top_p, "above 0 and at most 1", lambda x: 0 < x <= 1)
        _number("min_p", self.min_p, "at least 0 and below 1", lambda x: 0 <= x < 1)
        _number("typical_p", self.typical_p, "above 0 and at most 1", lambda x: 0 < x <= 1)
        _number(
            "repetition_penalty", self.repetition_penalty, "0.01 to 100", lambda x: 0.01 <= x <= 100
        )
        _number("presence_penalty", self.presence_penalty, "-2 to 2", lambda x: -2 <= x <= 2)
        _whole("max_tokens", self.max_tokens, "1 or more", lambda x: x >= 1)
        if self.top_k is not None:
            _whole("top_k", self.top_k, "1 or more, or None", lambda x: x >= 1)
        if self.seed is not None:
            _whole("seed", self.seed, "0 or more, or None", lambda x: 0 <= x < 2**63)
        stop = (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())
        if not all(isinstance(text, str) and text for text in stop):
            raise ValueError(f"stop must be a text or several, none of them empty; got {stop!r}")
        object.__setattr__(self, "stop", stop)
        if sorted(self.order) != sorted(STAGES):
            raise ValueError(f"order must be {STAGES} in some order; got {self.order!r}")
        object.__setattr__(self, "order", tuple(self.order))

    def seeded(self) -> "Settings":
        """The same, with a seed in any case."""
        return self if self.seed is not None else replace(self, seed=random.getrandbits(32))


def _number(name: str, value: Any, bound: str, good) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not good(value):
        raise ValueError(f"{name} must be a number, {bound}; got {value!r}")


def _whole(name: str, value: Any, bound: str, good) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not good(value):
        raise ValueError(f"{name} must be a whole number, {bound}; got {value!r}")


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
        origin: how the numbers came about: ``"measured"`` or ``"recorded …"``.
        chunked: True where the steps are a server's pieces of text, which may hold several tokens.
        output_tokens: tokens written, the end token included; of pieces it is the server's own
            count, or None where it tells none.
        timings: what the engine measured itself, or None.
        error: what went wrong in the middle and how to mend it, or None; the steps until then are
            kept.
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
        tokens = self._timed_tokens
        if not tokens or tokens < 2 or self.elapsed_s == self.ttft_s:
            return None
        return (tokens - 1) / (self.elapsed_s - self.ttft_s)

    @property
    def _timed_tokens(self) -> int | None:
        """Tokens between the first step and the last; a server counts the end token, unsent."""
        if self.chunked and self.output_tokens == len(self.steps) + 1:
            return len(self.steps)
        return self.output_tokens if self.steps else None

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
    """

    settings: Settings
    prompt_tokens: int | None = None
    finish: str | None = None
    chunked: bool = False
    output_tokens: int | None = None
    timings: EngineTimings | None = None
    error: LabError | None = None
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


def checked_messages(messages: Messages) -> list[dict[str, str]]:
    """Chat messages, each with its role and content.

    Raises:
        ValueError: they are none.
    """
    good = isinstance(messages, list | tuple) and messages
    good = good and all(isinstance(m, dict) and {"role", "content"} <= m.keys() for m in messages)
    if not good:
        raise ValueError(
            'prompt must be a text, or messages such as [{"role": "user", "content": "Hello"}]; '
            f"got {messages!r}"
        )
    return list(messages)


def checked_prompt(prompt: str | Messages, *, raw: bool) -> str | list[dict[str, str]]:
    """A prompt as servers take it: the text itself if raw, messages if not.

    Raises:
        ValueError: an empty prompt, messages that are none, or messages where a text is needed.
    """
    if isinstance(prompt, str) and not prompt:
        raise ValueError("prompt must have at least one character; got an empty text")
    if raw and not isinstance(prompt, str):
        raise ValueError(f"prompt must be a text where raw is True; got {prompt!r}")
    if isinstance(prompt, str):
        return prompt if raw else [{"role": "user", "content": prompt}]
    return checked_messages(prompt)


def stream(model: Backend, prompt: str | Messages, *, raw: bool = False, **settings) -> Stream:
    """An answer, token by token, as it is written.

    Args:
        model: from ``labkit.load``, or any other backend.
        prompt: a text, or chat messages as ``[{"role": "user", "content": "…"}, …]``. A text is
            put to a chat model as a user's message; a base model goes on with it.
        raw: go on with the text as it stands, with a chat model too.
        settings: see `Settings`: temperature, top_p, max_tokens, seed, stop …
    Raises:
        ValueError: for a prompt or a setting out of bounds, at once.
    """
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
    )
