"""What a speed feels like: when each token of a text arrives, at several speeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real

from labkit.backends.reply import Reply, timed_tokens
from labkit.checks import check_number, check_type, checked_several
from labkit.formatting import digits, number_of

from .measurement import Measurement

PACES = (5, 20, 50, 200)  # tokens/s: a slow CPU, a good one, a GPU, a fast server


@dataclass(frozen=True, slots=True)
class Pace:
    """One speed.

    Attributes:
        name: label in the panel.
        tokens_per_s: tokens per second after the first.
        ttft_s: seconds until the first token.
        origin: ``"measured"``, or ``"assumed"`` for an example.
    """

    name: str
    tokens_per_s: float
    ttft_s: float = 0.0
    origin: str = "assumed"

    def arrived(self, elapsed_s: float, total: int) -> int:
        """How many of ``total`` tokens have arrived after a time.

        >>> Pace("ten", 10, ttft_s=1).arrived(1.25, 100)
        3
        """
        if elapsed_s < self.ttft_s:
            return 0
        return min(total, 1 + int((elapsed_s - self.ttft_s) * self.tokens_per_s + 1e-9))

    def seconds(self, total: int) -> float:
        """Seconds until the last of ``total`` tokens."""
        return self.ttft_s + max(0, total - 1) / self.tokens_per_s


@dataclass(frozen=True, slots=True, repr=False)
class Pacing:
    """A text, and the speeds to stream it at.

    Attributes:
        texts: pieces of the answer as they came: a token each, or several of a server.
        paces: speeds, slowest first.
        tokens: number of tokens in all pieces.
    """

    texts: tuple[str, ...]
    paces: tuple[Pace, ...]
    tokens: int

    @property
    def elapsed_s(self) -> float:
        """Seconds until the slowest has ended."""
        return max(pace.seconds(self.tokens) for pace in self.paces)

    def text_at(self, pace: Pace, elapsed_s: float) -> str:
        """The text that has arrived at a speed; of pieces, the first counts as one token."""
        arrived, pieces = pace.arrived(elapsed_s, self.tokens), len(self.texts)
        shown = arrived and 1 + (arrived - 1) * (pieces - 1) // max(1, self.tokens - 1)
        return "".join(self.texts[:shown])

    @property
    def summary(self) -> str:
        """How long the text takes at each speed."""
        seconds = [f"{p.name} {p.seconds(self.tokens):.1f} s ({p.origin})" for p in self.paces]
        return f"{number_of(self.tokens, 'token')}: {', '.join(seconds)}"

    def __repr__(self) -> str:
        return self.summary


def pace_text(
    reply: Reply, measurement: Measurement | None = None, *, paces: Sequence[float] = PACES
) -> Pacing:
    """A reply to stream at several speeds, this machine's own among them.

    Args:
        reply: a reply from ``labkit.generate``; its own speed is used if there is no measurement.
        measurement: a measurement of the same model, whose medians are used.
        paces: tokens per second, each above 0.
    Raises:
        ValueError: the reply has no answer, the measurement is of another model, or a speed is
            out of range.
    """
    check_type("reply", reply, Reply, "lab.generate")
    if measurement is not None:
        check_type("measurement", measurement, Measurement, "lab.measure")
        if measurement.model != reply.model:
            raise ValueError(f"measurement must be of {reply.model}; got {measurement.model}")
    speeds = checked_several("paces", paces, Real, "one or more tokens/s, as in (5, 20)")
    for speed in speeds:
        check_number("paces", speed, "above 0", lambda pace: pace > 0)
    steps = [step for step in reply.steps if not step.thinking]
    if not steps:
        raise ValueError("reply must have an answer of one or more tokens; got none")
    counted = timed_tokens(reply, reply.steps)[1] if reply.chunked else len(steps)
    tokens = max(counted or 0, len(steps))
    examples = [Pace(f"{speed:g} tokens/s", float(speed)) for speed in speeds]
    own = _pace_of(measurement) if measurement else None
    if not own and counted:
        first, last = steps[0].elapsed_s, steps[-1].elapsed_s
        speed = (tokens - 1) / (last - first) if last > first else 0.0
        own = speed, first, reply.origin.partition(":")[0]
    if own and own[0]:
        here = " here" if own[2] == "measured" else ""
        examples.append(Pace(f"{reply.model}{here}, {digits(own[0])} tokens/s", *own))
    ordered = sorted(examples, key=lambda pace: pace.tokens_per_s)
    return Pacing(tuple(step.text for step in steps), tuple(ordered), tokens)


def _pace_of(measurement: Measurement) -> tuple[float, float, str] | None:
    """Tokens per second, seconds to the first token of the answer, and where both come from."""
    if not measurement.decode_tokens_per_s:
        return None
    shown = measurement.thinking_s if measurement.shows_thinking else None
    first = measurement.ttft_s.median + (shown.median if shown else 0.0)
    return measurement.decode_tokens_per_s.median, first, measurement.origin
