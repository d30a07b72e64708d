"""An answer on its way from a server to whoever asked: its text put right, its way noted."""

import time
from collections.abc import Iterator
from dataclasses import replace

from labkit.backends.guard.policy import ScreenedPrompt
from labkit.backends.guard.redaction import Restorer
from labkit.backends.reply import Step, Stream
from labkit.backends.stop_strings import StopScanner

from .events import StoppableSteps
from .transport import Tracer


def follow(
    stream: Stream, steps: StoppableSteps, tracer: Tracer, passed: ScreenedPrompt
) -> StoppableSteps:
    """The steps of an answer, with the stream's ``http`` filled in at their end.

    Args:
        stream: the answer's.
        steps: as they come from the server.
        tracer: of the request.
        passed: what a policy made of the prompt: what it took out is put back into the text.
    """
    return StoppableSteps(_followed(stream, steps, tracer, passed.restorer), steps.close)


def _followed(
    stream: Stream, steps: StoppableSteps, tracer: Tracer, restorer: Restorer | None
) -> Iterator[Step]:
    began, times = time.perf_counter(), []
    try:
        for step in steps:
            times = [*times[:1], began + step.elapsed_s]
            yield replace(step, text=restorer.feed(step.text)) if restorer else step
        if restorer and (held := restorer.flush()):
            yield _held_back(stream, step, held)
    finally:
        steps.close()
        first, last = (times[0], times[-1]) if times else (None, None)
        http = tracer.timing(began, first, last)
        stream.http = http and replace(http, origin=stream.origin)


def without_stop(stream: Stream, steps: StoppableSteps) -> StoppableSteps:
    """The steps of a server that leaves the stop string in the text, without it."""
    return StoppableSteps(_up_to_stop(stream, steps), steps.close)


def _up_to_stop(stream: Stream, steps: StoppableSteps) -> Iterator[Step]:
    scan = StopScanner(stream.settings.stop)
    try:
        for step in steps:
            yield replace(step, text="" if scan.stopped else scan.push(step.text))
        if held := scan.push("", last=True):
            yield _held_back(stream, step, held)
    finally:
        steps.close()


def _held_back(stream: Stream, step: Step, text: str) -> Step:
    """The beginning of something that was never finished: text, but no token of its own."""
    stream.chunked = True
    return replace(
        step, token_id=None, text=text, logprob=None, drawn_logprob=None, alternatives=()
    )
