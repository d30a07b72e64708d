"""Blind votes: which of two answers is better, judged by nothing but their text."""

import math
import secrets
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from labkit.checks import check_one_of
from labkit.formatting import number_of
from labkit.lab_book.entry import BookEntry, entry_of_share
from labkit.stats import ALPHA, LEVEL, mcnemar_p, share_interval

from .pairs import NEITHER, Pair
from .power import FEWEST_PROMPTS, clustered_sample_size, effective_sample_size, votes_needed

CHOICES = ("A", "B", *NEITHER)


@dataclass(frozen=True, slots=True)
class Vote:
    """One decision.

    Attributes:
        prompt: the prompt as text.
        a: the name of the backend behind A.
        b: the name of the backend behind B.
        choice: one of `CHOICES`.
        digest: of both answers, see `Pair.digest`; "" in older files.
    """

    prompt: str
    a: str
    b: str
    choice: str
    digest: str = ""

    @property
    def winner(self) -> str | None:
        """The backend that was preferred; None for a tie and for both bad."""
        return {"A": self.a, "B": self.b}.get(self.choice)


@dataclass(frozen=True, slots=True)
class Ballot:
    """The votes of one person.

    Attributes:
        ballot_id: identifies the ballot in every copy of its file.
        voter: the voter's name, or empty.
        votes: the votes in the order in which they were cast.
    """

    ballot_id: str
    voter: str
    votes: tuple[Vote, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Votes:
    """Votes on two backends, by one person or several (measured).

    A share counts only the decided votes. Ties and "both bad" are reported beside it and enter the
    number of votes that would settle it. This is how the sign test treats ties (Dixon and Mood
    1946, "The Statistical Sign Test", section 4): it asks only which one is preferred more often.

    Attributes:
        names: the names of the two backends; the share is that of the first.
        ballots: one for each person, or each vote of a person.
        left_out: a sentence for each file that was not counted, saying why.
    """

    names: tuple[str, str]
    ballots: tuple[Ballot, ...]
    left_out: tuple[str, ...] = ()

    @property
    def votes(self) -> tuple[Vote, ...]:
        """All votes of all ballots."""
        return tuple(vote for ballot in self.ballots for vote in ballot.votes)

    @property
    def counts(self) -> dict[str, int]:
        """How often each backend was preferred, and the ties and "both bad"."""
        counter = Counter(vote.winner or vote.choice for vote in self.votes)
        return {key: counter[key] for key in (*self.names, "tie", "both bad")}

    @property
    def decided(self) -> int:
        """The number of votes for either backend."""
        return sum(self.counts[name] for name in self.names)

    @property
    def undecided(self) -> float:
        """The share of ties and "both bad" among all votes; 0 without a vote."""
        return (len(self.votes) - self.decided) / max(1, len(self.votes))

    @property
    def share(self) -> float | None:
        """The first backend's share of the decided votes; None without a decided vote."""
        return self.counts[self.names[0]] / self.decided if self.decided else None

    @property
    def effective_n(self) -> float | None:
        """The effective number of decided votes; see `effective_sample_size`."""
        return effective_sample_size(*self._clusters()) if self.decided else None

    def _clusters(self) -> tuple[tuple, ...]:
        """Of the decided votes: whether the first won, the prompts, and the voters."""
        decided = [
            (vote.winner == self.names[0], vote.prompt, ballot.ballot_id)
            for ballot in self.ballots
            for vote in ballot.votes
            if vote.winner
        ]
        return tuple(zip(*decided, strict=True))

    @property
    def prompts(self) -> int:
        """The number of prompts with a decided vote."""
        return len({vote.prompt for vote in self.votes if vote.winner})

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % confidence interval of the true share; None without a decided vote."""
        return share_interval(self.share, self.effective_n) if self.decided else None

    @property
    def settled(self) -> bool:
        """Whether the interval lies entirely on one side of one half, and the exact test agrees.

        On fewer than `FEWEST_PROMPTS` prompts nothing is settled, however many the votes.
        """
        if self.prompts < FEWEST_PROMPTS or self.interval[0] <= 0.5 <= self.interval[1]:
            return False
        return mcnemar_p(*(self.counts[name] for name in self.names)) <= ALPHA

    @property
    def needed(self) -> int | None:
        """The number of votes that would settle it if the true share were the counted one.

        They have as many votes a prompt as these, on `FEWEST_PROMPTS` or more. With few votes this
        is a rough guess, since the counted share is itself uncertain. None if it is one half, or
        without a decided vote.
        """
        if not self.decided or self.share == 0.5:
            return None
        alone = votes_needed(self.share, undecided=self.undecided)
        clustered = alone * self.decided / clustered_sample_size(*self._clusters())
        on_enough = len(self.votes) * FEWEST_PROMPTS / self.prompts
        return math.ceil(max(alone, clustered, on_enough if self._few_prompts else 0))

    @property
    def _few_prompts(self) -> bool:
        """Whether several votes are on each of too few prompts."""
        return self.prompts < min(FEWEST_PROMPTS, self.decided)

    @property
    def position_share(self) -> float | None:
        """The share of A among the decided votes: far from one half, it shows a position bias."""
        chose_a = [vote.choice == "A" for vote in self.votes if vote.winner]
        return sum(chose_a) / len(chose_a) if chose_a else None

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """The share of decided votes that the first model won."""
        if self.share is None:
            return ()
        label = f"prefer {self.names[0]}"
        return (entry_of_share("vote_share", label, self.share, self.interval),)

    @property
    def summary(self) -> str:
        """The preference with its interval, and what would settle it."""
        one, other = self.names
        votes = number_of(len(self.votes), "vote")
        cast = f"{votes} of {self.voters} on {one} and {other}"
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
    def voters(self) -> str:
        """The number of voters in words."""
        return "one voter" if len(self.ballots) == 1 else number_of(len(self.ballots), "voter")

    @property
    def verdict(self) -> str:
        """Whether it is settled, and what would settle it if not."""
        if self.settled:
            return f"settled: {self.names[self.share < 0.5]} is preferred"
        if self.needed is None:
            return "not settled, exactly even"
        needed = number_of(self.needed, "vote")
        prompts = f", on at least {FEWEST_PROMPTS} prompts" if self._few_prompts else ""
        return f"not settled: at this share it would take about {needed}{prompts}"

    def __repr__(self) -> str:
        return "\n".join([self.summary, *(f"✗ {sentence}" for sentence in self.left_out)])


def new_ballot(voter: str = "") -> Ballot:
    """An empty ballot with a unique id."""
    return Ballot(secrets.token_hex(8), voter, ())


def cast(ballot: Ballot, pair: Pair, choice: str) -> Ballot:
    """The ballot with one more vote.

    Raises:
        ValueError: a choice that is not in `CHOICES`.
    """
    check_one_of("choice", choice, CHOICES)
    vote = Vote(pair.prompt, pair.a, pair.b, choice, pair.digest)
    return replace(ballot, votes=(*ballot.votes, vote))


def count_votes(names: Iterable[str], *ballots: Ballot, left_out: Iterable[str] = ()) -> Votes:
    """Votes on these two backends; of several copies of a ballot, only the fullest counts."""
    fullest: dict[str, Ballot] = {}
    for ballot in ballots:
        known = fullest.get(ballot.ballot_id)
        if known is None or len(known.votes) < len(ballot.votes):
            fullest[ballot.ballot_id] = ballot
    return Votes(tuple(names), tuple(fullest.values()), tuple(left_out))
