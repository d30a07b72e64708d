"""The decision as arithmetic: kinds of work and options in, a choice out. It reads nothing."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from labkit.formatting import usd
from labkit.topics.cost.facts import RangedNumber

SENSITIVITIES = ("public", "internal", "secret")
NOTHING = "nothing"
UNMET = "nothing that is known meets it"
SPENT = "the budget goes to other work"
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
        name: what it is; no other option has it.
        leaves: whether the data leave for it.
        right: the share of right answers, by test.
        read_tokens_per_s, write_tokens_per_s: its speeds.
        delay_s: seconds before it begins.
        usd_per_token: of a token read, and of one written, where the prompt is short.
        request_usd: of a request by its tokens read and written, where long prompts have prices of
            their own; None: it is `usd_per_token`.
        usd_per_s: while it answers, such as electricity.
        fixed_usd: a week, however much it is used; paid once for all kinds of work.
        missing: what to run to find a number out, by test, or by ``"speed"``.
    """

    name: str
    leaves: bool
    right: Mapping[str, RangedNumber]
    read_tokens_per_s: RangedNumber | None
    write_tokens_per_s: RangedNumber | None
    delay_s: RangedNumber = ZERO
    usd_per_token: tuple[RangedNumber, RangedNumber] = (ZERO, ZERO)
    request_usd: Callable[[int, float], float] | None = field(default=None, compare=False)
    usd_per_s: RangedNumber = ZERO
    fixed_usd: RangedNumber = ZERO
    missing: Mapping[str, str] = field(default_factory=dict)

    @property
    def speeds(self) -> tuple[RangedNumber | None, ...]:
        """What the seconds of an answer come from."""
        return self.delay_s, self.read_tokens_per_s, self.write_tokens_per_s

    @property
    def prices(self) -> tuple[RangedNumber, ...]:
        """What the cost of a week comes from."""
        return self.usd_per_s, self.fixed_usd, *self.usd_per_token

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
        if self.request_usd:
            an_answer = self.request_usd(kind.tokens_in, kind.tokens_out)
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
    def verdict(self) -> str:
        """What is recommended, or by how much the nearest misses what is needed."""
        found = self.recommended
        if found is None:  # an offer that is possible alone is passed over for want of money
            is_affordable = any(each.verdict == "possible" for each in self.offers)
            return SPENT if is_affordable else "no option within the limits is known"
        if self.is_met:
            return found.option.name
        wrong, slow = found.lacks(self.kind)
        misses = [f"{100 * wrong:.0f} points too few right"] if wrong else []
        misses += [f"takes {found.seconds:,.1f} s"] if slow else []
        return f"{UNMET}; the nearest is {found.option.name} ({', '.join(misses)})"


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
        Recommendation(
            kind, tuple(_with(e, ("recommended", "") if e is mine else None) for e in offers)
        )
        for kind, offers, mine in zip(kinds, judged, taken, strict=True)
    )


def _judge(kind: WorkKind, options: Sequence[Option], limits: HardLimits) -> list[Offer]:
    offers = [
        Offer(each, each.right.get(kind.like), each.seconds(kind), each.usd(kind))
        for each in options
    ]
    offers = [_with(each, _barrier(kind, each, limits)) for each in offers]
    left = [each for each in offers if each.verdict == "possible"]
    return [_with(e, _dominated(e, left)) if e.verdict == "possible" else e for e in offers]


def _with(offer: Offer, verdict: tuple[str, str] | None) -> Offer:
    return replace(offer, verdict=verdict[0], why=verdict[1]) if verdict else offer


def _dominated(offer: Offer, left: Sequence[Offer]) -> tuple[str, str] | None:
    better = next((each for each in left if dominates(each, offer)), None)
    return ("dominated", f"by {better.option.name}") if better else None


def _barrier(kind: WorkKind, offer: Offer, limits: HardLimits) -> tuple[str, str] | None:
    """The first limit that bars an offer, or what is not known of it; None: it is possible."""
    option = offer.option
    if option.leaves and not limits.lets_out(kind.sensitivity):
        return "policy", f"the data are {kind.sensitivity}"
    if option.leaves and limits.offline:
        return "offline", "all must work without a network"
    if limits.budget_usd is not None and offer.alone_usd > limits.budget_usd:
        return "budget", f"{usd(offer.alone_usd)} a week alone"
    if offer.seconds is None:
        return "unknown", option.missing.get("speed", "its speed was not measured")
    if offer.right is None and kind.least_right:
        return "unknown", option.missing.get(kind.like, f"no result in the test {kind.like}")
    return None


def dominates(one: Offer, other: Offer) -> bool:
    """Whether one is no worse than the other in anything, and better in something.

    What is fixed counts in full for the one and not for the other, which may be paid for already.
    """
    if None in (one.seconds, other.seconds) or (one.right is None) != (other.right is None):
        return False
    right = (one.right.likely, other.right.likely) if one.right and other.right else (0.0, 0.0)
    mine = (-right[0], one.seconds, one.alone_usd)
    its = (-right[1], other.seconds, other.usd)
    return mine != its and all(a <= b for a, b in zip(mine, its, strict=True))


def _best_combination(
    kinds: Sequence[WorkKind], judged: Sequence[Sequence[Offer]], limits: HardLimits
) -> tuple[Offer | None, ...]:
    """The best of all combinations: each is an element of arrays with an axis for every kind."""
    left = [[*(each for each in offers if each.verdict == "possible"), None] for offers in judged]

    def summed(number: Callable[[WorkKind, Offer | None], float]) -> np.ndarray:
        pairs = zip(kinds, left, strict=True)
        return sum(np.ix_(*([float(number(kind, e)) for e in own] for kind, own in pairs)))

    week_usd = summed(lambda _, each: (each.usd or 0.0) if each else 0.0)
    fixed = {each.option.name: each.option.fixed_usd.likely for own in left for each in own if each}
    for name, cost in fixed.items():
        if cost:
            uses = summed(lambda _, each, name=name: each is not None and each.option.name == name)
            week_usd = week_usd + cost * (uses > 0)
    lacks = summed(lambda kind, each: each.lacks(kind)[0] if each else kind.least_right)
    slow = summed(lambda kind, each: each.lacks(kind)[1] if each else 0.0)
    undone = summed(lambda _, each: each is None)
    ranks = [week_usd, slow.round(9), undone, lacks.round(9)]
    if limits.budget_usd is not None:
        ranks.append(week_usd > limits.budget_usd + 1e-9)
    best = np.unravel_index(np.lexsort([each.ravel() for each in ranks])[0], week_usd.shape)
    return tuple(own[int(index)] for own, index in zip(left, best, strict=True))


def total_usd(taken: Sequence[Offer | None]) -> float:
    """US dollars a week of offers together; what is fixed is paid once."""
    used = [each for each in taken if each]
    fixed = {each.option.name: each.option.fixed_usd.likely for each in used}
    return math.fsum([*(each.usd or 0.0 for each in used), *fixed.values()])
