"""The decision as arithmetic: kinds of work and options in, a choice out. It reads nothing."""

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from labkit.topics.cost.facts import RangedNumber

SENSITIVITIES = ("public", "internal", "secret")
NOTHING = "nothing"
VERDICTS = {
    "policy": "must not leave",
    "offline": "needs a network",
    "budget": "over the budget",
    "unknown": "not known",
    "dominated": "dominated",
    "possible": "possible",
    "recommended": "recommended",
}
BARRED = ("policy", "offline", "budget")
ZERO = RangedNumber(0.0, 0.0, 0.0, "computed", "nothing is charged")


@dataclass(frozen=True, slots=True)
class WorkKind:
    """A kind of work, and what it needs.

    Attributes:
        name: what it is.
        per_week: how often.
        tokens_in, tokens_out: how long a request and its answer are.
        sensitivity: ``"public"``, ``"internal"`` or ``"secret"``.
        like: the test that says how good an option is at it.
        least_right: the share of that test, 0 to 1, that must be right; 0: not asked for.
        most_s: seconds within which an answer must be there.
    """

    name: str
    per_week: float
    tokens_in: int
    tokens_out: int
    sensitivity: str
    like: str
    least_right: float
    most_s: float


@dataclass(frozen=True, slots=True)
class HardLimits:
    """What no quality outweighs.

    Attributes:
        may_leave: the most sensitive data that may leave: ``"nothing"``, or of `SENSITIVITIES`.
        offline: whether all must work without a network.
        budget_usd: US dollars a week for everything; None: no limit.
    """

    may_leave: str = "internal"
    offline: bool = False
    budget_usd: float | None = None

    def lets_out(self, sensitivity: str) -> bool:
        """Whether data of that sensitivity may leave."""
        order = (NOTHING, *SENSITIVITIES)
        return order.index(sensitivity) <= order.index(self.may_leave)


@dataclass(frozen=True, slots=True)
class Option:
    """Something that can do the work; a number that is not known is None, or is missing.

    Attributes:
        name: what it is.
        where: ``"here"``, ``"a cloud"`` or ``"your own card"``.
        leaves: whether the data leave for it.
        right: the share of right answers, by test.
        read_tokens_per_s, write_tokens_per_s: its speeds.
        delay_s: seconds before it begins.
        usd_per_token: of a token read, and of one written.
        usd_per_s: while it answers, such as electricity.
        fixed_usd: a week, however much it is used; paid once for all kinds of work.
        missing: what to run to find a number out, by test, or by ``"speed"``.
    """

    name: str
    where: str
    leaves: bool
    right: Mapping[str, RangedNumber]
    read_tokens_per_s: RangedNumber | None
    write_tokens_per_s: RangedNumber | None
    delay_s: RangedNumber = ZERO
    usd_per_token: tuple[RangedNumber, RangedNumber] = (ZERO, ZERO)
    usd_per_s: RangedNumber = ZERO
    fixed_usd: RangedNumber = ZERO
    missing: Mapping[str, str] = field(default_factory=dict)

    def seconds(self, kind: WorkKind) -> float | None:
        """Seconds of an answer; None if a speed is not known."""
        if self.read_tokens_per_s is None or self.write_tokens_per_s is None:
            return None
        read = kind.tokens_in / self.read_tokens_per_s.likely
        return self.delay_s.likely + read + kind.tokens_out / self.write_tokens_per_s.likely

    def usd(self, kind: WorkKind) -> float | None:
        """US dollars a week for this kind of work alone, without what is fixed."""
        if (seconds := self.seconds(kind)) is None:
            return None
        read, written = (each.likely for each in self.usd_per_token)
        an_answer = kind.tokens_in * read + kind.tokens_out * written
        return kind.per_week * (an_answer + seconds * self.usd_per_s.likely)


