"""Measurements as files, and side by side: two machines, two days, two settings."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from labkit.backends.timings import EngineTimings
from labkit.errors import LabError

from .load_time import Load, LoadRun
from .machine_noise import Disturbance
from .measurement import Measurement, Setup
from .run import Run, Spread

FORMAT = 1
# What is compared: name, unit, and whether more is better.
NUMBERS = {
    "ttft_s": ("time to first token", "s", False),
    "tpot_s": ("time per output token", "s", False),
    "decode_tokens_per_s": ("decode", "tokens/s", True),
    "elapsed_s": ("end to end", "s", False),
}


def save(measurement: Measurement, path: str | Path) -> Path:
    """Writes a measurement with every run as JSON; the prompt and the answers are in it.

    Returns:
        Where it is.
    """
    path = Path(path)
    told = {"labkit_measurement": FORMAT, **asdict(measurement)}
    path.write_text(json.dumps(told, ensure_ascii=False, indent=1), encoding="utf-8")
    return path


def load_measurement(path: str | Path) -> Measurement:
    """A measurement that `save` wrote, here or on another machine.

    Raises:
        LabError: if there is no such file, or if it is another.
    """
    try:
        told = json.loads(Path(path).read_text(encoding="utf-8"))
        if told.pop("labkit_measurement") != FORMAT:
            raise KeyError("labkit_measurement")
        return _measurement(told)
    except FileNotFoundError:
        raise LabError(f"There is no file {path}.", "Write one with labkit.save.") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise LabError(
            f"{path} is no measurement of this lab.", "Name a file that labkit.save wrote."
        ) from None


def _measurement(told: dict) -> Measurement:
    setup, disturbance, load = told["setup"], told["disturbance"], told["load"]
    if disturbance and disturbance["frequency_mhz"]:
        disturbance["frequency_mhz"] = tuple(disturbance["frequency_mhz"])
    made = {
        "setup": Setup(**{**setup, "software": tuple(map(tuple, setup["software"]))}),
        "disturbance": Disturbance(**disturbance) if disturbance else None,
        "runs": tuple(map(_run, told["runs"])),
        "warmup": tuple(map(_run, told["warmup"])),
        "load": load and Load(load["model"], tuple(LoadRun(**run) for run in load["runs"])),
    }
    return Measurement(**{**told, **made})


def _run(told: dict) -> Run:
    timings = told.get("timings")
    made = {
        "token_times_s": tuple(told["token_times_s"]),
        "timings": EngineTimings(**timings) if timings else None,
    }
    return Run(**{**told, **made})


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
