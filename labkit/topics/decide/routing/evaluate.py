"""`evaluate`: what a router is worth on questions that it did not learn from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from labkit.backends.routed.plan import LARGE
from labkit.lab_book.book import book
from labkit.lab_book.store import this_machine
from labkit.models.prices import request_price
from labkit.stats import PairedDifference, bootstrap_interval, count_pairs, share_interval
from labkit.topics.cost.facts import find_tariff
from labkit.topics.decide.decision.options import CLOUD_DELAY_S, CLOUD_SPEEDS, BookNumbers
from labkit.topics.limits.confidence.reliability import Reliability

from .graded import GradedAnswer, GradedItems
from .learn import LearnedRoute, embed
from .metrics import apgr, cpt, curve, pgr_at, with_interval
from .result import CONFIDENCE, NEIGHBOURS, ROUTER, RoutedPair, RoutedShare, RoutingEvaluation

ALWAYS_RIGHT = "always right"
MEASURES = {"APGR": apgr, "CPT(50 %)": cpt(0.5), "CPT(80 %)": cpt(0.8)}


def evaluate(
    learned: LearnedRoute,
    held_out: GradedItems,
    *,
    cloud: str = "gpt-4.1",
    electricity: Any = "United States",
) -> RoutingEvaluation:
    """What a router is worth on held-out questions, against baselines, with intervals over items.

    The baselines: always the small model, always the large one, a random mix at the router's own
    share, and an oracle that knows whom to ask. The upper bound is a large model that is always
    right, at a cloud's list price and at assumed seconds.

    Args:
        learned: from `learn_route`.
        held_out: from `grade`, of the other half.
        cloud: whose list price the upper bound has.
        electricity: a country of the list, or US dollars per kWh.
    Raises:
        ValueError: they are not graded items, of another model, or of the half it learned from.
        LabError: the price list does not have the cloud model.
    """
    if not isinstance(learned, LearnedRoute) or not isinstance(held_out, GradedItems):
        raise ValueError("evaluate needs a learned route, and graded items of the other half")
    if held_out.half != "held out" or held_out.names[0] != learned.small:
        raise ValueError(
            f"held_out must be of the half 'held out' and of {learned.small}; got {held_out.half!r}"
            f" of {held_out.names[0]}"
        )
    watts = BookNumbers(book(), this_machine()).watts
    power_usd = watts.likely * find_tariff(electricity).likely / 3.6e6
    larges = [(f"{ALWAYS_RIGHT}, priced as {cloud}", "assumed", _perfect(held_out, cloud))]
    if held_out.large:
        larges.insert(0, (str(held_out.names[1]), "measured", held_out.large))
    asked = _asked(learned, held_out)
    return RoutingEvaluation(
        held_out.names[0],
        len(held_out.questions),
        learned.plan.threshold,
        tuple(_pair(*each, held_out.small, asked, learned, power_usd) for each in larges),
        Reliability("calibrated", tuple(asked.confidence), tuple(held_out.right(held_out.small))),
        learned.overhead_s,
        f"electricity of this machine at {watts.likely:g} W ({watts.origin}); {cloud} by its list "
        "price",
        "; ".join(filter(None, [learned.missing, "" if held_out.large else NO_LARGE])),
    )


NO_LARGE = (
    "No large model was asked. The lab has one that needs no account: python3 -m labkit models get "
    "coder (478 MB)"
)


def _perfect(held_out: GradedItems, cloud: str) -> tuple[GradedAnswer, ...]:
    """The answers of a model that is always right."""
    speed = CLOUD_SPEEDS[1].likely
    return tuple(
        replace(
            each,
            right=True,
            seconds=CLOUD_DELAY_S.likely + (each.tokens_out or 0) / speed,
            usd=request_price(cloud, each.tokens_in or 0, each.tokens_out or 0),
        )
        for each in held_out.small
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the router knows of each held-out question."""

    chance: np.ndarray  # that the small model is right, by neighbours and confidence
    middle: np.ndarray  # by neighbours alone
    confidence: list[float]
    first: list[str]  # whom the neighbours send it to, or ASK


