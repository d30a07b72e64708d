"""Blind votes: which of two answers is better, told apart by nothing but their text."""

import random
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from labkit.stats import LEVEL, share_interval
from labkit.topics.comparison.batch.table import BatchTable

from .power import independent_votes, votes_needed

CHOICES = ("A", "B", "tie", "both bad")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two answers to one prompt, as they are put before the voter.

    Attributes:
        prompt: what was asked, as text.
        a: name of the backend whose answer stands as A.
        b: of the one whose answer stands as B.
        text_a: A's answer.
        text_b: B's answer.
    """

    prompt: str
    a: str
    b: str
    text_a: str
    text_b: str

    @property
    def same(self) -> bool:
        """Whether both wrote the same: a tie that nobody need be asked about."""
        return self.text_a.strip() == self.text_b.strip()


@dataclass(frozen=True, slots=True)
class Vote:
    """One decision.

    Attributes:
        prompt: what was asked.
        a: name of the backend that stood as A.
        b: of the one that stood as B.
        choice: one of `CHOICES`.
    """

    prompt: str
    a: str
    b: str
    choice: str

    @property
    def winner(self) -> str | None:
        """The backend that was preferred; None for a tie and for both bad."""
        return {"A": self.a, "B": self.b}.get(self.choice)


@dataclass(frozen=True, slots=True)
class Ballot:
    """What one person decided.

    Attributes:
        ballot_id: by which the same ballot is known again, however often its file was copied.
        voter: a name, or empty.
        votes: in the order in which they were cast.
    """

    ballot_id: str
    voter: str
    votes: tuple[Vote, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Votes:
    """Votes on two backends, of one person or of many (measured).

    A share counts the decided votes alone. Ties and "both bad" are told beside it and enter the
    number of votes that would settle it: the sign test's way with ties (Dixon and Mood 1946, "The
    Statistical Sign Test", section 4), which asks only whether one is preferred more often.

    Attributes:
        names: of the two backends; the share is that of the first.
        ballots: one for each person, or each time.
        left_out: why a file was not counted, in a sentence each.
    """

    names: tuple[str, str]
    ballots: tuple[Ballot, ...]
    left_out: tuple[str, ...] = ()

    @property
    def votes(self) -> tuple[Vote, ...]:
        """All of them."""
        return tuple(vote for ballot in self.ballots for vote in ballot.votes)

    @property
    def counts(self) -> dict[str, int]:
        """How often each backend was preferred, and the ties and "both bad"."""
        told = Counter(vote.winner or vote.choice for vote in self.votes)
        return {key: told[key] for key in (*self.names, "tie", "both bad")}

    @property
    def decided(self) -> int:
        """Votes for either."""
        return sum(self.counts[name] for name in self.names)

    @property
    def share(self) -> float | None:
        """Of the decided votes, those for the first; None where none is decided."""
        return self.counts[self.names[0]] / self.decided if self.decided else None

    @property
    def worth(self) -> float | None:
        """How many independent votes the decided ones are worth; see `independent_votes`."""
        told = [
            (vote.winner == self.names[0], vote.prompt, ballot.ballot_id)
            for ballot in self.ballots
            for vote in ballot.votes
            if vote.winner
        ]
        return independent_votes(*zip(*told, strict=True)) if told else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Where the true share may lie: 95 % confidence; None without a decided vote."""
        return share_interval(self.share, self.worth) if self.decided else None

    @property
    def settled(self) -> bool:
        """Whether the interval lies on one side of one half."""
        return bool(self.decided) and not self.interval[0] <= 0.5 <= self.interval[1]

    @property
    def needed(self) -> int | None:
        """Votes in all that would settle it, were the true share the counted one.

        That is a guess until many are counted: the counted share is itself uncertain. None where
        it is one half, or nothing is decided.
        """
        if not self.decided or self.share == 0.5:
            return None
        undecided = 1 - self.decided / len(self.votes)
        alone = votes_needed(self.share, undecided=undecided)
        return max(alone, round(alone * self.decided / self.worth))

    @property
    def position_share(self) -> float | None:
        """Of the decided votes, those for whatever stood as A: far from one half is a habit."""
        told = [vote.choice == "A" for vote in self.votes if vote.winner]
        return sum(told) / len(told) if told else None

    @property
    def summary(self) -> str:
        """The preference with its interval, and what would settle it."""
        one, other = self.names
        cast = f"{len(self.votes)} votes of {_people(len(self.ballots))} on {one} and {other}"
        if not self.decided:
            return f"{cast}: none decided"
        low, high = (100 * end for end in self.interval)
        ties = f"ties {self.counts['tie']}, both bad {self.counts['both bad']}"
        return (
            f"{cast}: {one} preferred in {100 * self.share:.0f} % of {self.decided} decided, "
            f"{100 * LEVEL:.0f} % interval {low:.0f} to {high:.0f} %; {ties}; {self.verdict} "
            "(measured)"
        )

    @property
    def verdict(self) -> str:
        """Whether it is settled, and what would settle it if not."""
        if self.settled:
            return f"settled: {self.names[self.share < 0.5]} is preferred"
        if self.needed is None:
            return "not settled, and as even as can be"
        return f"not settled: if the true share is this one, about {self.needed:,} votes would do"

    def __repr__(self) -> str:
        return "\n".join([self.summary, *(f"✗ {sentence}" for sentence in self.left_out)])


