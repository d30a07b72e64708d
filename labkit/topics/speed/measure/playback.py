"""What a speed feels like: when each token of a text arrives, at several speeds."""

from collections.abc import Sequence
from dataclasses import dataclass

from labkit.backends.reply import Reply
from labkit.checks import check_type
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
        texts: text of each token of the answer.
        paces: speeds, slowest first.
    """

    texts: tuple[str, ...]
    paces: tuple[Pace, ...]

    @property
    def elapsed_s(self) -> float:
        """Seconds until the slowest has ended."""
        return max(pace.seconds(len(self.texts)) for pace in self.paces)

    @property
    def summary(self) -> str:
        """How long the text takes at each speed."""
        seconds = [f"{p.name} {p.seconds(len(self.texts)):.1f} s ({p.origin})" for p in self.paces]
        return f"{number_of(len(self.texts), 'token')}: {', '.join(seconds)}"

    def __repr__(self) -> str:
        return self.summary


def pace_text(
    reply: Reply, measurement: Measurement | None = None, *, paces: Sequence[float] = PACES
) -> Pacing:
    """A reply to stream at several speeds, this machine's own among them.

    Args:
        reply: a reply from ``labkit.generate``; its own speed is used if there is no measurement.
        measurement: a measurement of this machine, whose medians are used.
        paces: tokens per second, each above 0.
    """
    check_type("reply", reply, Reply, "lab.generate")
    answer = tuple(step.text for step in reply.steps if not step.thinking)
    if not answer or any(not pace > 0 for pace in paces):
        raise ValueError(
            f"paces must be above 0, of a reply with tokens; got {tuple(paces)!r}, "
            f"{number_of(len(answer), 'token')}"
        )
    examples = [Pace(f"{pace:g} tokens/s", pace) for pace in paces]
    if measurement and measurement.decode_tokens_per_s:
        speed, first = measurement.decode_tokens_per_s.median, measurement.ttft_s.median
        origin = measurement.origin
    else:
        speed, first = reply.decode_tokens_per_s, reply.ttft_s
        origin = reply.origin.partition(":")[0]
    if speed:
        here = " here" if origin == "measured" else ""
        examples.append(
            Pace(f"{reply.model}{here}, {digits(speed)} tokens/s", speed, first, origin)
        )
    ordered = sorted(examples, key=lambda pace: pace.tokens_per_s)
    return Pacing(answer, tuple(ordered))
