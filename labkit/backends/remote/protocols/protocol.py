"""What a server is sent and answers, and how its events become steps: nothing is guessed."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from typing import Any, ClassVar

from labkit.backends.prompts import Messages
from labkit.backends.remote.http.errors import MALFORMED, not_an_event
from labkit.backends.settings import Settings
from labkit.backends.steps import Step
from labkit.backends.thoughts import ThoughtCounter, ThoughtSplitter
from labkit.errors import LabError

from .events import Choice, Chunk, Stats, read_chunk
from .parameters import Parameters
from .pieces import SurrogateJoiner, listed_steps, parts, steps_of_texts, steps_of_tokens

MOST_AT_ONCE = 1000  # tokens that one event may bring

# Why an answer ended, in the words of OpenAI, Mistral, Anthropic, DeepSeek, vLLM and Zhipu; any
# other word stands for an end of the model's own.
FINISHES = {
    **dict.fromkeys(("length", "model_length", "max_tokens"), "length"),
    "model_context_window_exceeded": "length",
    **dict.fromkeys(("content_filter", "refusal", "sensitive"), "content_filter"),
    **dict.fromkeys(("tool_calls", "function_call", "tool_use"), "tool_calls"),
    **dict.fromkeys(("error", "abort", "network_error"), "failed"),
    "insufficient_system_resource": "failed",
}


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
    def connect(self, http, base_url: str) -> Any:
        """The client, around an HTTP client. It retries nothing, or times would be of several.

        It knows no key: the HTTP client sends it.
        """

    @abstractmethod
    def models(self, client) -> tuple[str, ...]:
        """The names of the server's models."""

    @abstractmethod
    def body(self, prompt: str | Messages, settings: Settings, *, raw: bool) -> dict[str, Any]:
        """What is asked, save the model; a ValueError for what the server does not take."""

    @abstractmethod
    def send(self, client, body: dict[str, Any]) -> AbstractContextManager:
        """Sends it; gives the events as the client has them, and hangs up at the end."""

    @abstractmethod
    def translator(self) -> Callable[[Any], Chunk]:
        """A function that checks each event of one answer, and puts it in OpenAI's form."""