@dataclass(frozen=True, slots=True)
class Offer:
    """What an option is for a kind of work.

    Attributes:
        option: the option.
        right: its share of right answers in the kind's test; None: not known.
        seconds: of an answer; None: not known.
        usd: US dollars a week, without what is fixed; None: not known.
        verdict: one of `VERDICTS`.
        why: the reason of the verdict.
    """

    option: Option
    right: RangedNumber | None
    seconds: float | None
    usd: float | None
    verdict: str = "possible"
    why: str = ""

    @property
    def alone_usd(self) -> float:
        """US dollars a week if it is used for nothing else."""
        return (self.usd or 0.0) + self.option.fixed_usd.likely

    def lacks(self, kind: WorkKind) -> tuple[float, float]:
        """By how much it misses what is needed: share of right answers, and time; 0: enough."""
        share = kind.least_right - self.right.likely if self.right else kind.least_right
        slow = (self.seconds or 0.0) / kind.most_s - 1
        return max(0.0, round(share, 9)), max(0.0, round(slow, 9))


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What is recommended for a kind of work.

    Attributes:
        kind: the kind of work.
        offers: every option, with its verdict.
    """

    kind: WorkKind
    offers: tuple[Offer, ...]

    @property
    def recommended(self) -> Offer | None:
        """The offer to take; None where none is left."""
        return next((each for each in self.offers if each.verdict == "recommended"), None)

    @property
    def allowed(self) -> tuple[Offer, ...]:
        """The offers within the hard limits."""
        return tuple(each for each in self.offers if each.verdict not in BARRED)

    @property
    def is_met(self) -> bool:
        """Whether what is recommended has all that is needed."""
        found = self.recommended
        return found is not None and not any(found.lacks(self.kind))

    @property
    def shortfall(self) -> float:
        """By how much the share of right answers misses what is needed; all of it without one."""
        found = self.recommended
        return found.lacks(self.kind)[0] if found else self.kind.least_right


def choose(
    kinds: Sequence[WorkKind], options: Sequence[Option], limits: HardLimits
) -> tuple[Recommendation, ...]:
    """What is recommended for each kind of work, all of them together within the budget.

    First the hard limits bar options, then those are struck out than which another is no worse in
    anything and better in something. Of what is left, that combination is recommended which misses
    the least of what must be right, then leaves the fewest kinds undone, then misses the least of
    the time, then costs least.
    """
    judged = [_judge(kind, options, limits) for kind in kinds]
    taken = _best_combination(kinds, judged, limits)
    return tuple(
        Recommendation(kind, tuple(_marked(each, mine) for each in offers))
        for kind, offers, mine in zip(kinds, judged, taken, strict=True)
    )


def _marked(offer: Offer, taken: Offer | None) -> Offer:
    return _with(offer, "recommended", "") if offer is taken else offer


def _with(offer: Offer, verdict: str, why: str) -> Offer:
    return Offer(offer.option, offer.right, offer.seconds, offer.usd, verdict, why)


def _judge(kind: WorkKind, options: Sequence[Option], limits: HardLimits) -> list[Offer]:
    offers = [
        Offer(each, each.right.get(kind.like), each.seconds(kind), each.usd(kind))
        for each in options
    ]
    offers = [_with(each, *_barrier(kind, each, limits)) for each in offers]
    left = [each for each in offers if each.verdict == "possible"]
    for number, each in enumerate(offers):
        if each.verdict == "possible":
            better = next((other for other in left if dominates(other, each)), None)
            if better:
                offers[number] = _with(each, "dominated", f"by {better.option.name}")
    return offers


def _barrier(kind: WorkKind, offer: Offer, limits: HardLimits) -> tuple[str, str]:
    """The first limit that bars an offer, or what is not known of it."""
    option = offer.option
    if option.leaves and not limits.lets_out(kind.sensitivity):
        return "policy", f"the data are {kind.sensitivity}"
    if option.leaves and limits.offline:
        return "offline", "all must work without a network"
    if limits.budget_usd is not None and offer.alone_usd > limits.budget_usd:
        return "budget", f"${offer.alone_usd:,.2f} a week alone"
    if offer.seconds is None:
        return "unknown", option.missing.get("speed", "its speed was not measured")
    if offer.right is None and kind.least_right:
        return "unknown", option.missing.get(kind.like, f"no result in the test {kind.like}")
    return "possible", ""


def dominates(one: Offer, other: Offer) -> bool:
    """Whether one is no worse than the other in anything, and better in something.

    What is fixed counts in full for the one and not for the other, which may be paid for already.
    """
    if (one.right is None) != (other.right is None) or one.seconds is None or one.usd is None:
        return False
    if other.seconds is None or other.usd is None:
        return False
    right = (one.right.likely, other.right.likely) if one.right and other.right else (0.0, 0.0)
    mine = (-right[0], one.seconds, one.alone_usd)
    its = (-right[1], other.seconds, other.usd)
    no_worse = all(a <= b for a, b in zip(mine, its, strict=True))
    return no_worse and mine != its


def _best_combination(
    kinds: Sequence[WorkKind], judged: Sequence[Sequence[Offer]], limits: HardLimits
) -> tuple[Offer | None, ...]:
    """The best of all combinations: each is an element of arrays with an axis for every kind."""
    left = [[*(each for each in offers if each.verdict == "possible"), None] for offers in judged]
    wrong, undone, slow, usd = (
        functools.reduce(np.add.outer, [np.array(own) for own in column])
        for column in zip(*map(_columns, kinds, left), strict=True)
    )
    fixed = {each.option.name: each.option.fixed_usd.likely for own in left for each in own if each}
    for name, cost in fixed.items():
        if cost:
            has_it = [np.array([_is(each, name) for each in own]) for own in left]
            usd = usd + cost * functools.reduce(np.logical_or.outer, has_it)
    ranks = [each.ravel() for each in (usd, slow.round(9), undone, wrong.round(9))]
    if limits.budget_usd is not None:
        ranks.append(ranks[0] > limits.budget_usd + 1e-9)
    best = np.unravel_index(np.lexsort(ranks)[0], usd.shape)
    return tuple(own[int(index)] for own, index in zip(left, best, strict=True))


def _columns(kind: WorkKind, own: Sequence[Offer | None]) -> tuple[list[float], ...]:
    """Of each offer: the share it lacks, whether it is missing, the time it lacks, its cost."""
    lacks = [each.lacks(kind) if each else (kind.least_right, 0.0) for each in own]
    wrong, slow = ([float(each) for each in column] for column in zip(*lacks, strict=True))
    return (
        wrong,
        [float(each is None) for each in own],
        slow,
        [float(each.usd or 0.0) if each else 0.0 for each in own],
    )


def _is(offer: Offer | None, name: str) -> bool:
    return offer is not None and offer.option.name == name


def total_usd(taken: Sequence[Offer | None]) -> float:
    """US dollars a week of offers together; what is fixed is paid once."""
    used = [each for each in taken if each]
    fixed = {each.option.name: each.option.fixed_usd.likely for each in used}
    return math.fsum([*(each.usd or 0.0 for each in used), *fixed.values()])
