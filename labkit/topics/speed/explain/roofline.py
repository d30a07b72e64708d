"""Why this fast: what the machine reads and computes in a second, and what a token needs.

The roofline (Williams, Waterman and Patterson 2009, "Roofline: An Insightful Visual Performance
Model for Multicore Architectures"): no work runs faster than the lesser of peak arithmetic and
bandwidth * arithmetic intensity.
"""

from dataclasses import dataclass

from labkit.backends.capabilities import WITH_WEIGHTS, HasPlan, HasQuantizedWeights, check_backend
from labkit.backends.generate import Backend
from labkit.backends.llamacpp.gguf_config import read_gguf_config
from labkit.backends.local.device_probe import Probe, probe_device
from labkit.checks import check_type
from labkit.errors import LabError
from labkit.formatting import digits, in_lines, number_of
from labkit.lab_book.entry import BookEntry, entry_of_spread
from labkit.models.memory_plan import config_fields
from labkit.stats import Spread
from labkit.topics.speed.measure.machine_noise import MachineNoise, with_warning
from labkit.topics.speed.measure.measurement import Measurement
from labkit.topics.speed.measure.run import call_hook
from labkit.topics.speed.measure.setup import subject_of

from .operation_count import Work, decode_work, prefill_work

# How far the probe's best may miss the machine's best, on a quiet machine (assumed).
MIN_ERROR = 0.10


@dataclass(frozen=True, slots=True)
class RooflinePoint:
    """Prefill or decode: its work, what the machine allows, and what was measured.

    Attributes:
        work: bytes and operations (computed).
        probe: the machine (measured).
        measured_s: seconds that the work took; None if not measured.
    """

    work: Work
    probe: Probe
    measured_s: Spread | None

    @property
    def ceiling_s(self) -> float:
        """The least seconds that the work takes here."""
        return self.work.seconds(max(self.probe.bytes_per_s), max(self.probe.flops_per_s))

    @property
    def ceiling_tokens_per_s(self) -> float:
        """The ceiling in tokens per second."""
        return self.work.tokens / self.ceiling_s

    @property
    def measured_tokens_per_s(self) -> float | None:
        """The median speed measured."""
        return self.work.tokens / self.measured_s.median if self.measured_s else None

    @property
    def reached(self) -> float | None:
        """Share of the ceiling reached."""
        return self.ceiling_s / self.measured_s.median if self.measured_s else None

    @property
    def bound(self) -> str:
        """Which roof limits it: ``"memory"`` or ``"arithmetic"``."""
        return self.work.bound(max(self.probe.bytes_per_s), max(self.probe.flops_per_s))

    @property
    def error(self) -> float:
        """How far the ceiling may be off, as a share of it.

        The distance of the probe's median from its best, and at least `MIN_ERROR`.
        """
        is_memory = self.bound == "memory"
        rounds = Spread(self.probe.bytes_per_s if is_memory else self.probe.flops_per_s)
        return max(MIN_ERROR, 1 - rounds.median / rounds.high)

    @property
    def is_above(self) -> bool:
        """Whether it was measured clearly above its ceiling, which is therefore wrong."""
        return self.reached is not None and self.reached > 1 + self.error

    @property
    def flops_per_s(self) -> float | None:
        """Operations per second reached: the height in the figure."""
        return self.work.flops / self.measured_s.median if self.measured_s else None


@dataclass(frozen=True, slots=True, repr=False)
class Roofline:
    """The machine's roof, and a model's prefill and decode under it.

    Attributes:
        model: name of the model.
        probe: the machine (measured).
        points: prefill and decode.
        noise: what else the machine did during the measurement, where it was recorded.
        origin: how the times of the measurement came about.
    """

    model: str
    probe: Probe
    points: tuple[RooflinePoint, ...]
    noise: MachineNoise | None = None
    origin: str = "measured"

    @property
    def ridge(self) -> float:
        """Operations per byte at which the two roofs meet: left of it, memory is the limit."""
        return max(self.probe.flops_per_s) / max(self.probe.bytes_per_s)

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """The bandwidth of the memory, and how near to its roof decode came."""
        rate = Spread(tuple(each / 1e9 for each in self.probe.bytes_per_s))
        entries = entry_of_spread("bandwidth_gb_per_s", "memory bandwidth", rate, "GB/s")
        decode = next((point for point in self.points if point.work.name == "decode"), None)
        if not decode or not decode.reached:
            return entries
        share, label = 100 * decode.reached, "of the roof reached"
        more = {"origin": self.origin, "model": self.model}
        return *entries, BookEntry("roof_reached", label, share, "%", **more)

    @property
    def summary(self) -> str:
        """Both ceilings with their error, and what was measured."""
        roof = (
            f"{max(self.probe.bytes_per_s) / 1e9:.1f} GB/s, "
            f"{max(self.probe.flops_per_s) / 1e9:.0f} GFLOP/s in {self.probe.dtype}"
        )
        line = (
            f"{self.model} under {roof}: {'; '.join(map(_describe, self.points))} ({self.origin})"
        )
        if above := [point.work.name for point in self.points if point.is_above]:
            line += (
                f". {' and '.join(above)} measured above the ceiling: the machine was busier while "
                "it was probed. Probe it again"
            )
        return with_warning(line, (self.noise,))

    def __repr__(self) -> str:
        return in_lines(self.summary)


