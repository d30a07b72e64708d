"""How far one model's scores are from another's, at each position of the same text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log

TINY = 1e-12  # a remaining probability that rounding may make 0 or less


@dataclass(frozen=True, slots=True)
class Divergence:
    """How far scores are from a reference's (computed from both at each position).

    Attributes:
        bits: Kullback-Leibler divergence at each position; 0 if both expect the same.
    """

    bits: tuple[float, ...]

    @property
    def mean_bits(self) -> float:
        """The mean over all positions."""
        return sum(self.bits) / len(self.bits)


def compare_scores(
    reference: Sequence[Mapping[int, float]], other: Sequence[Mapping[int, float]]
) -> Divergence | None:
    """The divergence at each position, or None without a position.

    Args:
        reference: token ids and logprobs of the likeliest tokens at each position.
        other: the same of another model at the same positions; fewer if it was stopped.
    """
    bits = tuple(divergence_bits(*pair) for pair in zip(reference, other, strict=False))
    return Divergence(bits) if bits else None


def divergence_bits(p: Mapping[int, float], q: Mapping[int, float]) -> float:
    """Kullback-Leibler divergence of q from p, in bits, from the likeliest tokens of both.

    Tokens that are not among the likeliest of both count as one: that makes it smaller than over
    the whole vocabulary, never larger (Cover and Thomas 2006, "Elements of Information Theory",
    theorem 2.7.1), and hardly smaller if the likeliest tokens have nearly all of the probability.

    Args:
        p: token ids and natural logarithms of their probabilities.
        q: the same of the other model.

    >>> half, quarter = log(0.5), log(0.25)
    >>> divergence_bits({1: half, 2: half}, {1: quarter, 2: quarter, 3: half})
    1.0
    """
    shared = p.keys() & q.keys()
    nats = sum(exp(p[token]) * (p[token] - q[token]) for token in shared)
    rest, rest_q = (1 - sum(exp(each[token]) for token in shared) for each in (p, q))
    if rest > TINY:
        nats += rest * log(rest / max(rest_q, TINY))
    return max(0.0, nats) / log(2)
