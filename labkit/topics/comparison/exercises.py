"""Checks of notebook 04's exercises: any right answer passes, a wrong one gets the reason."""

from math import ceil

from labkit.backends.emulated.links import find_link
from labkit.backends.reply import Reply
from labkit.checks import is_number
from labkit.exercise import ExerciseResult, not_yet, solved
from labkit.topics.comparison.side_by_side.compare import SideBySide
from labkit.topics.comparison.side_by_side.time_split import network_s
from labkit.topics.comparison.votes.power import votes_needed

TOLERANCE = 0.15  # the numbers may have been read off a figure
VOTES_TOLERANCE = 0.1  # the number may have been read off a logarithmic scale


def check_round_trips(
    answers: SideBySide, trips: int | None, *, link: str = "ocean"
) -> ExerciseResult:
    """Exercise 1: how many round trips did a link take before the first token?

    Args:
        answers: the result of `compare_links`.
        trips: the learner's number.
        link: the link's name.
    """
    found = [n for n, name in enumerate(answers.names) if name.startswith(f"{link}:")]
    if not found:
        return not_yet(f"There is no link {link!r} here: {', '.join(answers.names)}.")
    if not answers.replies[found[0]].http:
        return not_yet(f"The answer over {link!r} did not come: run the cell of links again.")
    if not is_number(trips):
        return not_yet("Replace None with your number.")
    reply, trip_s = answers.replies[found[0]], find_link(link).round_trip_s
    bars = [part for part in (reply.http.connect_s, reply.http.tls_s) if part is not None]
    right = len(bars) + 1
    if trips == right:
        times, without_model = f"{right} × {trip_s:g} s", network_s(reply)
        if without_model is not None:
            times += f" of the {without_model:.2f} s without work of the model"
        return solved(f"Connection, TLS, and the request itself: {times}.")
    size = "too many" if trips > right else "too few"
    return not_yet(f"{trips} is {size}. Which bars are about {1000 * trip_s:g} ms long?")


def describe_overtaking(local: Reply, remote: Reply, name: str = "remote") -> str:
    """The numbers that exercise 2 needs, a line for each answer; unknown where it was stopped.

    Args:
        local: the answer of this machine.
        remote: the other one.
        name: of the other one's column.
    """
    speed = local.decode_tokens_per_s
    pace = "an unknown number of" if speed is None else f"{speed:.1f}"
    here, there = (
        "no token" if reply.ttft_s is None else f"first token after {reply.ttft_s:.2f} s"
        for reply in (local, remote)
    )
    return f"here: {here}, {pace} tokens/s\n{name}: {there}"


def check_overtaking(
    local: Reply, remote: Reply, tokens: int | None, *, times_as_fast: float
) -> ExerciseResult:
    """Exercise 2: from how many tokens on does a remote answer finish first, if it is faster?

    Args:
        local: the local answer, with its time to the first token and its speed.
        remote: the remote answer, with its time to the first token.
        tokens: the learner's number.
        times_as_fast: the assumed speed of the remote answer, divided by the local one; above 1.
    """
    speed = local.decode_tokens_per_s
    if speed is None or remote.ttft_s is None:
        return not_yet("Take answers of two tokens or more: run the cell of links again.")
    if not is_number(tokens):
        return not_yet("Replace None with your number of tokens.")
    lead, gain = remote.ttft_s - local.ttft_s, (1 - 1 / times_as_fast) / speed
    right = max(1, ceil(1 + lead / gain))
    reason = f"the lead of {lead:.2f} s, and {1000 * gain:.1f} ms gained with each further token"
    if abs(tokens - right) <= max(2, TOLERANCE * right):
        return solved(f"From {right} tokens on: {reason}.")
    size = "too many" if tokens > right else "too few"
    return not_yet(f"{tokens} is {size}. Two numbers decide: {reason}.")


def check_votes_needed(
    votes: int | None, *, share: float, undecided: float = 0.0
) -> ExerciseResult:
    """Exercise 3: how many votes settle a given preference, if a share of them is undecided?

    Args:
        votes: the learner's answer.
        share: the preferred one's share of the decided votes.
        undecided: the share of ties and "both bad" among all votes.
    """
    if not is_number(votes):
        return not_yet("Replace None with a number of votes.")
    right = votes_needed(share, undecided=undecided)
    decided = votes_needed(share)
    if abs(votes - right) <= VOTES_TOLERANCE * right:
        return solved(f"About {decided:,} decided votes, so {right:,} in all.")
    if undecided and abs(votes - decided) <= VOTES_TOLERANCE * decided:
        return not_yet("That many votes must be decided. How many have to be cast for that?")
    return not_yet(
        "Fewer are enough." if votes > right else "That is too few: chance alone can do that."
    )
