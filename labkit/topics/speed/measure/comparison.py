"""Measurements side by side: two machines, two days, two settings."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from labkit.checks import check_type
from labkit.filesystem.read import read_each
from labkit.stats import Spread

from .files import read
from .measurement import Measurement
from .run import origins

# What is compared: label, unit, and whether more is better.
METRICS = {
    "ttft_s": ("time to first token", "s", False),
    "tpot_s": ("time per output token", "s", False),
    "decode_tokens_per_s": ("decode", "tokens/s", True),
    "elapsed_s": ("end to end", "s", False),
}


@dataclass(frozen=True, slots=True)
class ComparedMetric:
    """One metric of several measurements.

    Attributes:
        name: a key of `METRICS`.
        spreads: spread in each measurement; None where it has no such number.
    """

    name: str
    spreads: tuple[Spread | None, ...]

    @property
    def ratios(self) -> tuple[float | None, ...]:
        """Each median over that of the first."""
        first = self.spreads[0]
        return tuple(s.median / first.median if s and first else None for s in self.spreads)

    @property
    def distinct(self) -> tuple[bool | None, ...]:
        """Whether its middle half lies outside that of the first: a clear difference."""
        return tuple(_is_distinct(self.spreads[0], s) for s in self.spreads)


def _is_distinct(one: Spread | None, other: Spread | None) -> bool | None:
    if one is None or other is None:
        return None
    (low, high), (other_low, other_high) = one.quartiles, other.quartiles
    return other_low > high or other_high < low


@dataclass(frozen=True, slots=True, repr=False)
class MeasurementComparison:
    """Measurements side by side.

    Attributes:
        names: name of each measurement.
        measurements: the measurements; the others are compared with the first.
        left_out: why a file was not read, for each.
    """

    names: tuple[str, ...]
    measurements: tuple[Measurement, ...]
    left_out: tuple[str, ...] = ()

    @property
    def metrics(self) -> tuple[ComparedMetric, ...]:
        """One for each of `METRICS`."""
        return tuple(
            ComparedMetric(name, tuple(getattr(each, name) for each in self.measurements))
            for name in METRICS
        )

    @property
    def differences(self) -> tuple[str, ...]:
        """What was not the same: machine, versions, request. Any of it may be the cause."""
        rows = [_circumstances(each) for each in self.measurements]
        keys = dict.fromkeys(key for row in rows for key in row)
        values = {key: [row.get(key, "unknown") for row in rows] for key in keys}
        return tuple(
            f"{key}: {' / '.join(row)}" for key, row in values.items() if len(set(row)) > 1
        )

    @property
    def origin(self) -> str:
        """How the numbers came about, each origin once."""
        return origins(self.measurements)

    @property
    def summary(self) -> str:
        """Decode speed compared with the first, and what differed."""
        decode = next(each for each in self.metrics if each.name == "decode_tokens_per_s")
        rows = zip(self.names[1:], decode.ratios[1:], decode.distinct[1:], strict=True)
        ratios = [
            f"{name} {ratio:.2f} times the decode speed of {self.names[0]}"
            + ("" if distinct else " (no clear difference)")
            for name, ratio, distinct in rows
            if ratio is not None
        ]
        differ = "; ".join(self.differences) or "nothing that was recorded"
        missing = f"; left out: {' '.join(self.left_out)}" if self.left_out else ""
        found = ", ".join(ratios) or "nothing to compare"
        return f"{found}; different: {differ} ({self.origin}){missing}"

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
        "disturbed": str(bool(measurement.noise and measurement.noise.disturbed)),
        **dict(setup.software),
    }


def compare_measurements(
    files: str | Path | Iterable[str | Path] = (), /, **measurements: Measurement
) -> MeasurementComparison:
    """Measurements side by side, under names of your choice.

    Args:
        files: paths of measurements that `labkit.save` wrote, or a folder of them, such as a
            group's; each gets the name of its file, with its folder where two files are named
            alike. One that cannot be read is left out, and said.
        measurements: others by name: ``compare_measurements(here=one, there=other)``.
    Raises:
        ValueError: fewer than two in all, something else than measurements, or one name twice.
    """
    if isinstance(files, Iterable) and not isinstance(files, str | Path):
        files = tuple(files)
        for file in files:
            check_type("files", file, (str, Path), "lab.save, each as the name of its file")
    for name, each in measurements.items():
        check_type(name, each, Measurement, "lab.measure")
    found, left_out = read_each(files, read)
    named = dict(zip(_names(tuple(found)), found.values(), strict=True))
    if twice := sorted(named.keys() & measurements.keys()):
        raise ValueError(f"measurements must have other names than the files; got {twice}")
    named |= measurements
    if len(named) < 2:
        missing = f": {' '.join(left_out)}" if left_out else ""
        raise ValueError(f"measurements must be two or more; got {len(named)}{missing}")
    return MeasurementComparison(tuple(named), tuple(named.values()), tuple(left_out))


def _names(paths: Sequence[Path]) -> list[str]:
    """The name of each file; where two are alike, all with their folder, or their whole path."""
    names = [path.stem for path in paths]
    if len(set(names)) < len(names):
        names = [f"{path.resolve().parent.name}/{path.stem}" for path in paths]
    return names if len(set(names)) == len(names) else [str(path) for path in paths]
