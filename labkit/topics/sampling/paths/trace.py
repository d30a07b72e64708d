"""A generated text, token by token: how surprising each was, and what else was likely."""

from dataclasses import dataclass
from math import log
from statistics import fmean

from labkit.backends.reply import Reply
from labkit.backends.steps import Alternative, Step
from labkit.checks import check_type
from labkit.formatting import number_of
from labkit.lab_book.entry import BookEntry


@dataclass(frozen=True, slots=True)
class TracedToken:
    """A token of a reply, as the model's own scores see it.

    Attributes:
        text: text of the token alone.
        surprise_bits: -log2 of its probability by the model's own scores.
        entropy_bits: expected surprise at this token; None where unknown.
        rank: rank among the alternatives, 1 for the likeliest; None if it is not among them.
        alternatives: likeliest tokens there, best first; they may include the token itself.
    """

    text: str
    surprise_bits: float
    entropy_bits: float | None
    rank: int | None
    alternatives: tuple[Alternative, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Trace:
    """A reply with the surprise of each of its tokens (computed from its log-probabilities).

    Attributes:
        reply: reply that was traced.
        tokens: tokens of the reply, including the end token.
    """

    reply: Reply
    tokens: tuple[TracedToken, ...]

    @property
    def bits_per_token(self) -> float:
        """Mean surprise of a token."""
        return fmean(token.surprise_bits for token in self.tokens)

    @property
    def perplexity(self) -> float:
        """Number of equally likely tokens with the same mean surprise: 2 to the bits per token."""
        return 2**self.bits_per_token

    @property
    def first_choices(self) -> float | None:
        """Share of tokens that were the likeliest, 0 to 1; None without all alternatives."""
        if not all(token.alternatives for token in self.tokens):
            return None
        return fmean(token.rank == 1 for token in self.tokens)

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """The mean surprise of a token, and the share of the likeliest ones where it is known."""
        more = {"origin": self.reply.origin.partition(":")[0], "model": self.reply.model}
        bits, share = self.bits_per_token, self.first_choices
        surprise = BookEntry("bits_per_token", "surprise of a token", bits, "bits", **more)
        if share is None:
            return (surprise,)
        first = BookEntry("first_choices", "likeliest token written", 100 * share, "%", **more)
        return surprise, first

    @property
    def summary(self) -> str:
        """Mean surprise, and the most surprising token."""
        most = max(self.tokens, key=lambda token: token.surprise_bits)
        share = self.first_choices
        likeliest = "" if share is None else f", {share:.0%} of them the likeliest"
        return (
            f"{self.reply.model}: {number_of(len(self.tokens), 'token')} of "
            f"{self.bits_per_token:.2f} bits (perplexity {self.perplexity:.2f}){likeliest}; "
            f"the most surprising is {most.text!r} with {most.surprise_bits:.1f} bits "
            f"({self.reply.origin})"
        )

    def __repr__(self) -> str:
        return self.summary


def trace(reply: Reply) -> Trace:
    """How surprising each token of a reply was to the model that wrote it.

    Args:
        reply: from ``labkit.generate`` or another verb.
    Raises:
        ValueError: not a reply, one without tokens, or one without all log-probabilities.
    """
    check_type("reply", reply, Reply, "lab.generate")
    if not reply.steps:
        raise ValueError("reply must have at least one token; got an empty one")
    if any(step.logprob is None for step in reply.steps):
        raise ValueError(
            "reply must have the log-probability of every token; "
            f"got one from {reply.model}, which does not report them all"
        )
    return Trace(reply, tuple(map(_traced, reply.steps)))


def token_text(step: Step) -> str:
    """Text of a step's token alone.

    The step's own text lacks incomplete characters, and text withheld for a stop string.
    """
    rank = _rank(step)
    return step.text if rank is None else step.alternatives[rank - 1].text


def _rank(step: Step) -> int | None:
    """Rank of a step's token among its alternatives; None if it is not among them."""
    ranks = (rank for rank, each in enumerate(step.alternatives, 1) if _is_own(each, step))
    return next(ranks, None)


def _is_own(each: Alternative, step: Step) -> bool:
    if step.token_id is not None:
        return each.token_id == step.token_id
    # A server that sends no numbers of tokens; a step's text may lack the blanks before it.
    return each.logprob == step.logprob and each.text.endswith(step.text)


def _traced(step: Step) -> TracedToken:
    surprise = -step.logprob / log(2) + 0.0  # no minus before a zero
    text, rank = token_text(step), _rank(step)
    return TracedToken(text, surprise, step.entropy_bits, rank, step.alternatives)
