"""What a fit is good for: held to requests it has not seen, and turned into a budget of tokens."""

from dataclasses import dataclass
from statistics import median

from labkit.formatting import in_lines
from labkit.topics.speed.measure.machine_noise import Disturbance, tell_disturbed
from labkit.topics.speed.measure.run import Run

from .latency import (
    LatencyFit,
    LatencyPrediction,
    beyond,
    disturbances_of,
    predict_latency,
    runs_of,
    unfold,
)


@dataclass(frozen=True, slots=True, repr=False)
class LatencyCheck:
    """Predictions beside runs that the fit has not seen.

    Attributes:
        model: name of the model.
        runs: that were measured.
        predictions: one for each.
        disturbances: what else the machine did while they, or the fit's runs, were measured, where
            somebody looked.
    """

    model: str
    runs: tuple[Run, ...]
    predictions: tuple[LatencyPrediction, ...]
    disturbances: tuple[Disturbance, ...] = ()

    @property
    def errors(self) -> tuple[float, ...]:
        """By what share of the measured time each prediction is off."""
        pairs = zip(self.runs, self.predictions, strict=True)
        return tuple(abs(p.elapsed_s - run.elapsed_s) / run.elapsed_s for run, p in pairs)

    @property
    def median_error(self) -> float:
        """The median absolute percentage error, as a share."""
        return median(self.errors)

    @property
    def inside(self) -> int:
        """How many runs lie in their interval."""
        pairs = zip(self.runs, self.predictions, strict=True)
        return sum(p.low_s <= run.elapsed_s <= p.high_s for run, p in pairs)

    @property
    def summary(self) -> str:
        """How good the predictions were, and whether the machine was disturbed."""
        line = (
            f"{self.model}: predictions were off by {self.median_error:.1%} (median of "
            f"{len(self.runs)} requests that the fit had not seen), {self.inside} of them lay in "
            f"their {self.predictions[0].level:.0%} interval (measured)"
        )
        disturbed = tell_disturbed(self.disturbances)
        return f"{line}. {disturbed}" if disturbed else line

    def __repr__(self) -> str:
        return in_lines(self.summary)


def validate_latency(fit: LatencyFit, *measured, level: float = 0.9) -> LatencyCheck:
    """Whether predictions hold for requests that the fit has not seen.

    Args:
        fit: from `fit_latency`.
        measured: as for `fit_latency`, other runs.
        level: as for `predict_latency`.
    Raises:
        ValueError: without a complete run, or if the fit has seen one of them.
    """
    found = unfold(measured)
    runs = tuple(run for run in runs_of(found) if run.complete and run.prompt_tokens)
    if not runs or any(run is seen for run in runs for seen in fit.runs):
        raise ValueError("measured must hold complete runs that the fit has not seen")
    predictions = tuple(
        predict_latency(fit, run.prompt_tokens, run.output_tokens, level=level) for run in runs
    )
    looked = dict.fromkeys((*fit.disturbances, *disturbances_of(found)))
    return LatencyCheck(fit.model, runs, predictions, tuple(looked))


@dataclass(frozen=True, slots=True, repr=False)
class TokenBudget:
    """What a time leaves for the answer (computed from a fit).

    Attributes:
        budget_s: end to end.
        tokens_in: of the prompt.
        expected: tokens out that take that long as a rule.
        safe: tokens out that keep the time even at the upper end of the interval.
        level: of the interval.
        beyond: in what it goes beyond the runs of the fit, in words.
    """

    budget_s: float
    tokens_in: int
    expected: int
    safe: int
    level: float
    beyond: tuple[str, ...]

    @property
    def summary(self) -> str:
        """The answer in a sentence."""
        warning = f"; beyond what was measured: {', '.join(self.beyond)}" if self.beyond else ""
        return (
            f"{self.budget_s:g} s with {self.tokens_in:,} tokens in leave {self.expected:,} tokens "
            f"as a rule, {self.safe:,} to be safe ({self.level:.0%} interval, computed from a fit)"
            f"{warning}"
        )

    def __repr__(self) -> str:
        return in_lines(self.summary)


def token_budget(
    fit: LatencyFit, budget_s: float, tokens_in: int, *, level: float = 0.9
) -> TokenBudget:
    """How many tokens an answer may have, so that the request keeps a time.

    Args:
        fit: from `fit_latency`.
        budget_s: end to end, above 0.
        tokens_in: of the prompt.
        level: as for `predict_latency`.
    """
    if not budget_s > 0:
        raise ValueError(f"budget_s must be above 0; got {budget_s!r}")

    def predict(tokens: int) -> LatencyPrediction:
        return predict_latency(fit, tokens_in, tokens, level=level)

    expected = _most(lambda tokens: predict(tokens).elapsed_s <= budget_s)
    safe = _most(lambda tokens: predict(tokens).high_s <= budget_s)
    said = beyond(fit, tokens_in, max(1, expected))
    return TokenBudget(budget_s, tokens_in, expected, safe, level, said)


def _most(fits, limit: int = 2**24) -> int:
    """The most tokens for which it holds, 0 if it holds for none; by halving."""
    low, high = 0, limit
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low
