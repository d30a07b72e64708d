"""`learn_route` and `router`: what graded items teach a router, and the router itself."""

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import numpy as np

from labkit.backends.capabilities import Backend, check_backend
from labkit.backends.guard.policy import Policy
from labkit.backends.loaded.load import SERVER
from labkit.backends.routed.plan import Neighbours, RoutingPlan, fit_calibrator
from labkit.backends.routed.route import MOST_CHARACTERS, RouteRule
from labkit.backends.routed.router import Embeds, Router
from labkit.checks import check_number, check_type
from labkit.errors import LabError
from labkit.formatting import in_lines
from labkit.models.machine import has_torch
from labkit.models.storage.inventory import require_stored
from labkit.stats import percentile

from .graded import GradedItems, RoutedQuestion

MINILM = "minilm"


@dataclass(frozen=True, slots=True, repr=False)
class LearnedRoute:
    """What a router learned from graded items (computed from what was measured).

    Attributes:
        plan: see `RoutingPlan`.
        embedder: gives the meaning of questions; None: MiniLM is not on this machine.
        small: name of the small model that it is about.
        items: number of graded items.
        overhead_s: median seconds of looking a question up (measured).
        half: of which half of the questions they are.
        missing: what it would need to look at neighbours, or "".
    """

    plan: RoutingPlan
    embedder: Embeds | None
    small: str
    items: int
    overhead_s: float
    half: str
    missing: str = ""

    @property
    def summary(self) -> str:
        """What it goes by."""
        calibrator = self.plan.calibrator
        assert calibrator is not None
        even = -calibrator.offset / calibrator.slope if calibrator.slope else 1.0
        half = "is never" if even > 0 else f"is at a log-probability of {even:.1f}"
        near = "neighbours and confidence" if self.embedder else "confidence alone"
        look = f"; {1000 * self.overhead_s:.0f} ms to look a question up" if self.embedder else ""
        return (
            f"learned from {self.items} answers of {self.small}: {near}; an even chance {half}; "
            f"threshold {self.plan.threshold:.2f}{look}{self.missing and f'. {self.missing}'}"
        )

    def __repr__(self) -> str:
        return in_lines(self.summary)


def learn_route(practice: GradedItems, *, to_large: float = 0.5) -> LearnedRoute:
    """What a router can know of the small model, from graded items.

    Args:
        practice: from `grade`.
        to_large: the share of such questions, 0 to 1, that is to go to the large model. The
            threshold follows from it: questions below it are that share of the practice half.
    Raises:
        ValueError: they are not graded items, or the share is out of range.
    """
    check_number("to_large", to_large, "0 to 1", lambda x: 0 <= x <= 1)
    check_type("practice", practice, GradedItems, "lab.decide.grade")
    right = practice.right(practice.small)
    logprobs = [each.logprob for each in practice.small if each.logprob is not None]
    embedder, missing = None, ""
    try:
        embedder = _open_embedder()
    except LabError as error:
        missing = f"Neighbours are left out. {error.problem} {error.hint or ''}".strip()
    neighbours, overhead_s = None, 0.0
    if embedder:
        neighbours = Neighbours(embed(embedder, practice.questions), np.array(right))
        overhead_s = median(_look_up_s(embedder, neighbours, practice.questions[:10]))
    plan = RoutingPlan(fit_calibrator(logprobs, right), neighbours)
    chances = [
        plan.chance(
            neighbours.interval(neighbours.vectors[n], without=n) if neighbours else (0, 1), p
        )
        for n, p in enumerate(logprobs)
    ]
    plan = replace(plan, threshold=percentile([0.0, *chances, 1.0], 100 * to_large))
    return LearnedRoute(
        plan, embedder, practice.names[0], len(right), overhead_s, practice.half, missing
    )


def _open_embedder() -> Embeds:
    """MiniLM, if it is on this machine; nothing is downloaded.

    On a shared server, a kernel's 300 MB of torch would be thirty kernels' 9 GB.
    """
    require_stored(MINILM)
    if os.environ.get(SERVER) or not has_torch():
        raise LabError("MiniLM needs torch, which this kernel does without.")
    from labkit.backends.local.embedding import Embedder

    return Embedder(MINILM)


def embed(embedder: Embeds, asked: Sequence[RoutedQuestion]) -> np.ndarray:
    """The vectors of questions, as a router takes them."""
    return embedder.embed([each.text[-MOST_CHARACTERS:] for each in asked])


def _look_up_s(embedder: Embeds, neighbours: Neighbours, asked: Sequence[RoutedQuestion]):
    for each in asked:
        began = time.perf_counter()
        neighbours.interval(embed(embedder, [each])[0])
        yield time.perf_counter() - began


def router(
    small: Backend,
    large: Backend,
    learned: LearnedRoute,
    *,
    rules: Iterable[RouteRule | tuple[str, str]] = (),
    policy: Policy | str = "block",
) -> Router:
    """A small and a large model as one backend, which every verb of the lab takes.

    Args:
        small: the model that the graded items are of.
        large: where what it is not good enough for goes.
        learned: from `learn_route`.
        rules: pairs of a regular expression and ``"small"`` or ``"large"``; the first that is
            found in a question decides.
        policy: ``"block"``: what must not leave stays with the small model, unless the large one
            is in this process; ``"allow"``. The large model's own policy is in force anyway.
    Raises:
        ValueError: an argument is out of range, or the items are of another model.
    """
    check_type("learned", learned, LearnedRoute, "lab.decide.learn_route")
    check_backend("small", small)
    check_backend("large", large)
    if small.name != learned.small:
        raise ValueError(f"small must be {learned.small}, which was graded; got {small.name}")
    several = rules if isinstance(rules, Iterable) else (rules,)
    found = [each if isinstance(each, RouteRule) else _rule(each) for each in several]
    return Router(small, large, learned.plan, embedder=learned.embedder, rules=found, policy=policy)


def _rule(pair: Any) -> RouteRule:
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise ValueError(f'rules must be pairs, as in [("sea|ocean", "large")]; got {pair!r}')
    return RouteRule(*pair)
