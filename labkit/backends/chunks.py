"""From the pieces that a server sends to steps: nothing is guessed that it does not tell."""

import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

from ..errors import LabError
from .base import Alternative, Step, Stream
from .engine import from_llamacpp, from_lm_studio

Chunk = Mapping[str, Any]


def read_stream(stream: Stream, chunks: Iterator[tuple[float, Chunk]], name: str) -> Iterator[Step]:
    """The steps of an answer; sets what the stream knows of it on the way.

    Args:
        stream: its ``finish``, ``output_tokens``, ``timings`` … are filled in.
        chunks: when each came (`time.perf_counter`), and the event, in OpenAI's form.
        name: the model's, for the sentence.
    Raises:
        LabError: the server fails; what came until then has been yielded.
    """
    began = time.perf_counter()
    reader = _Reader(stream)
    try:
        with closing(chunks):
            for at, chunk in chunks:
                yield from reader.read(chunk, at - began)
        if reader.finish is None:
            raise LabError(
                f"{name} broke off in the middle of its answer.",
                "What came until then is kept. See the server's own log, then ask again.",
            )
        stream.finish = reader.finish
    except LabError as error:
        stream.finish, stream.error = "failed", error
        raise


class _Reader:
    """Reads events in their order.

    Attributes:
        finish: why the answer ended, once the server has said so.
    """

    def __init__(self, stream: Stream):
        self._stream = stream
        self._written = 0  # tokens so far, where the server counts them in every event
        self.finish: str | None = None
        stream.chunked = True

    def read(self, chunk: Chunk, elapsed_s: float) -> list[Step]:
        """The steps of one event."""
        choice = next(iter(chunk.get("choices") or ()), {})
        delta = choice.get("delta") or {}
        text = delta.get("content") or choice.get("text") or ""
        # What a model thinks is written, and takes its time, but is not the answer.
        thought = delta.get("reasoning_content") or delta.get("reasoning") or ""
        if reason := choice.get("finish_reason"):
            self.finish = "length" if reason == "length" else "stop"
        tokens = self._note(chunk)
        told = _token_records(choice.get("logprobs"))
        if tokens is None:
            return _pieces(text, told, elapsed_s) if text or thought else []
        return _tokens(text, told, tokens, elapsed_s)

    def _note(self, chunk: Chunk) -> int | None:
        """Keeps the numbers of an event; returns how many tokens are new, if it tells."""
        if usage := chunk.get("usage"):
            self._stream.prompt_tokens = usage.get("prompt_tokens")
            self._stream.output_tokens = usage.get("completion_tokens")
        if stats := chunk.get("stats"):
            self._stream.timings = from_lm_studio(stats)
        if not (timings := chunk.get("timings")):
            return None
        self._stream.timings = from_llamacpp(timings)
        self._stream.chunked = False
        new = timings["predicted_n"] - self._written
        self._written = timings["predicted_n"]
        return new


def _tokens(text: str, told: list[dict], count: int, elapsed_s: float) -> list[Step]:
    """A step for each of so many tokens; only a text of one token has a number and a logprob.

    The first bytes of a character and what may begin a stop string are held back by the server
    and come with the last of them.
    """
    if count == 1 and len(told) == 1:
        return [_step(text, told[0], elapsed_s)]
    silent = [_step("", None, elapsed_s)] * (count - 1)
    return [*silent, _step(text, None, elapsed_s)] if count > 0 else []


def _pieces(text: str, told: list[dict], elapsed_s: float) -> list[Step]:
    """A step for each token that is told with the piece, or one for the piece."""
    if told and "".join(record["text"] for record in told) == text:
        return [_step(record["text"], record, elapsed_s) for record in told]
    return [_step(text, None, elapsed_s)]


def _step(text: str, told: dict | None, elapsed_s: float) -> Step:
    told = told or {"id": None, "logprob": None, "top": ()}
    return Step(
        token_id=told["id"],
        text=text,
        logprob=told["logprob"],
        drawn_logprob=None,
        alternatives=tuple(told["top"]),
        entropy_bits=None,
        elapsed_s=elapsed_s,
    )


def _token_records(logprobs: Any) -> list[dict]:
    """What is told of each token: id (or None), text, logprob, and the alternatives.

    Source: OpenAI's API reference, "logprobs" of chat (``content``) and of completions (lists).
    """
    if not isinstance(logprobs, Mapping):
        return []
    if content := logprobs.get("content"):
        return [
            _record(each, [_alternative(top) for top in each.get("top_logprobs") or ()])
            for each in content
        ]
    tops = logprobs.get("top_logprobs") or []
    return [
        {"id": None, "text": text, "logprob": logprob, "top": _sorted_tops(tops, place)}
        for place, (text, logprob) in enumerate(
            zip(logprobs.get("tokens") or (), logprobs.get("token_logprobs") or (), strict=False)
        )
    ]


def _record(told: Chunk, top: list[Alternative]) -> dict:
    return {"id": told.get("id"), "text": told["token"], "logprob": told["logprob"], "top": top}


def _alternative(told: Chunk) -> Alternative:
    return Alternative(told.get("id"), told["token"], told["logprob"])


def _sorted_tops(tops: list, place: int) -> list[Alternative]:
    told = (tops[place] if place < len(tops) else None) or {}
    best_first = sorted(told.items(), key=lambda pair: -pair[1])
    return [Alternative(None, text, logprob) for text, logprob in best_first]
