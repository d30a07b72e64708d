"""Checks of notebook 04's exercises: any right answer passes, a wrong one is told why."""

from math import ceil
from numbers import Real

from labkit.backends.emulated.links import find_link
from labkit.backends.reply import Reply
from labkit.checks import is_number
from labkit.exercise import ExerciseResult
from labkit.topics.comparison.side_by_side.side_by_side import SideBySide
from labkit.topics.comparison.side_by_side.time_split import away_s
from labkit.topics.comparison.votes.power import votes_needed

TOLERANCE = 0.15  # the numbers may have been read off a picture
VOTES_TOLERANCE = 0.1  # it may have been read off a picture whose scale is of powers


def check_round_trips(
    answers: SideBySide, trips: int | None, *, link: str = "ocean"
) -> ExerciseResult:
    """Exercise 1: how often was a link crossed, there and back, before the first token?

    Args:
        answers: of `compare_links`.
        trips: the learner's number.
        link: which one.
    """
    found = [n for n, name in enumerate(answers.names) if name.startswith(f"{link}:")]
    if not found or not answers.replies[found[0]].http:
        return ExerciseResult(False, f"There is no link {link!r} here: {', '.join(answers.names)}.")
    if not isinstance(trips, Real):
        return ExerciseResult(False, "Put your number in place of None.")
    reply, trip_s = answers.replies[found[0]], find_link(link).round_trip_s
    bars = [part for part in (reply.http.connect_s, reply.http.tls_s) if part is not None]
    right = len(bars) + 1
    if trips == right:
        told = f"{right} × {trip_s:g} s of the {away_s(reply):.2f} s that the model did not work"
        return ExerciseResult(True, f"Connection, TLS, and the request itself: {told}.")
    size = "too many" if trips > right else "too few"
    return ExerciseResult(
        False, f"{trips} is {size}. Which bars are about {1000 * trip_s:g} ms long?"
    )


def check_overtaking(
    near: Reply, far: Reply, tokens: int | None, *, far_tokens_per_s: float
) -> ExerciseResult:
    """Exercise 2: from how many tokens on is the far one done first, if it wrote so fast?

    Args:
        near: the local answer: its first token and its speed count.
        far: the other: its first token counts.
        tokens: the learner's number.
        far_tokens_per_s: how fast the far one is taken to write.
    """
    speed = near.decode_tokens_per_s
    if speed is None or far.ttft_s is None:
        return ExerciseResult(False, "Take answers of two tokens or more.")
    if speed >= far_tokens_per_s:
        return ExerciseResult(
            False, f"It never is: here {speed:.0f} tokens/s come. Take a faster one."
        )
    if not isinstance(tokens, Real):
        return ExerciseResult(False, "Put your number of tokens in place of None.")
    lead, gain = far.ttft_s - near.ttft_s, 1 / speed - 1 / far_tokens_per_s
    right = max(1, ceil(1 + lead / gain))
    way = f"the lead of {lead:.2f} s, and {1000 * gain:.1f} ms gained with each further token"
    if abs(tokens - right) <= max(2, TOLERANCE * right):
        return ExerciseResult(True, f"From {right} tokens on: {way}.")
    size = "too many" if tokens > right else "too few"
    return ExerciseResult(False, f"{tokens} is {size}. Two numbers decide: {way}.")


def check_votes_needed(
    votes: int | None, *, share: float, undecided: float = 0.0
) -> ExerciseResult:
    """How many votes settle a preference that is so clear, if so many stay undecided?

    Args:
        votes: the learner's answer.
        share: of the decided votes, for the preferred one.
        undecided: of all votes, ties and "both bad".
    """
    if not is_number(votes):
        return ExerciseResult(False, "Put a number of votes in place of None.")
    right = votes_needed(share, undecided=undecided)
    decided = votes_needed(share)
    told = f"{decided:,} decided votes, so {right:,} in all"
    if abs(votes - right) <= VOTES_TOLERANCE * right:
        return ExerciseResult(True, f"About {told}.")
    if undecided and abs(votes - decided) <= VOTES_TOLERANCE * decided:
        return ExerciseResult(False, "So many must be decided. How many have to vote for that?")
    way = "Fewer will do." if votes > right else "That is too few: chance alone does as well."
    return ExerciseResult(False, way)
