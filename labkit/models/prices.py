"""Token prices of cloud models from genai-prices: bundled, offline, dated."""

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from typing import Any

from labkit.errors import LabError


@dataclass(frozen=True, slots=True)
class Price:
    """List price of a cloud model.

    Attributes:
        model: the provider's name of the model.
        provider: name of the provider.
        input_usd_per_million: US dollars per million input tokens.
        output_usd_per_million: US dollars per million output tokens.
        source: the price list, with its version.
        noted: the latest date, not in the future, that the list gives for the price, or None.
    """

    model: str
    provider: str
    input_usd_per_million: float
    output_usd_per_million: float
    source: str
    noted: str | None

    @property
    def origin(self) -> str:
        """Model, source and date, for a figure."""
        noted = f", noted {self.noted}" if self.noted else ""
        return f"{self.model} by {self.source}{noted}"


def look_up_price(model: str) -> Price:
    """The list price of a cloud model.

    Args:
        model: the provider's name of the model, such as ``"gpt-5"``.
    Raises:
        LabError: the list does not have the model.
        ValueError: it is not a text.
    """
    read, written = (
        _calculate(model, **{kind: 1000}) for kind in ("input_tokens", "output_tokens")
    )
    dates = re.findall(r"\d{4}-\d\d-\d\d", read.model.price_comments or "")
    return Price(
        read.model.id,
        read.provider.name,
        1000 * float(read.total_price),
        1000 * float(written.total_price),
        price_list(),
        max((each for each in dates if each <= f"{date.today()}"), default=None),
    )


@functools.lru_cache(maxsize=4096)
def request_price(
    model: str,
    input_tokens: int,
    output_tokens: int,
    *,
    cached_tokens: int = 0,
    batch: bool = False,
) -> float:
    """US dollars of one request at list prices, today.

    Long prompts have a price of their own with some models, and the list knows it. What some
    providers charge for writing to their cache is not included.

    Args:
        model: the provider's name of the model.
        input_tokens: tokens of the prompt, cached ones included.
        output_tokens: tokens of the answer, with those of its thinking.
        cached_tokens: tokens of the prompt that the provider reads from its cache.
        batch: whether it is sent as part of a batch, whose answers may take a day.
    Raises:
        LabError: the list does not have the model.
    """
    context = {"processing": "batch"} if batch else None
    usage = {"input_tokens": input_tokens, "output_tokens": output_tokens}
    if cached_tokens:
        usage["cache_read_tokens"] = cached_tokens
    return float(_calculate(model, context, **usage).total_price)


def _calculate(model: str, context: Any = None, **usage: int) -> Any:
    import genai_prices

    if not isinstance(model, str):
        raise ValueError(f"model must be the provider's name of a model; got {model!r}")
    try:
        return genai_prices.calc_price(genai_prices.Usage(**usage), model, price_context=context)
    except LookupError as error:
        raise LabError(
            f"The price list has no model '{model}': {error}", "Name a model as its provider does."
        ) from None


def max_price(model: str, provider: str, input_tokens: int, output_tokens: int) -> float | None:
    """The most that a request can cost in US dollars; None if the list does not have the model.

    Args:
        model: the provider's name of the model.
        provider: the provider's name in the list, such as ``"openai"``.
        input_tokens: tokens of the prompt; some providers charge extra for writing them to a cache.
        output_tokens: tokens of the answer.
    """
    import genai_prices

    usage = genai_prices.Usage(
        input_tokens=input_tokens, cache_write_tokens=input_tokens, output_tokens=output_tokens
    )
    try:
        name = model.removeprefix("models/")  # Google's own prefix
        return float(genai_prices.calc_price(usage, name, provider_id=provider).total_price)
    except LookupError:
        return None


def price_of(usage: Mapping[str, Any], model: str, provider: str, flavour: str) -> float | None:
    """US dollars of a request by the provider's usage; None if the list does not have the model.

    Cached tokens have their own price. The provider and the flavour, which says whose format the
    usage has, go by their names in the list.
    """
    import genai_prices

    answer = {"usage": usage, "model": model.removeprefix("models/")}
    try:
        known = genai_prices.extract_usage(answer, provider_id=provider, api_flavor=flavour)
        return float(known.calc_price().total_price)
    except (LookupError, ValueError):
        return None


def price_list() -> str:
    """Name and version of the price list."""
    return f"genai-prices {version('genai-prices')}"
