"""A model of a provider: what it will cost, what it cost, and a budget that is kept."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from labkit.backends.guard.policy import Policy
from labkit.backends.prompts import Messages, checked_prompt
from labkit.backends.remote.api_keys import Secret
from labkit.backends.remote.client import ServerModel
from labkit.backends.remote.errors import OF_CLOUDS, Hints
from labkit.backends.remote.events import Chunk
from labkit.backends.remote.parameters import Dialect
from labkit.backends.remote.transport import Tracer
from labkit.backends.settings import Settings
from labkit.models.prices import max_price, price_list, price_of

from .budget import Budget, Estimate, prompt_size

PricePerMillion = tuple[float, float]


class CloudModel(ServerModel):
    """A model that a provider serves, asked in OpenAI's language.

    Attributes:
        name, model, kind, base_url, policy: as of `ServerModel`; the kind is the provider's name.
        budget: what may be spent, or None.
    """

    mends: Hints = OF_CLOUDS

    def __init__(
        self,
        base_url: str,
        model: str,
        kind: str,
        key: Secret | None,
        *,
        dialect: Dialect,
        prices: tuple[str, str] | None,
        budget: Budget | None,
        policy: Policy | None,
        price_usd_per_million: PricePerMillion | None,
        timeouts_s: tuple[float, float],
    ):
        super().__init__(base_url, model, kind, key, timeouts_s, policy=policy, dialect=dialect)
        self.budget = budget
        self._prices, self._per_million = prices, price_usd_per_million

    def estimate(
        self, prompt: str | Messages, *, max_tokens: int = Settings().max_tokens
    ) -> Estimate:
        """What a request would send, and cost at most; nothing is sent.

        Args:
            prompt: as for `labkit.stream`.
            max_tokens: as for `labkit.stream`; what a model thinks counts too.
        Raises:
            ValueError: a bad prompt, or a bad number.
        """
        Settings(max_tokens=max_tokens)
        sent, read = prompt_size(checked_prompt(prompt, raw=False))
        return Estimate(
            model=self.name,
            address=self.base_url,
            prompt_bytes=sent,
            prompt_tokens=read,
            output_tokens=max_tokens,
            price_usd=self._price_at_most(read, max_tokens),
            source="a price given by hand" if self._per_million else price_list(),
        )

    def _price_at_most(self, read: int, written: int) -> float | None:
        if self._per_million:
            return _by_hand(self._per_million, read, written)
        return max_price(self.model, self._prices[0], read, written) if self._prices else None

    def _body(self, prompt: str | list, settings: Settings, raw: bool) -> dict[str, Any]:
        if raw:
            raise ValueError(f"raw must be left at False: {self.kind} takes messages; got True")
        return super()._body(prompt, settings, raw)

    def _chunks(
        self, body: dict[str, Any], raw: bool, tracer: Tracer, opened: Callable
    ) -> Iterator[tuple[float, Chunk]]:
        """As of `ServerModel`, inside the budget, and priced."""
        if self.budget is None:
            yield from self._priced(body, raw, tracer, opened)
            return
        with self.budget.reserve(self._estimate_of(body)) as held:
            at_most_usd, held.price_usd = held.price_usd, 0.0
            try:
                for at, chunk in self._priced(body, raw, tracer, opened):
                    held.price_usd = chunk.get("price_usd") or held.price_usd
                    yield at, chunk
            finally:
                if tracer.accepted and not held.price_usd:
                    held.price_usd = at_most_usd

    def _priced(
        self, body: dict[str, Any], raw: bool, tracer: Tracer, opened: Callable
    ) -> Iterator[tuple[float, Chunk]]:
        for at, chunk in self._events(body, raw, tracer, opened):
            if usage := chunk.get("usage"):
                price_usd = self._price(usage, chunk.get("model") or self.model)
                chunk = {**chunk, "price_usd": price_usd}
            yield at, chunk

    def _events(
        self, body: dict[str, Any], raw: bool, tracer: Tracer, opened: Callable
    ) -> Iterator[tuple[float, Chunk]]:
        return super()._chunks(body, raw, tracer, opened)

    def _estimate_of(self, body: Mapping[str, Any]) -> Estimate:
        """Of a request that is made: Anthropic has the system's words apart."""
        system = [{"role": "system", "content": body["system"]}] if "system" in body else []
        written = body[self.dialect.names["max_tokens"]]
        return self.estimate([*system, *body["messages"]], max_tokens=written)

    def _price(self, usage: Mapping[str, Any], model: str) -> float | None:
        """By the provider's own usage; OpenRouter tells the price itself, in dollars."""
        if isinstance(usage.get("cost"), int | float):
            return float(usage["cost"])
        read, written = usage.get("prompt_tokens"), usage.get("completion_tokens")
        if self._per_million:
            return None if None in (read, written) else _by_hand(self._per_million, read, written)
        if self._prices is None:
            return None
        provider, flavour = self._prices
        told = usage.get("own") or _with_thoughts(usage)
        return price_of(told, model, provider, flavour) or price_of(
            told, self.model, provider, flavour
        )


def _with_thoughts(usage: Mapping[str, Any]) -> dict[str, Any]:
    """Google's total counts what a model thought, which is charged, and its parts do not."""
    read, written, total = (
        usage.get(name) or 0 for name in ("prompt_tokens", "completion_tokens", "total_tokens")
    )
    return {**usage, "completion_tokens": max(written, total - read)}


def _by_hand(per_million: PricePerMillion, read: int, written: int) -> float:
    return (per_million[0] * read + per_million[1] * written) / 1e6