class AnswerReader:
    """Reads the events of one answer in their order.

    Args:
        note: called with each field of the `Outcome` that becomes known.
        where: the server, for a sentence.
        as_chunk: checks an event and makes of it what OpenAI's interface would send; a ValueError
            for what is not an event.
        patience_s: how long events may bring no token.
        opened: the tag of a thought that the prompt ended with, see `open_tag`.
    Attributes:
        usage: tokens as the server counts them, once it has.
        model: the name under which the server answered, once it says so.
        words: how many came, each of which is a token or more.
    """

    def __init__(
        self,
        note: Callable[..., None],
        where: str,
        as_chunk: Callable[[Any], Chunk] = read_chunk,
        patience_s: float = math.inf,
        opened: str | None = None,
    ):
        self._note, self._where, self._as_chunk = note, where, as_chunk
        self._patience_s, self._stepped_s = patience_s, 0.0  # when the last step came
        self._written = 0  # tokens so far, where the server counts them in every event
        self._stats: Stats | None = None
        self._finish: str | None = None
        self._halves = {True: SurrogateJoiner(), False: SurrogateJoiner()}  # of thought, of answer
        # Of a server that leaves a thought in the answer's text.
        self._split = ThoughtSplitter(opened)
        self._waiting: list[Step] = []  # the tokens whose text is held back by that
        self._apart = False  # another keeps it apart
        self._thinking = False  # what the last text was
        self._thought, self._counted = ThoughtCounter(), False  # here, or by the server
        self.usage: Mapping[str, Any] = {}
        self.model: str | None = None
        self.words, self._in_word = 0, False
        note(chunked=True)

    def steps(self, events: Generator[tuple[float, Any]]) -> Generator[Step]:
        """The steps of the answer; each event comes with its seconds from the request.

        Raises:
            LabError: it breaks off, or something is not an event. What came before is given first.
        """
        elapsed_s, failure = 0.0, None
        with closing(events):
            try:
                for elapsed_s, event in events:
                    yield from self._read(event, elapsed_s)
            except Exception as error:
                failure = error
        yield from self._rest(elapsed_s)
        if failure:
            raise failure
        if self._finish in (None, "failed"):
            error = "ended its answer with an error, and does not say which"
            how = error if self._finish else "broke off in the middle of its answer"
            raise LabError(
                f"{self._where} {how}.",
                "What came until then is kept. See the server's own log, then ask again.",
            )
        self._note(finish=self._finish)

    def _rest(self, elapsed_s: float) -> Iterator[Step]:
        """What was held back, as it might have become a tag or a character."""
        half = self._halves[True].push("", last=True)
        thought, text = self._split.push(self._halves[False].push("", last=True), last=True)
        texts = [each for each in ((half + thought, True), (text, False)) if each[0]]
        if texts:
            self._note(chunked=True)
        yield from steps_of_texts(texts, self._waiting, elapsed_s)[0]

    def _read(self, event: Any, elapsed_s: float) -> list[Step]:
        try:
            steps = self._steps(self._as_chunk(event), elapsed_s)
        except MALFORMED as error:
            raise not_an_event(self._where, error) from None
        self._stepped_s = elapsed_s if steps else self._stepped_s
        self._count_words("".join(step.text for step in steps))
        if elapsed_s - self._stepped_s > self._patience_s:
            raise LabError(
                f"{self._where} has written nothing for {self._patience_s:g} s.",
                "What came until then is kept. Ask again.",
            )
        return steps

    def _count_words(self, text: str) -> None:
        runs_on = self._in_word and not text[:1].isspace()
        self.words += max(0, len(text.split()) - runs_on)
        self._in_word = not text[-1:].isspace() if text else self._in_word

    def _steps(self, chunk: Chunk, elapsed_s: float) -> list[Step]:
        choice = next(iter(chunk.choices or ()), Choice())
        if reason := choice.finish_reason:
            self._finish = FINISHES.get(reason, "stop")
        listed = listed_steps(choice.logprobs, elapsed_s)
        before, texts = self._thinking, self._texts(choice)
        self._thinking = texts[-1][1] if texts else before
        tokens = self._note_numbers(chunk)
        if tokens is not None:
            return steps_of_tokens(texts, before, listed, tokens, elapsed_s)
        steps, waiting = steps_of_texts(texts, [*self._waiting, *listed], elapsed_s)
        held = self._split.held
        is_held = held and "".join(step.text for step in waiting) == held
        self._waiting = waiting if is_held else []
        self._thought.add(steps, len(listed))
        if self._thought.seen and not self._counted:
            self._note(thinking_tokens=self._thought.tokens)
        return steps

    def _texts(self, choice: Choice) -> list[tuple[str, bool]]:
        """The texts of an event in their order, and whether each is a thought."""
        thought, text = "", choice.text or ""
        if delta := choice.delta:
            thought, text = parts(delta.content or delta.refusal or choice.text)
            thought = thought or parts(delta.reasoning_content or delta.reasoning)[1]
        thought, text = self._halves[True].push(thought), self._halves[False].push(text)
        self._apart = self._apart or bool(thought)
        if not self._apart:
            thought, text = self._split.push(text)
        return [each for each in ((thought, True), (text, False)) if each[0]]

    def _note_numbers(self, chunk: Chunk) -> int | None:
        """Notes the numbers of an event; returns how many tokens are new, if it says so."""
        if chunk.usage:
            self._note_usage(chunk.usage, chunk.model)
        timings = chunk.timings
        engine = timings.as_engine_timings() if timings else chunk.engine
        if engine:
            self._note(timings=engine)
            self._note_cached(engine.cached_tokens)
        self._stats = chunk.stats or self._stats  # before the usage, after it, or with it
        if self._stats:
            written = self.usage.get("completion_tokens")
            self._note(timings=self._stats.as_engine_timings(written))
        if not timings or timings.predicted_n is None:
            return None
        self._note(chunked=False)
        new, self._written = timings.predicted_n - self._written, timings.predicted_n
        if not 0 <= new <= MOST_AT_ONCE:
            raise ValueError(f"timings.predicted_n: {new} tokens cannot have come at once")
        return new

    def _note_usage(self, usage: Mapping[str, Any], model: str | None) -> None:
        """The server's counts. Google and xAI count a thought in the total only, and charge it."""
        read, written = usage.get("prompt_tokens"), usage.get("completion_tokens")
        thought = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens")
        # DeepSeek has a name of its own for cached tokens.
        cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens")
        cached = usage.get("prompt_cache_hit_tokens") if cached is None else cached
        self._note_cached(_part_of(cached, read))
        if read is not None and written is not None:
            hidden = max(0, (usage.get("total_tokens") or 0) - read - written)
            thought, written = thought or hidden or thought, written + hidden
        thought = _part_of(thought, written)
        self.usage, self.model = {**usage, "completion_tokens": written}, model
        self._note(prompt_tokens=read, output_tokens=written)
        if thought or (thought == 0 and not self._thought.seen):
            self._counted = True
            self._note(thinking_tokens=thought)

    def _note_cached(self, tokens: int | None) -> None:
        """From the usage, or from the engine's times, if at all."""
        if tokens is not None:
            self._note(cached_tokens=tokens)


def _part_of(part: int | None, whole: int | None) -> int | None:
    """A count that is part of another; None if it is larger, and so one of them is wrong."""
    return None if part is not None and whole is not None and part > whole else part
