"""What a server is sent and answers, and how its events become steps: nothing is guessed."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, replace
from itertools import chain, repeat
from typing import Any, ClassVar

from labkit.backends.prompts import Messages
from labkit.backends.reply import Alternative, Step
from labkit.backends.settings import Settings
from labkit.backends.timings import from_llamacpp, from_lm_studio
from labkit.errors import LabError

from .parameters import Parameters

Chunk = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RemoteProtocol(ABC):
    """The one place that knows what a server is sent, and what it answers.

    Attributes:
        sdk: the package of its client, whose errors are raised.
        sample: the events of a short answer, to warm its client up with.
        model: the model's name, as the server has it.
        kind: which server it is, for a sentence.
        parameters: the settings that it takes, and by which names.
    """

    sdk: ClassVar[str]
    sample: ClassVar[str]
    model: str
    kind: str
    parameters: Parameters

    @abstractmethod
    def connect(self, http, base_url: str, key: str) -> Any:
        """The client, around an HTTP client. It retries nothing, or times would be of several."""

    @abstractmethod
    def models(self, client) -> tuple[str, ...]:
        """The names of the server's models."""

    @abstractmethod
    def body(self, prompt: str | Messages, settings: Settings, *, raw: bool) -> dict[str, Any]:
        """What is asked, save the model; a ValueError for what the server does not take."""

    @abstractmethod
    def send(self, client, body: dict[str, Any]) -> AbstractContextManager:
        """Sends it; gives the response, and the events as the client has them."""

    @abstractmethod
    def translator(self) -> Callable[[Any], Chunk]:
        """A function that puts each event of one answer in the form of OpenAI's, as a `Chunk`."""


class AnswerReader:
    """Reads the events of one answer in their order.

    Args:
        note: called with each field of the `Outcome` that becomes known.
        where: the server, for a sentence.
        as_chunk: makes of each event what OpenAI's interface would send; an engine's own times go
            by the name ``engine``, a provider's own count of tokens by ``own`` in ``usage``.
    Attributes:
        usage: tokens as the server counts them, once it has.
        model: the name under which the server answered, once it says so.
    """

    def __init__(
        self,
        note: Callable[..., None],
        where: str,
        as_chunk: Callable[[Any], Chunk] = lambda event: event,
    ):
        self._note, self._where, self._as_chunk = note, where, as_chunk
        self._written = 0  # tokens so far, where the server counts them in every event
        self._stats: Chunk = {}
        self._finish: str | None = None
        self.usage: Chunk = {}
        self.model: str | None = None
        note(chunked=True)

    def steps(self, events: Generator[tuple[float, Any]]) -> Generator[Step]:
        """The steps of the answer; each event comes with its seconds from the request."""
        with closing(events):
            for elapsed_s, event in events:
                yield from self._read(self._as_chunk(event), elapsed_s)
        if self._finish is None:
            raise LabError(
                f"{self._where} broke off in the middle of its answer.",
                "What came until then is kept. See the server's own log, then ask again.",
            )
        self._note(finish=self._finish)

    def _read(self, chunk: Chunk, elapsed_s: float) -> list[Step]:
        choice = next(iter(chunk.get("choices") or ()), {})
        delta = choice.get("delta") or {}
        text = delta.get("content") or choice.get("text") or ""
        # What a model thinks is written, and takes its time, but is not the answer.
        thought = delta.get("reasoning_content") or delta.get("reasoning") or ""
        if reason := choice.get("finish_reason"):
            self._finish = "length" if reason == "length" else "stop"
        tokens = self._note_numbers(chunk)
        listed = _listed(choice.get("logprobs"), elapsed_s)
        if tokens is None:
            return _pieces(text, listed, elapsed_s) if text or thought else []
        return _tokens(text, listed, tokens, elapsed_s)

    def _note_numbers(self, chunk: Chunk) -> int | None:
        """Notes the numbers of an event; returns how many tokens are new, if it says so."""
        if usage := chunk.get("usage"):
            self.usage, self.model = usage, chunk.get("model")
            read, written = usage.get("prompt_tokens"), usage.get("completion_tokens")
            self._note(prompt_tokens=read, output_tokens=written)
        if engine := chunk.get("engine"):
            self._note(timings=engine)
        self._stats = chunk.get("stats") or self._stats  # before the usage, after it, or with it
        if self._stats:
            written = self.usage.get("completion_tokens")
            self._note(timings=from_lm_studio(self._stats, written))
        if not (timings := chunk.get("timings")):
            return None
        self._note(timings=from_llamacpp(timings), chunked=False)
        new = timings["predicted_n"] - self._written
        self._written = timings["predicted_n"]
        return new


def _tokens(text: str, listed: list[Step], count: int, elapsed_s: float) -> list[Step]:
    """A step for each of n tokens; only a text of one token has a number and a logprob.

    The first bytes of a character and what may begin a stop string are held back by the server
    and come with the last of them.
    """
    if count == 1 and len(listed) == 1:
        return [replace(listed[0], text=text)]
    silent = [_step("", elapsed_s)] * (count - 1)
    return [*silent, _step(text, elapsed_s)] if count > 0 else []


def _pieces(text: str, listed: list[Step], elapsed_s: float) -> list[Step]:
    """A step for each token that is listed with the piece, or one for the piece."""
    is_whole = listed and "".join(step.text for step in listed) == text
    return listed if is_whole else [_step(text, elapsed_s)]


def _step(text: str, elapsed_s: float, token_id=None, logprob=None, alternatives=()) -> Step:
    return Step(token_id, text, logprob, None, tuple(alternatives), None, elapsed_s)


def _listed(logprobs: Any, elapsed_s: float) -> list[Step]:
    """A step for each token that is listed, with its logprob and the alternatives.

    Source: OpenAI's API reference, "logprobs" of chat (``content``) and of completions (lists).
    """
    if not isinstance(logprobs, Mapping):
        return []
    steps = []
    for each in logprobs.get("content") or ():
        tops = each.get("top_logprobs") or ()
        top = [Alternative(t.get("id"), t["token"], t["logprob"]) for t in tops]
        steps.append(_step(each["token"], elapsed_s, each.get("id"), each["logprob"], top))
    tokens, values = logprobs.get("tokens") or (), logprobs.get("token_logprobs") or ()
    likely = chain(logprobs.get("top_logprobs") or (), repeat(None))  # may be fewer
    for text, logprob, tops in zip(tokens, values, likely, strict=False):
        best_first = sorted((tops or {}).items(), key=lambda pair: -pair[1])
        top = [Alternative(None, *each) for each in best_first]
        steps.append(_step(text, elapsed_s, None, logprob, top))
    return steps
