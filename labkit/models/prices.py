"""What a cloud model's tokens cost, by genai-prices: bundled, offline, dated."""

import re
from dataclasses import dataclass
from importlib.metadata import version

from ..errors import LabError


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
        f"genai-prices {version('genai-prices')}",
        max(dates, default=None),
    )
