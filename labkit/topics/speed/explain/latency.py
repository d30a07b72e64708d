"""How long will my request take? A model of the time, fitted to runs, checked on others.

prefill = a + b * tokens in (+ c * tokens in squared, where it helps)
decode = (tokens out - 1) * d + e * contexts, the tokens that each step attends to, added up

Each is fitted by least squares of the relative errors, for a long request is off by more seconds
than a short one. No coefficient is negative: no token gives time back.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from labkit.checks import check_whole
from labkit.formatting import in_lines
from labkit.topics.speed.measure.load_time import Load
from labkit.topics.speed.measure.machine_noise import Disturbance, tell_disturbed
from labkit.topics.speed.measure.measurement import Measurement
from labkit.topics.speed.measure.run import Run

from .regression import Line, fit_line, student_quantile


def prefill_terms(tokens_in: int) -> tuple[float, float, float]:
    """What the prefill's coefficients stand for."""
    return 1.0, float(tokens_in), float(tokens_in) ** 2


def decode_terms(tokens_in: int, tokens_out: int) -> tuple[float, float]:
    """What the decode's coefficients stand for: gaps, and the contexts of all of them added up."""
    gaps = tokens_out - 1
    return float(gaps), float(gaps * tokens_in + gaps * (gaps + 1) // 2)


@dataclass(frozen=True, slots=True, repr=False)
class LatencyFit:
    """A model of the time (fitted to measured runs).

    Attributes:
        model: name of the model.
        prefill: seconds: constant, a token in, its square.
        decode: seconds: a token out, a token of context.
        correlation: of both parts' errors in one run.
        load_s: median seconds of a warm load, or None.
        tokens_in: the least and the most of the runs.
        tokens_out: the same.
        runs: what it was fitted to.
        disturbances: what else the machine did while they were measured, where somebody looked.
    """

    model: str
    prefill: Line
    decode: Line
    correlation: float
    load_s: float | None
    tokens_in: tuple[int, int]
    tokens_out: tuple[int, int]
    runs: tuple[Run, ...]
    disturbances: tuple[Disturbance, ...] = ()

    @property
    def summary(self) -> str:
        """The coefficients, for people, and whether the machine was disturbed."""
        constant, a_token, square = self.prefill.coefficients
        step, growth = self.decode.coefficients
        squared = f" + {1e9 * square:.2g} ns * tokens in²" if square else ""
        line = (
            f"{self.model}: prefill {1000 * constant:.1f} ms + {1000 * a_token:.3g} ms a token in"
            f"{squared}; decode {1000 * step:.1f} ms a token out + "
            f"{1e6 * growth:.2g} µs for each token before it (fitted to {len(self.runs)} runs)"
        )
        disturbed = tell_disturbed(self.disturbances)
        return f"{line}. {disturbed}" if disturbed else line

    def __repr__(self) -> str:
        return in_lines(self.summary)


@dataclass(frozen=True, slots=True, repr=False)
class LatencyPrediction:
    """How long a request will take (computed from a fit).

    Attributes:
        tokens_in: of the prompt.
        tokens_out: of the answer.
        load_s: for loading; 0 where the model is loaded already.
        prefill_s: expected, to the first token.
        decode_s: expected, from the first token to the last.
        low_s, high_s: end to end; so many of all requests lie between them.
        level: how many.
        beyond: in what it goes beyond the runs of the fit, in words.
    """

    tokens_in: int
    tokens_out: int
    load_s: float
    prefill_s: float
    decode_s: float
    low_s: float
    high_s: float
    level: float
    beyond: tuple[str, ...]

    @property
    def elapsed_s(self) -> float:
        """Expected end to end."""
        return self.load_s + self.prefill_s + self.decode_s

    @property
    def summary(self) -> str:
        """The answer in a sentence."""
        told = (
            f"{self.tokens_in:,} tokens in and {self.tokens_out:,} out take {self.elapsed_s:.2f} s,"
            f" {self.low_s:.2f} to {self.high_s:.2f} s in {self.level:.0%} of requests"
        )
        warning = f"; beyond what was measured: {', '.join(self.beyond)}" if self.beyond else ""
        return f"{told} (computed from a fit){warning}"

    def __repr__(self) -> str:
        return in_lines(self.summary)


def fit_latency(*measured, load: Load | None = None) -> LatencyFit:
    """A model of the time from runs with prompts and answers of several lengths.

    Args:
        measured: measurements, experiments, or runs; of one model, alone on the machine.
        load: from `measure_load`, for predictions that include loading.
    Raises:
        ValueError: for fewer than four complete runs, or for prompts or answers of one length.
    """
    found = unfold(measured)
    runs = tuple(run for run in runs_of(found) if run.complete and run.tpot_s)
    runs = tuple(run for run in runs if run.prompt_tokens)
    ins, outs = [run.prompt_tokens for run in runs], [run.output_tokens for run in runs]
    if len(runs) < 4 or len(set(ins)) < 2:
        raise ValueError(
            "measured must hold four or more complete runs of two or more tokens, with prompts of "
            f"at least two lengths; got {len(runs)} runs of {len(set(ins))} length(s)"
        )
    prefill = fit_line([prefill_terms(n) for n in ins], [run.ttft_s for run in runs])
    rows = [decode_terms(*pair) for pair in zip(ins, outs, strict=True)]
    decode = fit_line(rows, [run.decode_s for run in runs])
    return LatencyFit(
        model=next((m.model for m in measured if hasattr(m, "model")), "runs"),
        prefill=prefill,
        decode=decode,
        correlation=_correlation(prefill, decode, runs),
        load_s=load.warm_s.median if load and load.warm_s else None,
        tokens_in=(min(ins), max(ins)),
        tokens_out=(min(outs), max(outs)),
        runs=runs,
        disturbances=disturbances_of(found),
    )


def unfold(measured: Iterable) -> list[Run | Measurement]:
    """The measurements in experiments and in collections of any of these; runs as they are."""
    found: list[Run | Measurement] = []
    for each in measured:
        if isinstance(each, Run | Measurement):
            found.append(each)
        elif hasattr(each, "points"):
            found.extend(point.measurement for point in each.points)
        else:
            found.extend(unfold(each))
    return found


def runs_of(found: Iterable[Run | Measurement]) -> list[Run]:
    """The runs that count; those of batches are left out."""
    runs: list[Run] = []
    for each in found:
        if isinstance(each, Run):
            runs.append(each)
        elif each.rows == 1:
            runs.extend(each.counted)
    return runs


def disturbances_of(found: Iterable[Run | Measurement]) -> tuple[Disturbance, ...]:
    """What else the machine did while they were measured, where somebody looked."""
    known = (each.disturbance for each in found if isinstance(each, Measurement))
    return tuple(dict.fromkeys(each for each in known if each))


def _correlation(prefill: Line, decode: Line, runs: Sequence[Run]) -> float:
    one = [run.ttft_s / prefill.at(prefill_terms(run.prompt_tokens)) - 1 for run in runs]
    two = [run.decode_s / decode.at(_decode_terms_of(run)) - 1 for run in runs]
    if np.std(one) < 1e-9 or np.std(two) < 1e-9:
        return 0.0
    return float(np.corrcoef(one, two)[0, 1])


def _decode_terms_of(run: Run) -> tuple[float, float]:
    return decode_terms(run.prompt_tokens, run.output_tokens)


def predict_latency(
    fit: LatencyFit,
    tokens_in: int,
    tokens_out: int,
    *,
    level: float = 0.9,
    with_load: bool = False,
) -> LatencyPrediction:
    """How long a request of that many tokens will take, with an interval for a new request.

    Args:
        fit: from `fit_latency`.
        tokens_in: of the prompt, 1 or more.
        tokens_out: of the answer, 1 or more.
        level: share of requests that the interval shall hold; above 0 and below 1.
        with_load: the model is loaded first; the fit must know how long that takes.
    """
    for name, value in (("tokens_in", tokens_in), ("tokens_out", tokens_out)):
        check_whole(name, value)
    if not 0 < level < 1:
        raise ValueError(f"level must be above 0 and below 1; got {level!r}")
    if with_load and fit.load_s is None:
        raise ValueError("with_load must be False: the fit was made without load")
    before, after = prefill_terms(tokens_in), decode_terms(tokens_in, tokens_out)
    one, two = fit.prefill.deviation(before), fit.decode.deviation(after)
    both = sqrt(max(0.0, one**2 + two**2 + 2 * fit.correlation * one * two))
    half = student_quantile(0.5 + level / 2, min(fit.prefill.freedom, fit.decode.freedom)) * both
    load_s = fit.load_s if with_load else 0.0
    prefill_s, decode_s = fit.prefill.at(before), fit.decode.at(after)
    total = load_s + prefill_s + decode_s
    return LatencyPrediction(
        tokens_in, tokens_out, load_s, prefill_s, decode_s, max(0.0, total - half), total + half,
        level, beyond(fit, tokens_in, tokens_out),
    )  # fmt: skip


def beyond(fit: LatencyFit, tokens_in: int, tokens_out: int) -> tuple[str, ...]:
    """In what a request goes beyond the runs of a fit, in words."""
    asked = (("tokens in", tokens_in, fit.tokens_in), ("tokens out", tokens_out, fit.tokens_out))
    return tuple(
        f"{value:,} {name}, measured {low:,} to {high:,}"
        for name, value, (low, high) in asked
        if not low <= value <= high
    )
