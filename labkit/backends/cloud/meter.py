"""What requests to a model cost: before, at most, and afterwards; and the budget that is kept."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from labkit.backends.prompts import Messages, checked_prompt
from labkit.backends.settings import Settings
from labkit.models.prices import max_price, price_list, price_of

from .budget import Budget, Estimate, Reservation, prompt_size

PricePerMillion = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Meter:
    """Prices the requests to one model.

    Attributes:
        model: the provider's name of it.
        prices: the provider and the kind of usage in the list of prices, or None.
        per_million: US dollars for a million tokens read, and written; None: by the list.
        budget: what may be spent, or None.
    """

    model: str
    prices: tuple[str, str] | None
    per_million: PricePerMillion | None = None
    budget: Budget | None = None

    def estimate(
        self, name: str, address: str, prompt: str | Messages, max_tokens: int
    ) -> Estimate:
        """What a request would send, and cost at most; see `RemoteModel.estimate`."""
        Settings(max_tokens=max_tokens)
        sent, read = prompt_size(checked_prompt(prompt, raw=False))
        return Estimate(
            model=name,
            address=address,
            prompt_bytes=sent,
            prompt_tokens=read,
            output_tokens=max_tokens,
            price_usd=self._at_most(read, max_tokens),
            source="a price given by hand" if self.per_million else price_list(),
        )

    def reserve(self, *request) -> AbstractContextManager[Reservation]:
        """As of the `Budget`, for the `estimate` of a request."""
        if self.budget is None:
            return nullcontext(Reservation(0.0))
        return self.budget.reserve(self.estimate(*request))

    def price(self, usage: Mapping[str, Any], model: str | None) -> float | None:
        """US dollars by the provider's own usage, of the model that answered; None if unknown."""
        # OpenRouter adds the price itself.
        if isinstance(usage.get("cost"), int | float):
            return float(usage["cost"])
        read, written = usage.get("prompt_tokens"), usage.get("completion_tokens")
        if self.per_million:
            return None if read is None or written is None else self._at_most(read, written)
        if self.prices is None:
            return None
        own = usage.get("own") or _with_thoughts(usage)
        price = price_of(own, model or self.model, *self.prices)
        return price_of(own, self.model, *self.prices) if price is None else price

    def _at_most(self, read: int, written: int) -> float | None:
        if price := self.per_million:
            return (price[0] * read + price[1] * written) / 1e6
        return max_price(self.model, self.prices[0], read, written) if self.prices else None


def _with_thoughts(usage: Mapping[str, Any]) -> dict[str, Any]:
    """Google's total counts what a model thought, which is charged, and its parts do not."""
    read, written, total = (
        usage.get(name) or 0 for name in ("prompt_tokens", "completion_tokens", "total_tokens")
    )
    return {**usage, "completion_tokens": max(written, total - read)}
