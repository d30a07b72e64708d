"""What a fit is good for: predictions of requests it has not seen, and token budgets."""

from bisect import bisect
from dataclasses import dataclass
from statistics import median

from labkit.checks import check_number, check_type
from labkit.formatting import in_lines
from labkit.lab_book.entry import BookEntry
from labkit.topics.speed.measure.machine_noise import MachineNoise, with_warning
from labkit.topics.speed.measure.run import TimedRun, origins

from .latency import (
    LatencyFit,
    LatencyPrediction,
    beyond,
    collect_measured,
    noise_of,
    predict_latency,
)

MOST_TOKENS = 2**24  # of a budget


@dataclass(frozen=True, slots=True, repr=False)
class LatencyCheck:
    """Predictions beside runs that the fit has not seen.

    Attributes:
        model: name of the model.
        runs: the measured runs.
        predictions: one for each.
        noise: what else the machine did during these runs and those of the fit, where it was
            recorded.
    """

    model: str
    runs: tuple[TimedRun, ...]
    predictions: tuple[LatencyPrediction, ...]
    noise: tuple[MachineNoise, ...] = ()

    @property
    def errors(self) -> tuple[float, ...]:
        """The error of each prediction, as a share of the measured time."""
        pairs = zip(self.runs, self.predictions, strict=True)
        return tuple(abs(p.elapsed_s - run.elapsed_s) / run.elapsed_s for run, p in pairs)

    @property
    def median_error(self) -> float:
        """The median absolute percentage error, as a share."""
        return median(self.errors)

    @property
    def inside(self) -> int:
        """How many runs lie within their interval."""
        pairs = zip(self.runs, self.predictions, strict=True)
        return sum(p.low_s <= run.elapsed_s <= p.high_s for run, p in pairs)

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """How far predictions were off."""
        error, label = 100 * self.median_error, "predictions were off by"
        note = "disturbed" if any(each and each.disturbed for each in self.noise) else ""
        more = {"origin": origins(self.runs), "model": self.model, "note": note}
        return (BookEntry("latency_error", label, error, "%", **more),)

    @property
    def summary(self) -> str:
        """How good the predictions were, and whether the machine was disturbed."""
        line = (
            f"{self.model}: predictions were off by {self.median_error:.1%} (median of "
            f"{len(self.runs)} requests that the fit had not seen), {self.inside} of them lay in "
            f"their {self.predictions[0].level:.0%} interval ({origins(self.runs)})"
        )
        return with_warning(line, self.noise)

    def __repr__(self) -> str:
        return in_lines(self.summary)


def validate_latency(fit: LatencyFit, *measured, level: float = 0.9) -> LatencyCheck:
    """Whether predictions hold for requests that the fit has not seen.

    Args:
        fit: the result of `fit_latency`.
        measured: other runs, as for `fit_latency`.
        level: as for `predict_latency`.
    Raises:
        ValueError: for no complete run, for a run that the fit has seen, or for a measurement of
            another model, number format or device than the fit.
    """
    check_type("fit", fit, LatencyFit, "lab.speed.fit_latency")
    found, measurements = collect_measured(measured, fit.subject)
    known = (run for run in found if run.complete and run.prompt_tokens)
    runs = tuple(run for run in known if run.output_tokens)
    if not runs or any(run is seen for run in runs for seen in fit.runs):
        raise ValueError("measured must contain complete runs that the fit has not seen")
    predictions = tuple(
        predict_latency(fit, run.prompt_tokens, run.output_tokens, level=level) for run in runs
    )
    every_noise = tuple(dict.fromkeys((*fit.noise, *noise_of(measurements))))
    return LatencyCheck(fit.model, runs, predictions, every_noise)


@dataclass(frozen=True, slots=True, repr=False)
class TokenBudget:
    """How long an answer may be within a time (computed from a fit).

    Attributes:
        budget_s: time end to end.
        tokens_in: length of the prompt.
        expected: tokens out that fit within the expected time.
        safe: tokens out that fit even at the upper end of the interval.
        level: level of the interval.
        beyond: sentences on where the request lies outside the runs of the fit.
        doubts: why the interval cannot be trusted; empty if it can.
    """

    budget_s: float
    tokens_in: int
    expected: int
    safe: int
    level: float
    beyond: tuple[str, ...]
    doubts: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """The answer in a sentence."""
        warning = f"; beyond what was measured: {', '.join(self.beyond)}" if self.beyond else ""
        safe = f"{self.safe:,} to be safe ({self.level:.0%} interval, computed from a fit)"
        if self.doubts:
            safe = f"and no number is safe: {' and '.join(self.doubts)} (computed from a fit)"
        return (
            f"{self.budget_s:g} s with {self.tokens_in:,} tokens in leave {self.expected:,} tokens "
            f"as a rule, {safe}{warning}"
        )

    def __repr__(self) -> str:
        return in_lines(self.summary)


def token_budget(
    fit: LatencyFit, budget_s: float, tokens_in: int, *, level: float = 0.9
) -> TokenBudget:
    """How many tokens an answer may have for the request to end within a time.

    Args:
        fit: the result of `fit_latency`.
        budget_s: time end to end, above 0.
        tokens_in: length of the prompt.
        level: as for `predict_latency`.
    """
    check_type("fit", fit, LatencyFit, "lab.speed.fit_latency")
    check_number("budget_s", budget_s, "above 0", lambda seconds: seconds > 0)

    def predict(tokens: int) -> LatencyPrediction:
        return predict_latency(fit, tokens_in, tokens, level=level)

    lengths = range(1, MOST_TOKENS + 1)
    expected = bisect(lengths, budget_s, key=lambda tokens: predict(tokens).elapsed_s)
    safe = bisect(lengths, budget_s, key=lambda tokens: predict(tokens).high_s)
    outside = beyond(fit, tokens_in, max(1, expected))
    return TokenBudget(budget_s, tokens_in, expected, safe, level, outside, fit.doubts)
