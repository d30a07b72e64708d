"""`Router`: a backend that answers with a small model, and with a large one where it must."""

import re
import time
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from functools import lru_cache
from threading import Event
from typing import Any, Protocol

from labkit.backends.capabilities import Backend, HasAddress, Priced, runs_here
from labkit.backends.guard.policy import ROLES, Policy, as_policy
from labkit.backends.prompts import Messages, checked_prompt
from labkit.backends.reply import Outcome, Step, Stream
from labkit.backends.settings import Settings
from labkit.errors import LabError

from .plan import ASK, LARGE, SMALL, RoutingPlan
from .route import MOST_CHARACTERS, Route, RouteRule, answer_logprob, question_of

MOST_ROUTES = 1000  # that a router remembers


class Embeds(Protocol):
    """Gives texts as vectors of length 1."""

    def embed(self, texts: Sequence[str]) -> Any:
        """(texts, width) float32."""


class Router:
    """A small and a large model as one, for every verb that takes a backend.

    In this order: what must not leave stays with the small model (policy); a rule decides; graded
    items of near meaning decide, where they agree; else the small model answers, and where its
    calibrated confidence is too low, or it fails, the large one answers too. What the large model's
    own policy or budget refuses, and what it fails to begin, the small one answers.

    Args:
        small, large: from ``labkit.load`` or any other backend.
        plan: what is known of the small model, see `RoutingPlan`.
        embedder: gives the meaning of questions; None: neighbours are not looked at.
        rules: the first that fits decides.
        policy: what happens to secrets and personal data if the large model is not in this
            process: ``"block"``: the small model answers; ``"allow"``: they are no reason to stay.
            The large model's own policy is in force in any case.

    Attributes:
        name: of both.
        routes: where the last prompts went, the newest last.
    Raises:
        ValueError: another policy.
    """

    def __init__(
        self,
        small: Backend,
        large: Backend,
        plan: RoutingPlan,
        *,
        embedder: Embeds | None = None,
        rules: Sequence[RouteRule] = (),
        policy: Policy | str = "block",
    ):
        self.small, self.large, self.plan = small, large, plan
        self.embedder, self.rules = embedder, tuple(rules)
        self.policy = as_policy(policy)
        if self.policy is None or self.policy.action not in ("block", "allow"):
            raise ValueError(
                f"policy must be 'block' or 'allow'; got {policy!r}. One that redacts belongs to "
                "the large model: large.policy = lab.Policy('redact')"
            )
        self.name = f"{small.name} or {large.name}"
        self.routes: deque[Route] = deque(maxlen=MOST_ROUTES)
        if isinstance(large, HasAddress):  # so that no verb takes it for a model in this process
            self.base_url = large.base_url
        if isinstance(large, Priced):
            self.estimate = large.estimate
        if not runs_here(large):
            self._must_stay("Hello", ())  # the first look loads the scanner, before any clock runs

    def __repr__(self) -> str:
        return f"<Router {self.name}, threshold {self.plan.threshold:g}>"

    def stream(self, prompt: str | Messages, *, raw: bool = False, **settings) -> Stream:
        """See `labkit.stream`. The small model's answer comes as a whole if it is looked at first.

        Raises:
            ValueError: a bad prompt or setting.
        """
        began = time.perf_counter()
        chosen = Settings(**settings)
        route, interval = self._route(checked_prompt(prompt, raw=raw), chosen.stop)
        route = replace(route, overhead_s=time.perf_counter() - began)
        return _Answer(self, (prompt, raw, settings), route, interval, began).stream()

    def _must_stay(self, prompt: str | Sequence, stop: Sequence[str]) -> bool:
        messages = [] if isinstance(prompt, str) else prompt
        texts = [prompt] if isinstance(prompt, str) else [each["content"] for each in prompt]
        if any(set(each) != {"role", "content"} or each["role"] not in ROLES for each in messages):
            return True  # a field that nothing looks at
        policy = self.policy
        return bool(policy) and not all(_may_leave(policy, str(text)) for text in [*texts, *stop])

    def _route(
        self, prompt: str | Sequence, stop: Sequence[str]
    ) -> tuple[Route, tuple[float, float]]:
        """Where a prompt goes first, and what its neighbours say."""
        if not runs_here(self.large) and self._must_stay(prompt, stop):
            return Route(SMALL, "policy", "it holds what must not leave", (SMALL,)), (0, 1)
        question = question_of(prompt)
        for rule in self.rules:
            if re.search(rule.pattern, question):
                return Route(rule.to, "rule", f"it has {rule.pattern!r}", (rule.to,)), (0, 1)
        vector = None
        if self.plan.neighbours and self.embedder:
            vector = self.embedder.embed([question[-MOST_CHARACTERS:]])[0]
        interval = self.plan.interval(vector)
        first = self.plan.first_asked(interval)
        why = f"right on {interval[0]:.0%} to {interval[1]:.0%} of what is like it"
        if first == ASK:
            return Route(SMALL, "confidence", why, (SMALL,)), interval
        return Route(first, "neighbours", why, (first,), sum(interval) / 2), interval


