"""One number that makes confidence honest: a temperature, fitted on one half of the questions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from labkit.checks import check_type
from labkit.formatting import in_lines
from labkit.lab_book.entry import BookEntry
from labkit.stats import bootstrap_interval

from .reliability import Reliability, at_temperature
from .result import Calibration, ConfidenceItem

LOWEST, HIGHEST = 0.05, 20.0
FEWEST = 20  # questions, of which half are fitted on


@dataclass(frozen=True, slots=True, repr=False)
class TemperatureFit:
    """A temperature fitted on one half of the questions, judged on the other (computed).

    Attributes:
        model: name of the model.
        temperature: what the options' scores are divided by; above 1, the model was too sure.
        fitted: number of questions that it was fitted on.
        before: the other half, with the probabilities as they were.
        after: the same with the temperature.
        losses: of each question of the other half, the surprise at its right option without and
            with the temperature, in nats.
    """

    model: str
    temperature: float
    fitted: int
    before: Reliability
    after: Reliability
    losses: tuple[tuple[float, float], ...]

    @property
    def loss(self) -> tuple[float, float]:
        """Mean surprise at the right option without and with the temperature, in nats."""
        before, after = zip(*self.losses, strict=True)
        return fmean(before), fmean(after)

    @property
    def interval(self) -> tuple[float, float]:
        """Where the true mean gain may lie, 95 %: questions drawn again and again."""
        return bootstrap_interval([before - after for before, after in self.losses])

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """What the lab book keeps: the temperature."""
        name, label = "fitted_temperature", "temperature that makes its confidence honest"
        return (BookEntry(name, label, self.temperature, origin="computed", model=self.model),)

    @property
    def summary(self) -> str:
        """The temperature, and what it gains on questions that it was not fitted on."""
        low, high = self.interval
        settled = "settled" if low > 0 or high < 0 else "not settled"
        before, after = self.before, self.after
        return (
            f"{self.model}: temperature {self.temperature:.2f}, fitted on {self.fitted} questions; "
            f"on {len(before.right)} others the surprise at the right option goes from "
            f"{self.loss[0]:.2f} to {self.loss[1]:.2f} nats (a gain of {low:.2f} to {high:.2f}, "
            f"{settled}), ECE from "
            f"{before.ece():.2f} to {after.ece():.2f} (a perfect model's "
            f"{after.perfect_ece()[0]:.2f}); no answer changes (computed)"
        )

    def __repr__(self) -> str:
        return in_lines(self.summary)


def fit_temperature(measured: Calibration) -> TemperatureFit:
    """The temperature that makes the option probabilities of one half honest, and what it gains.

    Every second question is fitted on: the temperature with the least log loss of the right
    option. The other half shows what that is worth.

    Args:
        measured: from `calibration`.
    Raises:
        ValueError: it is no calibration, or has too few questions.
    Source: Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4.2.
    """
    check_type("measured", measured, Calibration, "lab.limits.calibration")
    if len(measured.items) < FEWEST:
        raise ValueError(
            f"measured must have at least {FEWEST} questions; got {len(measured.items)}"
        )
    fitted, checked = measured.items[::2], measured.items[1::2]
    temperature = _best_temperature(fitted)
    losses = zip(_losses(checked, 1.0), _losses(checked, temperature), strict=True)
    return TemperatureFit(
        measured.model,
        temperature,
        len(fitted),
        reliability_at(checked, 1.0),
        reliability_at(checked, temperature),
        tuple((float(before), float(after)) for before, after in losses),
    )


def reliability_at(items: Sequence[ConfidenceItem], temperature: float) -> Reliability:
    """The option probabilities of the answers at a temperature, against what was right."""
    best = at_temperature([each.logprobs for each in items], temperature).max(axis=1)
    right = tuple(each.right for each in items)
    return Reliability("probability", tuple(map(float, best)), right)


def _losses(items: Sequence[ConfidenceItem], temperature: float) -> np.ndarray:
    """The surprise at the right option of each question, in nats."""
    shares = at_temperature([each.logprobs for each in items], temperature)
    right = [each.options.index(each.right_answer) for each in items]
    return -np.log(np.maximum(shares[np.arange(len(items)), right], 1e-300))


def _best_temperature(items: Sequence[ConfidenceItem]) -> float:
    """By golden sections of the logarithm: the loss has one minimum, as it is convex in 1/T."""
    low, high = math.log(LOWEST), math.log(HIGHEST)
    golden = (math.sqrt(5) - 1) / 2
    while high - low > 1e-5:
        first, second = high - golden * (high - low), low + golden * (high - low)
        left, right = (float(_losses(items, math.exp(each)).mean()) for each in (first, second))
        low, high = (low, second) if left < right else (first, high)
    return math.exp((low + high) / 2)
