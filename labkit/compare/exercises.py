"""Checks of notebook 04's exercises: any right answer passes, a wrong one is told why."""

from math import ceil

from ..backends.base import Reply
from ..verdict import Verdict
from .analysis import SideBySide

TOLERANCE = 0.15  # the numbers may have been read off a picture


def check_connection(answers: SideBySide, seconds: float | None) -> Verdict:
    """Exercise 1: what would be saved if the connection had been open already?"""
    fresh = [r for r in answers.replies if r.wire and r.wire.connect_s is not None]
    if not fresh:
        return Verdict(False, "No answer here opened a connection: take one that did.")
    if seconds is None:
        return Verdict(False, "Put your seconds in place of None.")
    wire = fresh[0].wire
    parts = {"name lookup": wire.lookup_s, "connection": wire.connect_s, "TLS": wire.tls_s}
    right = sum(filter(None, parts.values()))
    way = " + ".join(f"{name} {part:.3f} s" for name, part in parts.items() if part is not None)
    if abs(seconds - right) <= max(TOLERANCE * right, 0.002):
        return Verdict(True, f"{way} = {right:.3f} s: so much a kept connection saves.")
    if wire.tls_s and abs(seconds - wire.connect_s) <= TOLERANCE * wire.connect_s:
        return Verdict(False, "The connection alone is not enough: TLS is agreed on after it.")
    size = "too much" if seconds > right else "too little"
    return Verdict(
        False, f"{seconds:g} s is {size}. Add up the bars that only open the connection."
    )


def check_overtaking(
    near: Reply, far: Reply, tokens: int | None, *, far_tokens_per_s: float
) -> Verdict:
    """Exercise 2: from how many tokens on is the far one done first, if it wrote so fast?

    Args:
        near: the local answer: its first token and its speed count.
        far: the other: its first token counts.
        tokens: the learner's number.
        far_tokens_per_s: how fast the far one is taken to write.
    """
    speed = near.decode_tokens_per_s
    if speed is None or far.ttft_s is None:
        return Verdict(False, "Take answers of two tokens or more.")
    if speed >= far_tokens_per_s:
        return Verdict(False, f"It never is: here {speed:.0f} tokens/s come. Take a faster one.")
    if tokens is None:
        return Verdict(False, "Put your number of tokens in place of None.")
    lead, gain = far.ttft_s - near.ttft_s, 1 / speed - 1 / far_tokens_per_s
    right = max(1, ceil(1 + lead / gain))
    way = f"the lead of {lead:.2f} s, and {1000 * gain:.1f} ms gained with each further token"
    if abs(tokens - right) <= max(2, TOLERANCE * right):
        return Verdict(True, f"From {right} tokens on: {way}.")
    size = "too many" if tokens > right else "too few"
    return Verdict(False, f"{tokens} is {size}. Two numbers decide: {way}.")
