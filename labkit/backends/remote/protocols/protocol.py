"""What a server is sent and answers, and how its events become steps: nothing is guessed."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, replace
from itertools import chain, repeat
from typing import Any, ClassVar

from labkit.backends.prompts import Messages
from labkit.backends.settings import Settings
from labkit.backends.steps import Alternative, Step
from labkit.backends.thoughts import ThoughtCounter, ThoughtSplitter
from labkit.backends.timings import from_llamacpp, from_lm_studio
from labkit.errors import LabError

from .parameters import Parameters

Chunk = Mapping[str, Any]

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
        opened: the tag of a thought that the prompt ended with, see `open_tag`.
    Attributes:
        usage: tokens as the server counts them, once it has.
        model: the name under which the server answered, once it says so.
    """

    def __init__(
        self,
        note: Callable[..., None],
        where: str,
        as_chunk: Callable[[Any], Chunk] = lambda event: event,
        opened: str | None = None,
    ):
        self._note, self._where, self._as_chunk = note, where, as_chunk
        self._written = 0  # tokens so far, where the server counts them in every event
        self._stats: Chunk = {}
        self._finish: str | None = None
        self._split = ThoughtSplitter(
            opened
        )  # of a server that leaves a thought in the answer's text
        self._apart = False  # another keeps it apart
        self._thinking = False  # what the last text was
        self._thought, self._counted = ThoughtCounter(), False  # here, or by the server
        self.usage: Chunk = {}
        self.model: str | None = None
        note(chunked=True)

    def steps(self, events: Generator[tuple[float, Any]]) -> Generator[Step]:
        """The steps of the answer; each event comes with its seconds from the request."""
        elapsed_s = 0.0
        with closing(events):
            for elapsed_s, event in events:
                yield from self._read(self._as_chunk(event), elapsed_s)
        if rest := "".join(self._split.push("", last=True)):  # it might have become a tag
            self._note(chunked=True)
            yield _step(rest, elapsed_s, thinking=self._split.thinking)
        if self._finish in (None, "failed"):
            error = "ended its answer with an error, and does not say which"
            how = error if self._finish else "broke off in the middle of its answer"
            raise LabError(
                f"{self._where} {how}.",
                "What came until then is kept. See the server's own log, then ask again.",
            )
        self._note(finish=self._finish)

    def _read(self, chunk: Chunk, elapsed_s: float) -> list[Step]:
        choice = next(iter(chunk.get("choices") or ()), {})
        if reason := choice.get("finish_reason"):
            self._finish = FINISHES.get(reason, "stop")
        listed = _listed(choice.get("logprobs"), elapsed_s)
        before, texts = self._thinking, self._texts(choice)
        self._thinking = texts[-1][1] if texts else before
        tokens = self._note_numbers(chunk)
        if tokens is not None:
            return _tokens(texts, before, listed, tokens, elapsed_s)
        steps = _pieces(texts, listed, elapsed_s)
        self._thought.add(steps, len(listed))
        if self._thought.seen and not self._counted:
            self._note(thinking_tokens=self._thought.tokens)
        return steps

    def _texts(self, choice: Mapping[str, Any]) -> list[tuple[str, bool]]:
        """The texts of an event in their order, and whether each is a thought."""
        delta = choice.get("delta") or {}
        thought, text = _parts(delta.get("content") or delta.get("refusal") or choice.get("text"))
        thought = thought or _parts(delta.get("reasoning_content") or delta.get("reasoning"))[1]
        self._apart = self._apart or bool(thought)
        if not self._apart:
            thought, text = self._split.push(text)
        return [each for each in ((thought, True), (text, False)) if each[0]]

    def _note_numbers(self, chunk: Chunk) -> int | None:
        """Notes the numbers of an event; returns how many tokens are new, if it says so."""
        if usage := chunk.get("usage"):
            self._note_usage(usage, chunk.get("model"))
        engine = chunk.get("engine")
        if timings := chunk.get("timings"):
            engine = from_llamacpp(timings)
            self._note(chunked=False)
        if engine:
            self._note(timings=engine)
            self._note_cached(engine.cached_tokens)
        self._stats = chunk.get("stats") or self._stats  # before the usage, after it, or with it
        if self._stats:
            written = self.usage.get("completion_tokens")
            self._note(timings=from_lm_studio(self._stats, written))
        if not timings:
            return None
        new = timings["predicted_n"] - self._written
        self._written = timings["predicted_n"]
        return new

    def _note_usage(self, usage: Chunk, model: str | None) -> None:
        """The server's counts. Google and xAI count a thought in the total only, and charge it."""
        read, written = usage.get("prompt_tokens"), usage.get("completion_tokens")
        thought = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens")
        # DeepSeek has a name of its own for cached tokens.
        cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens")
        self._note_cached(usage.get("prompt_cache_hit_tokens") if cached is None else cached)
        if read is not None and written is not None:
            hidden = max(0, (usage.get("total_tokens") or 0) - read - written)
            thought, written = thought or hidden or thought, written + hidden
        self.usage, self.model = {**usage, "completion_tokens": written}, model
        self._note(prompt_tokens=read, output_tokens=written)
        if thought or (thought == 0 and not self._thought.seen):
            self._counted = True
            self._note(thinking_tokens=thought)

    def _note_cached(self, tokens: int | None) -> None:
        """From the usage, or from the engine's times, if at all."""
        if tokens is not None:
            self._note(cached_tokens=tokens)


