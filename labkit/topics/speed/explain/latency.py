"""How long will my request take? A model of the latency, fitted to runs and checked on others.

prefill = a + b * tokens in (+ c * tokens in squared, where it helps)
decode = (tokens out - 1) * d + e * contexts, the sum of the tokens that each step attends to

Each is fitted by least squares of the relative errors, because the error in seconds grows with
the request. No coefficient is negative: no token saves time.
"""

import reprlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from labkit.checks import check_number, check_type, check_whole
from labkit.formatting import digits, in_lines, number_of
from labkit.topics.speed.measure.load_time import LoadTime
from labkit.topics.speed.measure.machine_noise import MachineNoise, any_disturbed, with_warning
from labkit.topics.speed.measure.measurement import Measurement
from labkit.topics.speed.measure.run import TimedRun

from .regression import LinearFit, fit_linear, student_quantile


def prefill_terms(tokens_in: int) -> tuple[float, float, float]:
    """The terms of prefill: constant, tokens in, and their square."""
    return 1.0, float(tokens_in), float(tokens_in) ** 2


def decode_terms(tokens_in: int, tokens_out: int) -> tuple[float, float]:
    """The terms of decode: gaps, and the sum of their contexts."""
    gaps = tokens_out - 1
    return float(gaps), float(gaps * tokens_in + gaps * (gaps + 1) // 2)


WILD = 0.5  # a standard deviation of the relative errors, above which a fit predicts nothing


@dataclass(frozen=True, slots=True, repr=False)
class LatencyFit:
    """A model of the latency (fitted to measured runs).

    Attributes:
        model: name of the model.
        prefill: seconds: constant, per token in, per token in squared.
        decode: seconds: per token out, per token of context.
        correlation: correlation of the two parts' errors in one run.
        load_s: median seconds of a warm load, or None.
        tokens_in: smallest and largest prompt of the runs.
        tokens_out: shortest and longest answer of the runs.
        runs: the runs that it was fitted to.
        noise: what else the machine did during the runs, where it was recorded.
        subject: model, number format and device of the measurements; None of runs alone.
    """

    model: str
    prefill: LinearFit
    decode: LinearFit
    correlation: float
    load_s: float | None
    tokens_in: tuple[int, int]
    tokens_out: tuple[int, int]
    runs: tuple[TimedRun, ...]
    noise: tuple[MachineNoise, ...] = ()
    subject: str | None = None

    @property
    def summary(self) -> str:
        """The coefficients in words, and whether the machine was disturbed."""
        constant, a_token, square = self.prefill.coefficients
        step, growth = self.decode.coefficients
        squared = f" + {digits(1e9 * square)} ns * tokens in²" if square else ""
        line = (
            f"{self.model}: prefill {digits(1000 * constant)} ms + {digits(1000 * a_token)} ms per "
            f"token in{squared}; decode {digits(1000 * step)} ms per token out + "
            f"{digits(1e6 * growth)} µs per token before it (fitted to {len(self.runs)} runs)"
        )
        return with_warning(line, self.noise)

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why no interval computed from it can be trusted; empty if it can."""
        found = ["the machine was disturbed meanwhile"] if any_disturbed(self.noise) else []
        spread = max(self.prefill.spread, self.decode.spread)
        return (*found, *([f"its runs miss it by {spread:.0%}"] if spread > WILD else []))

    def __repr__(self) -> str:
        return in_lines(self.summary)


@dataclass(frozen=True, slots=True, repr=False)
class LatencyPrediction:
    """How long a request will take (computed from a fit).

    Attributes:
        tokens_in: length of the prompt.
        tokens_out: length of the answer.
        load_s: seconds to load the model; 0 if it is loaded already.
        prefill_s: expected seconds to the first token.
        decode_s: expected seconds from the first token to the last.
        low_s, high_s: interval of the time end to end.
        level: share of requests that the interval contains.
        beyond: sentences on where the request lies outside the runs of the fit.
        doubts: why the interval cannot be trusted; empty if it can.
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
    doubts: tuple[str, ...] = ()

    @property
    def elapsed_s(self) -> float:
        """Expected seconds end to end."""
        return self.load_s + self.prefill_s + self.decode_s

    @property
    def summary(self) -> str:
        """The answer in a sentence."""
        sentence = f"{number_of(self.tokens_in, 'token')} in and {self.tokens_out:,} out take "
        if self.doubts:
            why = " and ".join(self.doubts)
            sentence += f"about {digits(self.elapsed_s)} s, and no interval holds: {why}"
        else:
            interval = f"{digits(self.low_s)} to {digits(self.high_s)} s"
            sentence += f"{digits(self.elapsed_s)} s, {interval} in {self.level:.0%} of requests"
        warning = f"; beyond what was measured: {', '.join(self.beyond)}" if self.beyond else ""
        return f"{sentence} (computed from a fit){warning}"

    def __repr__(self) -> str:
        return in_lines(self.summary)


def fit_latency(*measured, load: LoadTime | None = None) -> LatencyFit:
    """A model of the latency, from runs with prompts and answers of several lengths.

    Args:
        measured: measurements, experiments or runs of one model, alone on the machine.
        load: the result of `measure_load`, for predictions that include loading.
    Raises:
        ValueError: for fewer than four complete runs, for prompts or answers of one length, or for
            measurements of several models, number formats or devices.
    """
    if load is not None:
        check_type("load", load, LoadTime, "lab.speed.measure_load")
    found, measurements = collect_measured(measured)
    known = (run for run in found if run.complete and run.tpot_s and run.prompt_tokens)
    runs = tuple(run for run in known if run.read_at_once)
    ins, outs = [run.prompt_tokens for run in runs], [run.output_tokens for run in runs]
    if len(runs) < 4 or len(set(ins)) < 2:
        raise ValueError(
            "measured must contain four or more complete runs of two or more tokens, with "
            f"prompts of at least two lengths, not cached; "
            f"got {number_of(len(runs), 'run')} of {number_of(len(set(ins)), 'length')}"
        )
    prefill = fit_linear([prefill_terms(n) for n in ins], [run.ttft_s for run in runs])
    rows = [decode_terms(*pair) for pair in zip(ins, outs, strict=True)]
    decode = fit_linear(rows, [run.decode_s for run in runs])
    return LatencyFit(
        model=measurements[0].model if measurements else "runs",
        prefill=prefill,
        decode=decode,
        correlation=_correlation(prefill, decode, runs),
        load_s=load.warm_s.median if load and load.warm_s else None,
        tokens_in=(min(ins), max(ins)),
        tokens_out=(min(outs), max(outs)),
        runs=runs,
        noise=noise_of(measurements),
        subject=measurements[0].subject if measurements else None,
    )


def collect_measured(
    measured: Iterable, subject: str | None = None
) -> tuple[list[TimedRun], list[Measurement]]:
    """The runs that count, without those of batches; and the measurements that they are from.

    Args:
        measured: measurements, experiments or runs.
        subject: what all measurements must be of; None: what the first is of.
    Raises:
        ValueError: for something else, or a measurement of another subject.
    """
    runs: list[TimedRun] = []
    measurements: list[Measurement] = []
    for each in _flatten(measured):
        if isinstance(each, TimedRun):
            runs.append(each)
            continue
        subject = subject or each.subject
        if each.subject != subject:
            raise ValueError(f"measured must be of {subject}; got {each.subject}")
        measurements.append(each)
        if each.rows == 1:
            runs.extend(each.counted)
    return runs, measurements


def noise_of(measurements: Iterable[Measurement]) -> tuple[MachineNoise, ...]:
    """What else the machine did during measurements, each record once."""
    return tuple(dict.fromkeys(each.noise for each in measurements if each.noise))


def _flatten(measured: Iterable) -> Iterator[TimedRun | Measurement]:
    """The measurements of experiments and of nested collections; runs unchanged."""
    for each in measured:
        if isinstance(each, TimedRun | Measurement):
            yield each
        elif hasattr(each, "points"):
            yield from (point.measurement for point in each.points)
        elif isinstance(each, str) or not isinstance(each, Iterable):
            raise ValueError(f"measured must come from lab.measure; got {reprlib.repr(each)}")
        else:
            yield from _flatten(each)


def _correlation(prefill: LinearFit, decode: LinearFit, runs: Sequence[TimedRun]) -> float:
    one = [run.ttft_s / prefill.predict(prefill_terms(run.prompt_tokens)) - 1 for run in runs]
    rows = [decode_terms(run.prompt_tokens, run.output_tokens) for run in runs]
    two = [run.decode_s / decode.predict(row) - 1 for run, row in zip(runs, rows, strict=True)]
    if np.std(one) < 1e-9 or np.std(two) < 1e-9:
        return 0.0
    return float(np.corrcoef(one, two)[0, 1])


def predict_latency(
    fit: LatencyFit, tokens_in: int, tokens_out: int, *, level: float = 0.9, with_load: bool = False
) -> LatencyPrediction:
    """How long a request will take, with an interval.

    Args:
        fit: the result of `fit_latency`.
        tokens_in: length of the prompt, 1 or more.
        tokens_out: length of the answer, 1 or more.
        level: share of requests that the interval contains; above 0 and below 1.
        with_load: whether loading is included; the fit must then have been made with ``load``.
    """
    check_type("fit", fit, LatencyFit, "lab.speed.fit_latency")
    check_whole("tokens_in", tokens_in)
    check_whole("tokens_out", tokens_out)
    check_number("level", level, "above 0 and below 1", lambda share: 0 < share < 1)
    if with_load and fit.load_s is None:
        raise ValueError("with_load must be False: the fit was made without load")
    before, after = prefill_terms(tokens_in), decode_terms(tokens_in, tokens_out)
    one, two = fit.prefill.deviation(before), fit.decode.deviation(after)
    both = sqrt(max(0.0, one**2 + two**2 + 2 * fit.correlation * one * two))
    half = student_quantile(0.5 + level / 2, min(fit.prefill.freedom, fit.decode.freedom)) * both
    load_s = fit.load_s if with_load else 0.0
    prefill_s, decode_s = fit.prefill.predict(before), fit.decode.predict(after)
    total = load_s + prefill_s + decode_s
    return LatencyPrediction(
        tokens_in,
        tokens_out,
        load_s,
        prefill_s,
        decode_s,
        max(0.0, total - half),
        total + half,
        level,
        beyond(fit, tokens_in, tokens_out),
        fit.doubts,
    )


def beyond(fit: LatencyFit, tokens_in: int, tokens_out: int) -> tuple[str, ...]:
    """Sentences on where a request lies outside the runs of a fit."""
    ranges = (("tokens in", tokens_in, fit.tokens_in), ("tokens out", tokens_out, fit.tokens_out))
    return tuple(
        f"{value:,} {name}, measured {low:,} to {high:,}"
        for name, value, (low, high) in ranges
        if not low <= value <= high
    )
