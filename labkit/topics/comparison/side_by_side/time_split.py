"""Where the seconds of one answer went: the network, the model's own work, the stream."""

from dataclasses import dataclass

from labkit.backends.http_timing import PARTS
from labkit.backends.reply import Reply

FIRST, STREAM = PARTS["first_token_s"], PARTS["stream_s"]
THINKING = "thinking"
PART_NAMES = (*(name for name in PARTS.values() if name != STREAM), THINKING, STREAM)


@dataclass(frozen=True, slots=True)
class TimePart:
    """One part of an answer's time.

    Attributes:
        name: one of `PART_NAMES`.
        begin_s: seconds from the request to its begin.
        seconds: its length.
    """

    name: str
    begin_s: float
    seconds: float

    @property
    def end_s(self) -> float:
        """Seconds from the request to its end."""
        return self.begin_s + self.seconds


def split_time(reply: Reply) -> tuple[TimePart, ...]:
    """The parts of an answer's time, one after another without a gap.

    Over a network they are those of the HTTP client (`HttpTiming`). In this process there are two:
    until the first token, which is mostly reading the prompt; and the stream. What was thought is
    a part of the stream; where it is hidden, all of the wait for the first token counts as that.

    Returns:
        The parts in order; empty where nothing came and nothing was measured.
    """
    parts, begin = [], 0.0
    for name, seconds in named_times(reply):
        parts.append(TimePart(name, begin, seconds))
        begin += seconds
    return tuple(parts)


def named_times(reply: Reply) -> tuple[tuple[str, float], ...]:
    """Name and seconds of each part that took place, in order."""
    parts: dict[str, float] = {}
    if reply.http:
        parts = dict(reply.http.parts)
    elif reply.steps:
        parts = {FIRST: reply.ttft_s, STREAM: reply.elapsed_s - reply.ttft_s}
    if reply.thinking_s is not None and STREAM in parts:
        stream = parts.pop(STREAM)
        shown = 0.0 if reply.thinking_hidden else reply.thinking_s
        parts[THINKING] = parts.pop(FIRST) if reply.thinking_hidden else shown
        parts[STREAM] = stream - shown
    return tuple(parts.items())


def model_s(reply: Reply) -> float | None:
    """Seconds in which the model read the prompt, by the engine's own clock.

    In this process it is the time to the first token. None where the engine does not report it.
    """
    if reply.timings and reply.timings.prompt_s is not None:
        return reply.timings.prompt_s
    return reply.ttft_s if reply.http is None else None


def load_s(reply: Reply) -> float | None:
    """Seconds in which the engine loaded the model for this request; None if it reports none."""
    return reply.timings and reply.timings.load_s


def network_s(reply: Reply) -> float | None:
    """Seconds before the first token in which the model did not work: the network, and queues.

    The time to the first token minus `model_s` and `load_s`: name lookup, connection, TLS, the
    round trip of the request, and waiting in a queue. None where the engine does not report its
    own time, and where it thought unseen before the first token.
    """
    work = model_s(reply)
    if reply.ttft_s is None or work is None or reply.thinking_hidden:
        return None
    return max(0.0, reply.ttft_s - work - (load_s(reply) or 0.0))


def format_seconds(seconds: float) -> str:
    """Seconds as text; milliseconds below one second, so that small parts can be distinguished.

    >>> format_seconds(0.0821), format_seconds(2.5)
    ('82 ms', '2.50 s')
    """
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.0f} ms"
