"""Where the seconds of one answer went: the network, the model's own work, the stream."""

from dataclasses import dataclass

from labkit.backends.http_timing import PARTS
from labkit.backends.reply import Reply

FIRST, STREAM = PARTS["first_token_s"], PARTS["stream_s"]
PART_NAMES = tuple(PARTS.values())


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
    until the first token, which is mostly reading the prompt; and the stream.

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
    if reply.http:
        return tuple(reply.http.parts)
    if reply.steps:
        return (FIRST, reply.ttft_s), (STREAM, reply.elapsed_s - reply.ttft_s)
    return ()


def model_s(reply: Reply) -> float | None:
    """Seconds in which the model read the prompt, by the engine's own clock.

    In this process it is the time to the first token. None where the engine does not report it.
    """
    if reply.timings and reply.timings.prompt_s is not None:
        return reply.timings.prompt_s
    return reply.ttft_s if reply.http is None else None


def network_s(reply: Reply) -> float | None:
    """Seconds before the first token in which the model did not work: the network, and queues.

    The time to the first token minus `model_s`: name lookup, connection, TLS, the round trip of
    the request, and waiting in a queue. None where the engine does not report its own time.
    """
    work = model_s(reply)
    if reply.ttft_s is None or work is None:
        return None
    return max(0.0, reply.ttft_s - work)


def format_seconds(seconds: float) -> str:
    """Seconds as text; milliseconds below one second, so that small parts can be distinguished.

    >>> format_seconds(0.0821), format_seconds(2.5)
    ('82 ms', '2.50 s')
    """
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.0f} ms"