def _parts(content: Any) -> tuple[str, str]:
    """What was thought, and what was answered, of a text, or of a list of parts as Mistral's."""
    if isinstance(content, str):
        return "", content
    texts = {True: "", False: ""}
    for part in content if isinstance(content, list) else ():
        is_thought = part.get("type") == "thinking"
        texts[is_thought] += _parts(part.get("thinking" if is_thought else "text"))[1]
    return texts[True], texts[False]


def _tokens(
    texts: list[tuple[str, bool]], before: bool, listed: list[Step], count: int, elapsed_s: float
) -> list[Step]:
    """A step for each of n tokens; only a text of one token has a number and a logprob.

    The first bytes of a character and what may begin a stop string or a tag are held back by the
    server and come with the last of them.
    """
    thinking = texts[-1][1] if texts else before
    if count == 1:
        first = listed[0] if len(listed) == 1 else _step("", elapsed_s)
        return [replace(first, text="".join(text for text, _ in texts), thinking=thinking)]
    written = [_step(text, elapsed_s, thinking=kind) for text, kind in texts or [("", before)]]
    silent = _step("", elapsed_s, thinking=before or written[0].thinking)
    return [*[silent] * (count - len(written)), *written] if count > 0 else []


def _pieces(texts: list[tuple[str, bool]], listed: list[Step], elapsed_s: float) -> list[Step]:
    """A step for each token that is listed with a piece, or one for the piece."""
    steps = []
    for text, thinking in texts:
        is_whole = "".join(step.text for step in listed) == text
        each = listed if is_whole else [_step(text, elapsed_s)]
        steps += [replace(step, thinking=thinking) for step in each]
    return steps


def _step(
    text: str, elapsed_s: float, token_id=None, logprob=None, alternatives=(), *, thinking=False
) -> Step:
    return Step(token_id, text, logprob, None, tuple(alternatives), None, elapsed_s, thinking)


def _listed(logprobs: Any, elapsed_s: float) -> list[Step]:
    """A step for each token that is listed, with its logprob and the alternatives.

    Source: OpenAI's API reference, "logprobs" of chat (``content``) and of completions (lists).
    """
    if not isinstance(logprobs, Mapping):
        return []
    steps = []
    for each in logprobs.get("content") or logprobs.get("refusal") or ():
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
