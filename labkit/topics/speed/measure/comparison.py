"""Measurements side by side: two machines, two days, two settings."""

from dataclasses import dataclass

from labkit.stats import Spread

from .measurement import Measurement

# What is compared: name, unit, and whether more is better.
NUMBERS = {
    "ttft_s": ("time to first token", "s", False),
    "tpot_s": ("time per output token", "s", False),
    "decode_tokens_per_s": ("decode", "tokens/s", True),
    "elapsed_s": ("end to end", "s", False),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One number of several measurements.

    Attributes:
        name: a key of `NUMBERS`.
        spreads: of each measurement; None where it has no such number.
    """

    name: str
    spreads: tuple[Spread | None, ...]

    @property
    def ratios(self) -> tuple[float | None, ...]:
        """Each median over the first's."""
        first = self.spreads[0]
        return tuple(s.median / first.median if s and first else None for s in self.spreads)

    @property
    def apart(self) -> tuple[bool | None, ...]:
        """Whether its middle half lies wholly beside the first's: a difference one can see."""
        return tuple(_apart(self.spreads[0], s) for s in self.spreads)


def _apart(one: Spread | None, other: Spread | None) -> bool | None:
    if one is None or other is None:
        return None
    (low, high), (other_low, other_high) = one.quartiles, other.quartiles
    return other_low > high or other_high < low


@dataclass(frozen=True, slots=True, repr=False)
class MeasurementComparison:
    """Measurements side by side.

    Attributes:
        names: of the measurements.
        measurements: the first is what the others are held against.
    """

    names: tuple[str, ...]
    measurements: tuple[Measurement, ...]

    @property
    def lines(self) -> tuple[Line, ...]:
        """One for each of `NUMBERS`."""
        return tuple(
            Line(name, tuple(getattr(each, name) for each in self.measurements)) for name in NUMBERS
        )

    @property
    def differences(self) -> tuple[str, ...]:
        """What was not the same: machine, versions, request. Any of it may be the cause."""
        rows = [_circumstances(each) for each in self.measurements]
        keys = dict.fromkeys(key for row in rows for key in row)
        values = {key: [row.get(key, "unknown") for row in rows] for key in keys}
        return tuple(
            f"{key}: {' / '.join(told)}" for key, told in values.items() if len(set(told)) > 1
        )

    @property
    def summary(self) -> str:
        """Decode against the first, and what differed."""
        line = next(line for line in self.lines if line.name == "decode_tokens_per_s")
        told = [
            f"{name} {ratio:.2f} times the decode speed of {self.names[0]}"
            + ("" if apart else " (no clear difference)")
            for name, ratio, apart in zip(self.names, line.ratios, line.apart, strict=True)
            if ratio is not None and name != self.names[0]
        ]
        differ = "; ".join(self.differences) or "nothing that was recorded"
        return f"{', '.join(told) or 'nothing to compare'}; different: {differ} (measured)"

    def __repr__(self) -> str:
        return self.summary


def _circumstances(measurement: Measurement) -> dict[str, str]:
    setup = measurement.setup
    return {
        "model": measurement.model,
        "machine": setup.machine,
        "cores": str(setup.cores),
        "prompt tokens": str(measurement.prompt_tokens),
        "max_tokens": str(measurement.max_tokens),
        "disturbed": str(bool(measurement.disturbance and measurement.disturbance.disturbed)),
        **dict(setup.software),
    }


def compare_measurements(**measurements: Measurement) -> MeasurementComparison:
    """Measurements side by side, by names of your own.

    Args:
        measurements: two or more: ``compare_measurements(here=one, there=other)``.
    """
    if len(measurements) < 2:
        raise ValueError(f"measurements must be two or more; got {len(measurements)}")
    return MeasurementComparison(tuple(measurements), tuple(measurements.values()))