def _asked(learned: LearnedRoute, held_out: GradedItems) -> _Asked:
    plan, count = learned.plan, len(held_out.questions)
    found = embed(learned.embedder, held_out.questions) if learned.embedder else [None] * count
    around = [plan.around(each) for each in found]
    logprobs = [each.logprob or 0.0 for each in held_out.small]
    return _Asked(
        np.array([plan.chance(*pair) for pair in zip(around, logprobs, strict=True)]),
        np.array([sum(each) / 2 for each in around]),
        [plan.chance((0.0, 1.0), each) for each in logprobs],
        [plan.before(each) for each in around],
    )


def _pair(
    name: str,
    origin: str,
    large: Sequence[GradedAnswer],
    small: Sequence[GradedAnswer],
    asked: _Asked,
    learned: LearnedRoute,
    power_usd: float,
) -> RoutedPair:
    right = [np.array([each.right for each in answers]) for answers in (small, large)]
    chances = {ROUTER: asked.chance, CONFIDENCE: np.array(asked.confidence)}
    if learned.embedder:
        chances[NEIGHBOURS] = asked.middle
    threshold = learned.plan.threshold
    to_large = asked.chance < threshold
    asks_small = np.array([each != LARGE for each in asked.first])
    takes = _Takes(small, large, power_usd)
    mine = takes.share(ROUTER, to_large, asks_small, to_large, learned.overhead_s)
    measures = {"PGR": pgr_at(threshold), **MEASURES}
    none, every = np.zeros(len(small), bool), np.ones(len(small), bool)
    helps = right[1] & ~right[0]
    shares = (
        takes.share("always small", none, every, none),
        takes.share("always large", every, none, every),
        takes.random(float(to_large.mean())),
        mine,
        takes.share("oracle", helps, ~helps, helps),
    )
    mixed = right[0] + to_large.mean() * (right[1].astype(float) - right[0])
    gains = np.where(to_large, right[1], right[0]) - mixed
    return RoutedPair(
        name,
        origin,
        shares,
        {key: _as_tuples(curve(each, *right)) for key, each in chances.items()},
        {
            key: {title: with_interval(f, each, *right) for title, f in measures.items()}
            for key, each in chances.items()
        },
        (float(gains.mean()), *bootstrap_interval(gains.tolist())),
        PairedDifference(*count_pairs([(bool(a), bool(b)) for a, b in zip(*right, strict=True)])),
    )


def _as_tuples(arrays: Sequence[np.ndarray]) -> Any:
    return tuple(tuple(map(float, each)) for each in arrays)


class _Takes:
    """What requests take when they are shared out between two models."""

    def __init__(
        self, small: Sequence[GradedAnswer], large: Sequence[GradedAnswer], power_usd: float
    ):
        self._right = [np.array([each.right for each in answers]) for answers in (small, large)]
        self._seconds = [np.array([each.seconds for each in answers]) for answers in (small, large)]
        self._usd = [
            np.array([each.seconds * power_usd if each.usd is None else each.usd for each in one])
            for one in (small, large)
        ]

    def share(
        self,
        name: str,
        to_large: np.ndarray,
        asks_small: np.ndarray,
        asks_large: np.ndarray,
        overhead_s: float = 0.0,
    ) -> RoutedShare:
        """Whose answers count, and who is asked: both of them are paid for."""
        right = float(np.where(to_large, self._right[1], self._right[0]).mean())
        seconds, usd = (
            float((asks_small * each[0] + asks_large * each[1]).mean())
            for each in (self._seconds, self._usd)
        )
        interval = share_interval(right, len(to_large))
        sent = float(to_large.mean())
        return RoutedShare(name, sent, right, interval, seconds + overhead_s, usd)

    def random(self, sent: float) -> RoutedShare:
        """What is to be expected if a share goes to the large model, whatever it is."""
        right, seconds, usd = (
            (1 - sent) * float(each[0].mean()) + sent * float(each[1].mean())
            for each in (self._right, self._seconds, self._usd)
        )
        interval = share_interval(right, len(self._right[0]))
        return RoutedShare("random mix", sent, right, interval, seconds, usd)
