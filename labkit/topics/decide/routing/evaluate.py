"""`evaluate`: what a router is worth on questions that it did not learn from."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from labkit.backends.prompts import check_text
from labkit.backends.routed.plan import LARGE
from labkit.checks import check_type
from labkit.errors import PYTHON
from labkit.lab_book.book import book
from labkit.lab_book.store import this_machine
from labkit.models.prices import request_price
from labkit.stats import PairedDifference, bootstrap_interval, count_pairs, share_interval
from labkit.topics.cost.facts import find_tariff
from labkit.topics.decide.decision.options import CLOUD_DELAY_S, CLOUD_SPEEDS, BookNumbers
from labkit.topics.limits.confidence.reliability import Reliability

from .graded import GradedAnswer, GradedItems
from .learn import LearnedRoute, embed
from .metrics import apgr, cpt, curve, pgr_at, pgr_of, with_intervals
from .result import CONFIDENCE, NEIGHBOURS, ROUTER, RoutedPair, RoutedShare, RoutingEvaluation

ALWAYS_RIGHT = "always right"
NO_LARGE = (
    "No large model was asked. The lab has one that needs no account: "
    f"{PYTHON} -m labkit models get coder (478 MB)"
)
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
    check_type("learned", learned, LearnedRoute, "lab.decide.learn_route")
    check_type("held_out", held_out, GradedItems, "lab.decide.grade")
    if held_out.half != "held out" or held_out.names[0] != learned.small:
        raise ValueError(
            f"held_out must be of the half 'held out' and of {learned.small}; got {held_out.half!r}"
            f" of {held_out.names[0]}"
        )
    check_text(cloud, "cloud")
    watts = BookNumbers(book(), this_machine()).watts
    power_usd = watts.likely * find_tariff(electricity).likely / 3.6e6
    larges = [(f"{ALWAYS_RIGHT}, priced as {cloud}", "assumed", _perfect(held_out, cloud))]
    if held_out.large:
        larges.insert(0, (str(held_out.names[1]), "measured", held_out.large))
    routed = _Routed(learned, held_out, power_usd)
    return RoutingEvaluation(
        held_out.names[0],
        len(held_out.questions),
        learned.plan.threshold,
        tuple(routed.pair(*each) for each in larges),
        Reliability("calibrated", tuple(routed.confidence), tuple(held_out.right(held_out.small))),
        learned.overhead_s,
        f"{cloud} by its list price; what has none by electricity of this machine at "
        f"{watts.likely:g} W ({watts.origin})",
        "; ".join(filter(None, [learned.missing, "" if held_out.large else NO_LARGE])),
    )


def _perfect(held_out: GradedItems, cloud: str) -> tuple[GradedAnswer, ...]:
    """The answers of a model that is always right."""
    speed = CLOUD_SPEEDS["decode_tokens_per_s"].likely
    return tuple(
        replace(
            each,
            right=True,
            seconds=CLOUD_DELAY_S.likely + (each.tokens_out or 0) / speed,
            usd=request_price(cloud, each.tokens_in or 0, each.tokens_out or 0),
        )
        for each in held_out.small
    )


class _Routed:
    """What the router knows of each held-out question, and what that is worth."""

    def __init__(self, learned: LearnedRoute, held_out: GradedItems, power_usd: float):
        self._learned, self._power_usd, self._small = learned, power_usd, held_out.small
        plan, asked = learned.plan, held_out.questions
        found = embed(learned.embedder, asked) if learned.embedder else [None] * len(asked)
        interval = [plan.interval(each) for each in found]
        logprobs = [each.logprob or 0.0 for each in held_out.small]
        pairs = zip(interval, logprobs, strict=True)
        self.confidence = [plan.chance((0.0, 1.0), each) for each in logprobs]
        self._chances = {
            ROUTER: np.array([plan.chance(*pair) for pair in pairs]),
            CONFIDENCE: np.array(self.confidence),
        }
        if learned.embedder:
            self._chances[NEIGHBOURS] = np.array([sum(each) / 2 for each in interval])
        self._asks_small = np.array([plan.first_asked(each) != LARGE for each in interval])

    def pair(self, name: str, origin: str, large: Sequence[GradedAnswer]) -> RoutedPair:
        """The router and its baselines with one large model."""
        threshold = self._learned.plan.threshold
        to_large = self._chances[ROUTER] < threshold
        small, other = (self._columns(each) for each in (self._small, large))
        right = [each[0] > 0 for each in (small, other)]
        none, every, helps = np.zeros_like(to_large), np.ones_like(to_large), right[1] & ~right[0]

        def share(name: str, to_large: np.ndarray, asks_small: np.ndarray) -> RoutedShare:
            """Whose answers count, and who is asked: both of them are paid for."""
            answered = np.where(to_large, other[0], small[0]).mean()
            paid = (asks_small * small[1:] + to_large * other[1:]).mean(axis=1)
            return _share(name, to_large, answered, *paid)

        mine = share(ROUTER, to_large, self._asks_small)
        mixed = small + to_large.mean() * (other - small)  # expected, whatever goes to the large
        gains = np.where(to_large, other[0], small[0]) - mixed[0]
        # The other kinds at the router's share: a threshold sends another share by each of them.
        own = {ROUTER: {"PGR": pgr_at(threshold)}}
        measures = {"PGR": pgr_of(float(to_large.mean())), **MEASURES}
        return RoutedPair(
            name,
            origin,
            (
                share("always small", none, every),
                share("always large", every, none),
                _share("random mix", to_large, *mixed.mean(axis=1)),
                replace(mine, seconds=mine.seconds + self._learned.overhead_s),
                share("oracle", helps, ~helps),
            ),
            {
                key: tuple(tuple(map(float, each)) for each in curve(chance, *right))
                for key, chance in self._chances.items()
            },
            {
                key: with_intervals(measures | own.get(key, {}), chance, *right)
                for key, chance in self._chances.items()
            },
            (float(gains.mean()), *bootstrap_interval(gains.tolist())),
            PairedDifference(
                *count_pairs([(bool(a), bool(b)) for a, b in zip(*right, strict=True)])
            ),
        )

    def _columns(self, answers: Sequence[GradedAnswer]) -> np.ndarray:
        """Of each answer, whether it is right, its seconds and its cost."""
        rows = (
            (e.right, e.seconds, e.seconds * self._power_usd if e.usd is None else e.usd)
            for e in answers
        )
        return np.array(list(rows), float).T


def _share(
    name: str, to_large: np.ndarray, right: float, seconds: float, usd: float
) -> RoutedShare:
    interval = share_interval(float(right), len(to_large))
    numbers = float(to_large.mean()), float(right), interval, float(seconds), float(usd)
    return RoutedShare(name, *numbers)