def _people(ballots: int) -> str:
    return "one voter" if ballots == 1 else f"{ballots} voters"


def new_ballot(voter: str = "") -> Ballot:
    """An empty ballot that no other is like."""
    return Ballot(secrets.token_hex(8), voter, ())


def cast(ballot: Ballot, pair: Pair, choice: str) -> Ballot:
    """The ballot with one more vote.

    Raises:
        ValueError: for what is none of `CHOICES`.
    """
    if choice not in CHOICES:
        raise ValueError(f"choice must be one of {', '.join(CHOICES)}; got {choice!r}")
    return replace(ballot, votes=(*ballot.votes, Vote(pair.prompt, pair.a, pair.b, choice)))


def make_pairs(
    table: BatchTable, names: Sequence[str] | None = None, *, seed: int = 0
) -> tuple[Pair, ...]:
    """The answers of two backends, prompt by prompt, in a shuffled order and on shuffled sides.

    Each stands as A in half of the prompts (one more or less where their number is odd), drawn by
    lot, so that a habit of taking the left one favours nobody.

    Args:
        table: from ``labkit.comparison.run_batch``.
        names: of the two backends; None: the only two.
        seed: repeats the shuffle; a class that is to see the same order takes the same.
    Raises:
        ValueError: there are not two backends, or no prompt that both answered.
    """
    one, other = _two(table, names)
    both = list(_answered_by_both(table, one, other))
    if not both:
        raise ValueError(f"table must hold a prompt that {one} and {other} both answered; got none")
    lot = random.Random(seed)
    lot.shuffle(both)
    swapped = [place % 2 == 1 for place in range(len(both))]
    if len(both) % 2:
        swapped[-1] = lot.random() < 0.5  # of an odd number, who stands as A once more
    lot.shuffle(swapped)
    return tuple(
        Pair(prompt, other, one, second, first) if swap else Pair(prompt, one, other, first, second)
        for (prompt, first, second), swap in zip(both, swapped, strict=True)
    )


def _answered_by_both(table: BatchTable, one: str, other: str) -> Iterator[tuple[str, str, str]]:
    """Prompt and both answers, in the table's order."""
    answers = {row.place: row for row in table.rows if row.backend == other and row.answered}
    for row in table.rows:
        if row.backend == one and row.answered and row.place in answers:
            yield row.prompt_text, row.text, answers[row.place].text


def _two(table: BatchTable, names: Sequence[str] | None) -> tuple[str, str]:
    chosen = tuple(names or table.backends)
    if len(chosen) != 2 or len(set(chosen)) != 2 or not set(chosen) <= set(table.backends):
        known = ", ".join(table.backends)
        raise ValueError(f"names must be two of the table's backends ({known}); got {chosen!r}")
    return chosen


def count(names: Iterable[str], *ballots: Ballot, left_out: Iterable[str] = ()) -> Votes:
    """Votes on these two backends; of ballots that are the same, the fullest counts, once."""
    fullest: dict[str, Ballot] = {}
    for ballot in ballots:
        known = fullest.get(ballot.ballot_id)
        if known is None or len(known.votes) < len(ballot.votes):
            fullest[ballot.ballot_id] = ballot
    return Votes(tuple(names), tuple(fullest.values()), tuple(left_out))
