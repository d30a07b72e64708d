"""What requests cost: at most, before they are sent, and afterwards; and a limit on it."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from labkit.backends.prompts import Messages, checked_prompt
from labkit.backends.settings import Settings
from labkit.checks import check_number, is_number
from labkit.errors import LabError
from labkit.models.prices import max_price, price_list, price_of

PricePerMillion = tuple[float, float]

# A provider wraps each message in a few tokens of its template. Assumed, on the safe side.
AROUND_MESSAGE, AROUND_PROMPT = 32, 64


@dataclass(frozen=True, slots=True, repr=False)
class Estimate:
    """What a request would send and cost, before it is made.

    Attributes:
        model: who would be asked.
        address: where it would be sent.
        prompt_bytes: bytes of the prompt's texts.
        prompt_tokens: the most that would be read: no token is shorter than a byte, and each
            message gets `AROUND_MESSAGE` for its wrapping.
        output_tokens: the most that would be written: ``max_tokens``.
        price_usd: at most; None where the price list does not know the model.
        source: the price list and its version.
    """

    model: str
    address: str
    prompt_bytes: int
    prompt_tokens: int
    output_tokens: int
    price_usd: float | None
    source: str

    @property
    def summary(self) -> str:
        """The most that it would cost, in a line."""
        price = "unknown" if self.price_usd is None else f"${self.price_usd:.6f}"
        return (
            f"{self.model}: {self.prompt_bytes:,} bytes of prompt would be sent to {self.address}; "
            f"at most {self.prompt_tokens:,} tokens read and {self.output_tokens:,} written, "
            f"price at most {price} (computed, {self.source})"
        )

    def __repr__(self) -> str:
        return f"<Estimate {self.summary}>"


@dataclass(slots=True, repr=False)
class Budget:
    """What several backends may spend together. A request that could exceed it is not sent.

    A request that was cut off has no usage; then the most that it can have cost is counted.

    Args:
        limit_usd: US dollars that may be spent, above 0.
    Attributes:
        spent_usd: US dollars so far.
        reserved_usd: US dollars set aside for requests that are under way.
    Raises:
        ValueError: a bad limit.

    >>> Budget(0.05)
    <Budget: $0.000000 of $0.05 spent>
    """

    limit_usd: float
    spent_usd: float = field(default=0.0, init=False)
    reserved_usd: float = field(default=0.0, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __post_init__(self):
        check_number("limit_usd", self.limit_usd, "above 0", lambda x: x > 0)

    @property
    def left_usd(self) -> float:
        """US dollars that are neither spent nor set aside."""
        return self.limit_usd - self.spent_usd - self.reserved_usd

    @property
    def summary(self) -> str:
        """How much is spent, in a line."""
        return f"${self.spent_usd:.6f} of ${self.limit_usd:g} spent"

    def __repr__(self) -> str:
        return f"<Budget: {self.summary}>"

    @contextmanager
    def reserve(self, estimate: Estimate) -> Iterator["Reservation"]:
        """Sets the most that a request costs aside while it runs.

        Raises:
            LabError: it could go beyond the limit, or its price is unknown.
        """
        price_usd = _require_price(estimate)
        with self._lock:
            if price_usd > self.left_usd:
                raise LabError(
                    f"Nothing was sent: this request may cost up to ${price_usd:.6f}, and "
                    f"${self.left_usd:.6f} of the budget of ${self.limit_usd:g} are left.",
                    "A smaller max_tokens costs less; or take a new Budget.",
                )
            self.reserved_usd += price_usd
        reserved = Reservation(price_usd)
        try:
            yield reserved
        finally:
            with self._lock:
                self.reserved_usd -= price_usd
                # Anything else is not a price: then the most that it can be counts.
                known = is_number(reserved.price_usd) and reserved.price_usd >= 0
                self.spent_usd += reserved.price_usd if known else price_usd


@dataclass(slots=True)
class Reservation:
    """What is set aside for one request, to be set to what it cost in the end."""

    price_usd: float


def _require_price(estimate: Estimate) -> float:
    if estimate.price_usd is None:
        raise LabError(
            f"Nothing was sent: {estimate.source} has no price of {estimate.model}, so the budget "
            "cannot be kept.",
            "Say what a million tokens cost: lab.cloud(…, price_usd_per_million=(read, "
            "written)). Or leave the budget out.",
        )
    return estimate.price_usd


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
        messages: Any = checked_prompt(prompt, raw=False)
        sent = sum(len(str(message["content"]).encode()) for message in messages)
        read = sent + AROUND_MESSAGE * len(messages) + AROUND_PROMPT
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
        if is_number(usage.get("cost")):
            return float(usage["cost"])
        read, written = usage.get("prompt_tokens"), usage.get("completion_tokens")
        if self.per_million:
            return None if read is None or written is None else self._at_most(read, written)
        if self.prices is None:
            return None
        own = usage.get("own") or usage
        price = _listed(own, model or self.model, self.prices)
        return _listed(own, self.model, self.prices) if price is None else price

    def charge(
        self, usage: Mapping[str, Any], model: str | None, least: tuple[int, int]
    ) -> float | None:
        """What the budget counts: the `price`, or more where the provider's numbers are too small.

        Args:
            usage: what the provider says was read and written.
            model: which model it says has answered.
            least: the tokens that were surely read, and written: no word is less than one.
        """
        price, (read, written) = self.price(usage, model), least
        if "cost" in usage:  # a price of its own, with whatever it takes off for cached tokens
            usage = {"prompt_tokens": 0, "completion_tokens": written}
        else:
            read = max(0, read - (usage.get("prompt_tokens") or 0))
            written = max(0, written - (usage.get("completion_tokens") or 0))
            usage = _changed(usage, read, written)
        return None if price is None else max(price, self.price(usage, self.model) or 0.0)

    def thinking_price(
        self, usage: Mapping[str, Any], model: str | None, tokens: int | None
    ) -> float | None:
        """The part of the `price` that a thought of n tokens cost; None if it is unknown."""
        if not tokens or not usage or "cost" in usage:
            return None
        whole, rest = self.price(usage, model), self.price(_changed(usage, 0, -tokens), model)
        return None if whole is None or rest is None else whole - rest

    def _at_most(self, read: int, written: int) -> float | None:
        if price := self.per_million:
            return (price[0] * read + price[1] * written) / 1e6
        return max_price(self.model, self.prices[0], read, written) if self.prices else None


def _listed(usage: Mapping[str, Any], model: str, prices: tuple[str, str]) -> float | None:
    """By the price list, which takes a usage as the provider sends it; None for one it cannot."""
    try:
        price = price_of(usage, model, *prices)
    except (TypeError, ArithmeticError, AttributeError):
        return None
    return price if price is None or (is_number(price) and price >= 0) else None


def _changed(usage: Mapping[str, Any], read: int, written: int) -> dict[str, Any]:
    """The usage of an answer with n more tokens read, and written: without a thought, fewer."""
    more = {
        **dict.fromkeys(("prompt_tokens", "input_tokens"), read),
        **dict.fromkeys(("completion_tokens", "output_tokens"), written),
        "total_tokens": read + written,
    }
    counts = {name: usage[name] + n for name, n in more.items() if usage.get(name) is not None}
    details = {"completion_tokens_details": None, "output_tokens_details": None} if written else {}
    own = {"own": _changed(usage["own"], read, written)} if usage.get("own") else {}
    return {**usage, **details, **counts, **own}
