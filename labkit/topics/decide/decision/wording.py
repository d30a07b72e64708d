"""The sentences and numbers of a decision's page, as plain text: HTML and Markdown share them."""

import math
from decimal import ROUND_DOWN, ROUND_UP, Context, Decimal

from labkit.formatting import digits, number_of, usd
from labkit.topics.cost.facts import RangedNumber

from .core import BARRED, VERDICTS, ZERO, HardLimits, Offer, Recommendation, WorkKind
from .recommend import Decision
from .sensitivity import Sensitivity, TurningPoint

MARKS = {"measured here": "m", "measured elsewhere": "e", "computed": "c", "recorded": "r"} | {
    "published": "p",
    "assumed": "a",
}
DIGITS = 3  # of a turning point
STRUCK = (*BARRED, "unknown", "dominated")


def title(decision: Decision) -> str:
    """The headline; the cost in it is computed."""
    return f"{decision.title} [c]" if decision.taken else decision.title


def needs(kind: WorkKind) -> str:
    """What a kind of work needs, in a line."""
    share = f"{100 * kind.least_right:.3g}%"
    right = f"{share} right like {kind.like}" if kind.least_right else "any quality"
    speed = f"within {digits(kind.most_s)} s" if math.isfinite(kind.most_s) else "at any speed"
    return (
        f"{kind.per_week:,.0f} a week, {kind.tokens_in:,} tokens in and {kind.tokens_out:,} out, "
        f"{kind.sensitivity}; {right}, {speed}"
    )


def bounds(limits: HardLimits) -> str:
    """The hard limits, in a line."""
    nothing = limits.may_leave == "nothing"
    leaves = "no data may leave" if nothing else f"at most {limits.may_leave} data may leave"
    network = "; all must work offline" if limits.offline else ""
    budget = "any cost" if limits.budget_usd is None else f"{usd(limits.budget_usd)} a week"
    return f"{leaves}{network}; {budget}"


def numbers_of(offer: Offer) -> tuple[str, str, str]:
    """The share of right answers, the seconds and the cost of an offer, each with its marks."""
    option, right = offer.option, "?"
    if found := offer.right:
        ends = f" ({found.low:.0%} to {found.high:.0%})" if found.low < found.high else ""
        right = f"{found.likely:.0%}{ends} {mark(found)}"
    if offer.seconds is None or offer.usd is None:
        return right, "?", "?"
    fixed = f" + {usd(option.fixed_usd.likely)} fixed" if option.fixed_usd.likely else ""
    return (
        right,
        f"{digits(offer.seconds)} s {mark(*option.speeds)}",
        f"{cents(offer.usd)}{fixed} {mark(*option.prices)}",
    )


def cents(amount: float) -> str:
    """An amount of US dollars; what is less than a cent is said to be that.

    >>> cents(0.18), cents(0.00004)
    ('$0.18', 'below $0.01')
    """
    return usd(amount) if amount >= 0.01 or not amount else "below $0.01"


def mark(*numbers: RangedNumber | None) -> str:
    """The letters of the origins of numbers; what is 0 has none, unless all are."""
    known = [each for each in numbers if each]
    used = [each for each in known if each.likely] or known[:1]
    found = {MARKS.get(each.origin.partition(" from")[0], "a") for each in used}
    return f"[{''.join(sorted(found))}]"


def struck(choice: Recommendation) -> list[tuple[str, str]]:
    """The options that are out, by reason: their names, and why."""
    found: dict[str, list[str]] = {}
    for verdict in STRUCK:
        for each in choice.offers:
            if each.verdict == verdict:
                shown = "" if verdict == "unknown" else f" ({each.why})"
                found.setdefault(VERDICTS[verdict] + shown, []).append(each.option.name)
    return [(", ".join(names), why) for why, names in found.items()]


def turns(choice: Recommendation, found: Sensitivity) -> list[str]:
    """What would turn the recommendation, in a line for each change."""
    lines = [f"{each.what} {_from(each)} → {each.to}" for each in found.turns]
    lines += [f"{what} → {to}" for what, to in found.stricter]
    is_open = choice.recommended is None and "unknown" in [each.verdict for each in choice.offers]
    nothing = "nothing between a hundredth and 100 times these numbers"
    return lines or ["nothing, until more is known" if is_open else nothing]


def unsettled(found: Sensitivity) -> str:
    """The numbers within whose intervals it turns, by option; empty without such."""
    by_option: dict[str, list[str]] = {}
    for what, option in found.unsettled:
        by_option.setdefault(option, []).append(what)
    parts = (f"{', '.join(whats)} of {option}" for option, whats in by_option.items())
    return f"Not settled: it turns within the interval of {'; '.join(parts)}" if by_option else ""


def _from(each: TurningPoint) -> str:
    """From where on it turns, rounded away from what the number is now: what is said turns it."""
    is_up = each.at > each.now
    if each.unit == "tokens":  # there is no part of one
        at = math.ceil(each.at) if is_up else math.floor(each.at)
        return f"{'from' if is_up else 'down to'} {number_of(at, 'token')}"
    scale = 1 if each.unit else 100
    at = Context(8).plus(Decimal(float(each.at)) * scale)  # without what halving leaves
    shown = Context(DIGITS, ROUND_UP if is_up else ROUND_DOWN).plus(at)
    turns = shown > at if is_up else shown < at
    words = ("from", "above") if is_up else ("down to", "below")
    return f"{words[0] if turns else words[1]} {_amount(shown, each.unit)}"


def _amount(number: Decimal, unit: str) -> str:
    text = f"{number.normalize():,f}"
    if "USD" in unit:
        has_cents = number < 1000 and number == round(number, 2)
        return f"${number:,.2f} a week" if has_cents else f"${text} a week"
    return f"{text} {unit}" if unit else f"{text}%"


def sources(decision: Decision) -> list[str]:
    """Where the numbers come from: a line for each origin and source, with its date."""
    found: dict[str, dict[str, None]] = {}
    if decision.taken:
        found["computed"] = {"the cost of the week, and what turns a recommendation": None}
    offers = (offer for choice in decision.choices for offer in choice.offers)
    for offer in offers:
        of_time = (*offer.option.speeds, *offer.option.prices) if offer.usd is not None else ()
        for each in (offer.right, *of_time) if offer.verdict not in BARRED else ():
            if each and each != ZERO:
                dated = f"{each.source}, {each.date}" if each.date else each.source
                found.setdefault(each.origin, {})[dated] = None
    return [
        f"[{MARKS.get(origin, 'a')}] {origin}: {'; '.join(found[origin])}"
        for origin in sorted(found, key=lambda each: [*MARKS, each].index(each))
    ]
