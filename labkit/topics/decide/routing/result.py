"""What `evaluate` returns: a router beside its baselines, with each large model."""

from dataclasses import dataclass

from labkit.formatting import in_lines
from labkit.lab_book.entry import BookEntry
from labkit.stats import PairedDifference
from labkit.topics.limits.confidence.reliability import Reliability

from .metrics import RoutingMeasure

ROUTER, NEIGHBOURS, CONFIDENCE = "router", "neighbours alone", "confidence alone"


@dataclass(frozen=True, slots=True)
class RoutedShare:
    """One way to share the questions out between the two models.

    Attributes:
        name: which.
        to_large: share of the questions whose answer is the large model's.
        right: share of right answers.
        interval: where the true share may lie, 95 %.
        seconds: of a request, on average.
        usd: of a request, on average.
    """

    name: str
    to_large: float
    right: float
    interval: tuple[float, float]
    seconds: float
    usd: float


@dataclass(frozen=True, slots=True)
class RoutedPair:
    """A small model with one large one, on held-out questions.

    Attributes:
        large: name of the large one.
        origin: of its answers: ``"measured"`` or ``"assumed"``.
        shares: the baselines and the router, at its threshold.
        curves: of each kind of router, shares to the large model and shares of right answers.
        measures: of each kind of router, by `MEASURES`.
        over_random: what the router gains over a random mix at the same share, with its interval.
        gap: what the large model gains over the small one.
    """

    large: str
    origin: str
    shares: tuple[RoutedShare, ...]
    curves: dict[str, tuple[tuple[float, ...], tuple[float, ...]]]
    measures: dict[str, dict[str, RoutingMeasure]]
    over_random: tuple[float, float, float]
    gap: PairedDifference

    def share(self, name: str) -> RoutedShare:
        """One of the shares by its name."""
        return next(each for each in self.shares if each.name == name)

    @property
    def verdict(self) -> str:
        """Whether the router is worth more than a random mix, as far as the items tell."""
        gain, low, high = self.over_random
        ends = f"{low:+.0%} to {high:+.0%}"
        if not self.gap.is_settled:
            return "small and large are too alike to tell"
        if low <= 0 <= high:
            return f"at this share, router and random mix are too alike to tell ({ends})"
        word = "better" if gain > 0 else "worse"
        return f"at this share, the router is {word} than a random mix ({ends})"

    @property
    def summary(self) -> str:
        """The router beside its baselines."""
        mine = self.share(ROUTER)
        parts = (f"{each.name} {each.right:.0%}" for each in self.shares if each is not mine)
        return (
            f"{self.large} ({self.origin}): the router sends it {mine.to_large:.0%}, and is right "
            f"on {mine.right:.0%} ({', '.join(parts)}); "
            f"APGR {self.measures[ROUTER]['APGR'].text}; "
            f"{self.verdict}"
        )


@dataclass(frozen=True, slots=True, repr=False)
class RoutingEvaluation:
    """A router on questions that it did not learn from (computed from measured answers).

    Attributes:
        small: name of the small model.
        items: number of questions.
        threshold: of the router.
        pairs: with each large model; the last is always right, which is assumed.
        confidence: the small model's calibrated confidence against what was right.
        overhead_s: seconds of looking a question up.
        costs: how the costs come about.
        missing: what was left out, or "".
    """

    small: str
    items: int
    threshold: float
    pairs: tuple[RoutedPair, ...]
    confidence: Reliability
    overhead_s: float
    costs: str
    missing: str = ""

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """Of each large model: the share that goes there, right answers, and APGR."""
        entries = []
        for each in self.pairs:
            mine, area = each.share(ROUTER), each.measures[ROUTER]["APGR"]
            about = {"origin": each.origin.replace("measured", "computed"), "model": each.large}
            sent = ("routed_to_large_percent", "routed to the large model", 100 * mine.to_large)
            entries.append(BookEntry(*sent, "%", **about))
            ends = (100 * end for end in mine.interval)
            right = ("routed_right_percent", "right answers of the router", 100 * mine.right)
            entries.append(BookEntry(*right, "%", *ends, **about))
            if area.value is not None:
                name = ("router_apgr", "APGR of the router (random: 0.5)", area.value)
                entries.append(BookEntry(*name, "", area.low, area.high, **about))
        return tuple(entries)

    @property
    def lines(self) -> tuple[str, ...]:
        """A line for each large model, and for what is missing."""
        error, perfect = self.confidence.ece(), self.confidence.perfect_ece()[0]
        honest = f"calibrated confidence: ECE {error:.2f} (a perfect model's {perfect:.2f})"
        return (*(each.summary for each in self.pairs), honest, *filter(None, [self.missing]))

    @property
    def summary(self) -> str:
        """All of it in a line."""
        return f"{self.items} held-out questions: {'; '.join(self.lines)} (computed)"

    def __repr__(self) -> str:
        return in_lines(f"{self.items} held-out questions, small model {self.small}.", *self.lines)
