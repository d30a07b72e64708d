"""`price_history`: the same week at the prices of two dozen cloud models, from GPT-4 to today."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from labkit.formatting import in_lines, usd

from .cloud_bill import Week, week
from .cloud_models import PricedModel, cloud_models, mmlu_percent

ARTICLE_USD = (40.0, 80.0)  # what the article says that a week costs


@dataclass(frozen=True, slots=True)
class PricedWeek:
    """The week with one model.

    Attributes:
        model: the model, with the month of its release.
        week: the week at its price.
        mmlu_percent: its published MMLU score; None where the lab has none.
    """

    model: PricedModel
    week: Week
    mmlu_percent: float | None


@dataclass(frozen=True, slots=True, repr=False)
class PriceHistory:
    """The same week with many models (computed from list prices).

    Attributes:
        weeks: one for each model, in the order of their release.
    """

    weeks: tuple[PricedWeek, ...]

    def of(self, model: str) -> PricedWeek:
        """The week of one model.

        Raises:
            ValueError: it is not in the list.
        """
        for each in self.weeks:
            if each.model.id == model:
                return each
        known = ", ".join(each.model.id for each in self.weeks)
        raise ValueError(f"model must be one of {known}; got {model!r}")

    @property
    def within_article(self) -> tuple[PricedWeek, ...]:
        """The models with which the article's $40 to $80 holds."""
        low, high = ARTICLE_USD
        return tuple(each for each in self.weeks if low <= each.week.total_usd <= high)

    @property
    def summary(self) -> str:
        """The cheapest and the dearest week, and the models within the article's range."""
        ordered = sorted(self.weeks, key=lambda each: each.week.total_usd)
        cheap, dear = ordered[0], ordered[-1]
        names = ", ".join(f"{e.model.title} ({e.model.released})" for e in self.within_article)
        return (
            f"the same week costs {usd(cheap.week.total_usd)} with {cheap.model.title} and "
            f"{usd(dear.week.total_usd)} with {dear.model.title}; within the article's $40 to $80: "
            f"{names or 'no model'} (computed; {self.weeks[0].week.price.source})"
        )

    def __repr__(self) -> str:
        return in_lines(self.summary)


def price_history(*, models: Iterable[str] | None = None, **settings: Any) -> PriceHistory:
    """The same week at the prices of many cloud models.

    Args:
        models: names of the list; None: all.
        settings: of `week`, such as ``questions_per_hour`` or ``thinking_tokens``. Texts in place
            of numbers of tokens are counted by each model's own tokenizer, where it is public.
    Raises:
        ValueError: an unknown model, or a setting out of range.
    """
    if "model" in settings:
        raise ValueError(f"models takes the names, one or more; got model={settings['model']!r}")
    return PriceHistory(
        tuple(
            PricedWeek(each, week(model=each.id, **settings), mmlu_percent(each.score_name))
            for each in cloud_models(models)
        )
    )
