"""What a cloud model's tokens cost, by genai-prices: bundled, offline, dated."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from labkit.errors import LabError


@dataclass(frozen=True, slots=True)
class Price:
    """List price of a cloud model.

    Attributes:
        model: the provider's name of it.
        provider: who sells it.
        input_usd_per_million: US dollars a million tokens read.
        output_usd_per_million: the same, written.
        source: where it is from, with its version.
        noted: the latest date that the source notes for it, or None.
    """

    model: str
    provider: str
    input_usd_per_million: float
    output_usd_per_million: float
    source: str
    noted: str | None

    @property
    def origin(self) -> str:
        """Model, source and date, for a picture."""
        date = f", noted {self.noted}" if self.noted else ""
        return f"{self.model} by {self.source}{date}"


def look_up_price(model: str) -> Price:
    """The list price of a cloud model.

    Args:
        model: the provider's name of it, such as ``"gpt-5"``.
    Raises:
        LabError: if the list does not have it.
    """
    import genai_prices

    try:
        read, written = (
            genai_prices.calc_price(genai_prices.Usage(**{kind: 1000}), model)
            for kind in ("input_tokens", "output_tokens")
        )
    except LookupError as error:
        raise LabError(
            f"The price list has no model '{model}': {error}", "Name a model as its provider does."
        ) from None
    dates = re.findall(r"\d{4}-\d\d-\d\d", read.model.price_comments or "")
    return Price(
        read.model.id,
        read.provider.name,
        1000 * float(read.total_price),
        1000 * float(written.total_price),
        price_list(),
        max(dates, default=None),
    )


def price_at_most(model: str, provider: str, input_tokens: int, output_tokens: int) -> float | None:
    """US dollars that a request costs at most; None where the list does not have the model.

    Args:
        model: the provider's name of it.
        provider: its name in the list, such as ``"openai"``.
        input_tokens: read, and perhaps written into a cache, which some charge more for.
        output_tokens: written.
    """
    import genai_prices

    usage = genai_prices.Usage(
        input_tokens=input_tokens, cache_write_tokens=input_tokens, output_tokens=output_tokens
    )
    try:
        name = model.removeprefix("models/")  # so Google lists its own
        return float(genai_prices.calc_price(usage, name, provider_id=provider).total_price)
    except LookupError:
        return None


def price_of(usage: Mapping[str, Any], model: str, provider: str, flavour: str) -> float | None:
    """US dollars of a request by the provider's own usage; None where the list has no such model.

    Args:
        usage: as the provider tells it; what is cached is priced as such.
        model: the name that the provider answers with.
        provider: its name in the list.
        flavour: which of the provider's ways to tell usage this is, by the list's names.
    """
    import genai_prices

    told = {"usage": usage, "model": model.removeprefix("models/")}
    try:
        known = genai_prices.extract_usage(told, provider_id=provider, api_flavor=flavour)
        return float(known.calc_price().total_price)
    except (LookupError, ValueError):
        return None


def price_list() -> str:
    """The list's name and version, for whatever is computed with it."""
    return f"genai-prices {version('genai-prices')}"
