"""The text of an answer: without the stop string, and with what was taken out of the prompt."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from labkit.backends.guard.redaction import Restorer
from labkit.backends.reply import Step, Stream
from labkit.backends.stop_strings import StopScanner


def rewrite(
    running: Stream, steps: Iterator[Step], stop: Sequence[str], restorer: Restorer | None
) -> Iterator[Step]:
    """The steps of an answer, their text up to a stop string and restored."""
    scan = StopScanner(tuple(stop))
    for step in steps:
        text = "" if scan.stopped else scan.push(step.text)
        yield replace(step, text=restorer.feed(text) if restorer else text)
    rest = scan.push("", last=True)
    if restorer:
        rest = restorer.feed(rest) + restorer.flush()
    if rest:  # the beginning of something that was never finished: text, but no token of its own
        running.note(chunked=True)
        yield replace(
            step, token_id=None, text=rest, logprob=None, drawn_logprob=None, alternatives=()
        )
