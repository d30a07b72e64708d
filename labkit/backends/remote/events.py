"""From the pieces that a server sends to steps: nothing is guessed that it does not tell."""

import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from typing import Any

from labkit.backends.reply import Alternative, Step, Stream
from labkit.backends.timings import from_llamacpp, from_lm_studio
from labkit.errors import LabError

Chunk = Mapping[str, Any]
_NOTHING = object()
GLANCE_S = 0.1  # how often one who waits for a server looks whether to stop


def read_server(
    stream: Stream, chunks: Callable[[Callable], Iterator[tuple[float, Chunk]]], name: str
) -> "StoppableSteps":
    """As `read_stream`, for a server; its ``close`` works at once, and from any thread.

    Args:
        stream: see `read_stream`.
        chunks: yields them; is given a function to call with the response as soon as it is open.
        name: see `read_stream`.
    """
    line = _Line(chunks)
    return StoppableSteps(read_stream(stream, iter(line), name), line.stop)


def read_stream(stream: Stream, chunks: Iterator[tuple[float, Chunk]], name: str) -> Iterator[Step]:
    """The steps of an answer; sets what the stream knows of it on the way.

    Args:
        stream: its ``finish``, ``output_tokens``, ``timings`` … are filled in.
        chunks: when each came (`time.perf_counter`), and the event, in OpenAI's form; an engine's
            own times as ``engine``, and a price as ``price_usd``.
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
    except _Stopped:
        return
    except LabError as error:
        stream.finish, stream.error = "failed", error
        raise


class _Stopped(Exception):
    """Somebody who waits for the next event need not wait any longer."""


class StoppableSteps(Iterator[Step]):
    """Steps that can be closed while another thread waits for the next."""

    def __init__(self, steps: Iterator[Step], stop: Callable[[], None]):
        self._steps, self._stop = steps, stop

    def __next__(self) -> Step:
        return next(self._steps)

    def close(self) -> None:
        """Ends them; whoever waits for the next one comes out."""
        self._stop()
        with suppress(ValueError):  # the other thread is in there; it comes out by itself
            self._steps.close()


class _Line:
    """What a server sends, read by a thread of its own.

    A server that reads a long prompt, or stalls, is silent for minutes; a thread that waits for the
    network cannot be stopped by another, nor on Windows by the learner. This one holds on to
    nothing of the learner's, so that an answer nobody has any more is hung up on too.
    """

    def __init__(self, chunks: Callable[[Callable], Iterator[tuple[float, Chunk]]]):
        self._chunks, self._came = chunks, queue.SimpleQueue()
        self._stopped, self._response = threading.Event(), None

    def __iter__(self) -> Iterator[tuple[float, Chunk]]:
        threading.Thread(target=self._read, daemon=True).start()
        try:
            while came := self._next():
                yield came
        finally:
            self.stop()

    def stop(self) -> None:
        """Hangs up, so that the server stops too; before its answer begins, as soon as it does."""
        self._stopped.set()
        if response := self._response:
            with suppress(OSError):  # it has hung up itself
                connection = response.extensions["network_stream"].get_extra_info("socket")
                connection.shutdown(socket.SHUT_RDWR)

    def _next(self) -> tuple[float, Chunk] | None:
        came = _NOTHING
        while came is _NOTHING and not self._stopped.is_set():
            with suppress(queue.Empty):
                came = self._came.get(timeout=GLANCE_S)
        if self._stopped.is_set():  # what came since is the end of a connection that was cut
            raise _Stopped
        if isinstance(came, BaseException):
            raise came
        return came

    def _read(self) -> None:
        last = None
        try:
            with closing(self._chunks(self._opened)) as chunks:
                for came in chunks:
                    self._came.put(came)
        except BaseException as error:  # whoever waits must hear of it
            last = error
        self._response = None  # its connection may be another's from now on
        self._came.put(last)

    def _opened(self, response: Any) -> None:
        self._response = response
        if self._stopped.is_set():
            self.stop()


class _Reader:
    """Reads events in their order.

    Attributes:
        finish: why the answer ended, once the server has said so.
    """

    def __init__(self, stream: Stream):
        self._stream = stream
        self._written = 0  # tokens so far, where the server counts them in every event
        self._stats: Chunk = {}
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
        if chunk.get("price_usd") is not None:
            self._stream.price_usd = chunk["price_usd"]
        if usage := chunk.get("usage"):
            self._stream.prompt_tokens = usage.get("prompt_tokens")
            self._stream.output_tokens = usage.get("completion_tokens")
        if engine := chunk.get("engine"):
            self._stream.timings = engine
        self._stats = chunk.get("stats") or self._stats  # before the usage, after it, or with it
        if self._stats:
            self._stream.timings = from_lm_studio(self._stats, self._stream.output_tokens)
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