@lru_cache(maxsize=1024)  # solved examples come again with each question
def _may_leave(policy: Policy, text: str) -> bool:
    """Whether the policy lets a text out; whole prompts are let out if each of their texts is."""
    try:
        policy.apply(text)
    except LabError:
        return False
    return True


class _Answer:
    """One answer of a router: which stream it comes from, and what it took in all."""

    def __init__(self, router: Router, asked: tuple, route: Route, interval, began: float):
        self._router, self._asked, self._interval, self._began = router, asked, interval, began
        self.route, self._stopped = route, Event()
        self._paid_usd: float | None = None
        if route.by == "confidence":
            with suppress(LabError):  # what it refuses, it may; a bad setting raises at once
                self._open(LARGE).close()  # nothing was sent
        try:
            self._inner = self._open(route.to)
        except LabError as error:
            if route.to == SMALL:
                raise
            self._refuse(error)
            self._inner = self._open(SMALL)

    def stream(self) -> Stream:
        return Stream(self._inner.settings, self._steps, stop=self._stop)

    def _stop(self) -> None:
        self._stopped.set()
        self._inner.close()

    def _open(self, to: str) -> Stream:
        prompt, raw, settings = self._asked
        self._opened = time.perf_counter()
        return getattr(self._router, to).stream(prompt, raw=raw, **settings)

    def _refuse(self, error: LabError) -> None:
        why = _reason(error)
        self.route = replace(self.route, to=SMALL, by="refused", why=why, asked=(SMALL,))

    def _steps(self, running: Stream) -> Generator[Step]:
        try:
            if self.route.by == "confidence":
                yield from self._small_first(running)
            elif not (yield from self._pass_on(running)):
                self._inner = self._open(SMALL)
                yield from self._pass_on(running)
        finally:
            self._router.routes.append(self.route)

    def _small_first(self, running: Stream) -> Generator[Step]:
        """The small model's whole answer is looked at: it is kept, or the large one's comes.

        Of one that fails, what came is kept where the large model does not answer.
        """
        held: list[Step] = []
        failure: LabError | None = None
        try:
            for step in self._inner:
                held.append(step)
        except LabError as error:
            failure = error
            why = f"the small model failed: {_reason(error)}"
            self.route = replace(self.route, why=why)
        self._note(running)
        self.route = replace(self.route, small_s=time.perf_counter() - self._opened)
        is_over = self._inner.finish is None or self._stopped.is_set()
        if not is_over and (failure or self._is_unsure(held)):
            own = running.outcome, running.settings
            if (yield from self._escalate(running)):
                return
            running.outcome, running.settings = own
        now = time.perf_counter() - self._began
        yield from (replace(step, elapsed_s=now) for step in held)
        if failure:
            raise failure

    def _is_unsure(self, answer: list[Step]) -> bool:
        """Whether the small model's answer is too unlikely to be right."""
        plan = self._router.plan
        chance = plan.chance(self._interval, answer_logprob(answer))
        self.route = replace(self.route, chance=chance)
        return chance < plan.threshold

    def _escalate(self, running: Stream) -> Generator[Step, None, bool]:
        """The large model's answer; False where it refuses."""
        self.route = replace(self.route, to=LARGE, asked=(SMALL, LARGE))
        try:
            self._inner = self._open(LARGE)
        except LabError as error:
            self._refuse(error)
            return False
        return (yield from self._pass_on(running))

    def _pass_on(self, running: Stream) -> Generator[Step, None, bool]:
        """The steps of the stream that is open; False if the large model fails before the first."""
        count, late_s = 0, self._opened - self._began
        running.settings = self._inner.settings
        try:
            for step in self._inner:
                count += 1
                yield replace(step, elapsed_s=step.elapsed_s + late_s)
        except LabError as error:
            if count or self.route.to == SMALL:
                raise
            self._refuse(error)
            return False
        finally:
            self._inner.close()
            self._note(running)
        return True

    def _note(self, running: Stream) -> None:
        """The outcome is that of the model that answered; the price is that of all asked."""
        known = {each.name: getattr(self._inner.outcome, each.name) for each in fields(Outcome)}
        prices = [each for each in (self._paid_usd, known["price_usd"]) if each is not None]
        self._paid_usd = known["price_usd"] = sum(prices) if prices else None
        running.note(**known)


def _reason(error: LabError) -> str:
    return error.problem.partition("\n")[0]