def _describe(point: RooflinePoint) -> str:
    reached = ""
    if point.reached:
        reached = f", reached {digits(point.measured_tokens_per_s)} ({point.reached:.0%})"
    ceiling = f"{digits(point.ceiling_tokens_per_s)} tokens/s ± {point.error:.0%}"
    return f"{point.work.name} bound by {point.bound}, at most {ceiling}{reached}"


def roofline(model: Backend, measurement: Measurement, *, probe: Probe | None = None) -> Roofline:
    """Why a model is this fast here: its prefill and its decode under the machine's roof.

    The machine is measured in a second or two, on the model's device and in its dtype. Of a model
    in llama.cpp it is decode alone: prefill multiplies small integers there, whose roof is not
    measured.

    Args:
        model: a model from ``labkit.load`` or ``labkit.load_llamacpp``.
        measurement: a measurement of this model, on its device and in its number format.
        probe: an earlier probe of the machine, as of another roofline; None: it is probed now.
    Raises:
        LabError: for a model whose weights are not in this process.
        ValueError: for a measurement of another model, number format or device, a probe of another
            device or number format, or a mixture of experts.
    """
    check_backend("model", model)
    check_type("measurement", measurement, Measurement, "lab.measure")
    if probe is not None:
        check_type("probe", probe, Probe, "the probe of a lab.speed.roofline")
    if not isinstance(model, HasPlan | HasQuantizedWeights):
        raise LabError(
            f"{model.name} does not expose its configuration.",
            f"{WITH_WEIGHTS} Or one from lab.load_llamacpp.",
        )
    subject = subject_of(model.name, call_hook(model, "about") or {})
    if measurement.subject != subject or measurement.rows != 1:
        raise ValueError(
            f"measurement must be of {subject}, one row; got {measurement.subject}, "
            f"{number_of(measurement.rows, 'row')}"
        )
    plan = model.plan if isinstance(model, HasPlan) else None
    device, dtype = (plan.device, plan.needs.dtype) if plan else ("cpu", "float32")
    probe = probe or probe_device(device, dtype)
    if (probe.device, probe.dtype) != (device, dtype):
        got = f"{probe.dtype} on {probe.device}"
        raise ValueError(f"probe must be of {dtype} on {device}; got {got}")
    if not isinstance(model, HasPlan):
        return _quantized_roofline(model, measurement, probe)
    config = config_fields(model.model.config)
    return build_roofline(measurement, probe, config, count_weights(model), dtype)


def _quantized_roofline(
    model: HasQuantizedWeights, measurement: Measurement, probe: Probe
) -> Roofline:
    decode = decode_work(
        read_gguf_config(model.gguf_file),
        model.parameters,
        "float16",  # of the cache, llama.cpp's default
        _middle(measurement),
        bytes_per_weight=model.weights_bytes / model.parameters,
    )
    point = RooflinePoint(decode, probe, measurement.tpot_s)
    return Roofline(measurement.model, probe, (point,), measurement.noise, measurement.origin)


def count_weights(model) -> int:
    """The number of weights of a loaded model; tied ones once."""
    return sum(weight.numel() for weight in model.model.parameters())


def build_roofline(
    measurement: Measurement, probe: Probe, config, parameters: int, dtype: str
) -> Roofline:
    """Both points of a measurement, decode at its middle context.

    Raises:
        ValueError: the number of the prompt's tokens is not known.
    """
    middle = _middle(measurement)
    prefill = prefill_work(config, parameters, dtype, measurement.prompt_tokens)
    decode = decode_work(config, parameters, dtype, middle)
    points = (
        RooflinePoint(prefill, probe, measurement.ttft_s),
        RooflinePoint(decode, probe, measurement.tpot_s),
    )
    return Roofline(measurement.model, probe, points, measurement.noise, measurement.origin)


def _middle(measurement: Measurement) -> int:
    """The number of tokens in the cache, half-way through the answer."""
    if not measurement.prompt_tokens:
        raise ValueError(
            "measurement must have a complete run with a known number of prompt tokens"
        )
    return measurement.prompt_tokens + round((measurement.output_tokens.median - 1) / 2)
