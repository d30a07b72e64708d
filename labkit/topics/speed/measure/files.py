"""Measurements as JSON files."""

from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from pathlib import Path
from typing import Literal

from labkit.filesystem.read import read_shared, wrong_content
from labkit.filesystem.write import write_json

from .machine_noise import MachineNoise
from .measurement import Measurement

FORMAT = 1
WHAT, HINT = "a measurement", "Name a file that lab.save wrote."


@dataclass(frozen=True, slots=True, kw_only=True)
class _MeasurementFile(Measurement):
    """A file's content."""

    labkit_measurement: Literal[1]
    disturbance: MachineNoise | None = None  # the noise, as version 0.1 called it


def save_measurement(measurement: Measurement, path: str | Path) -> Path:
    """Writes a measurement with every run as JSON, with prompt and answers; returns the path."""
    return write_json(path, {"labkit_measurement": FORMAT, **asdict(measurement)})


def read(path: str | Path) -> Measurement:
    """A measurement that `save_measurement` wrote, here or on another machine.

    Raises:
        LabError: there is no such file, or it is not a measurement.
    """
    content = read_shared(path, _MeasurementFile, WHAT, hint=HINT)
    for run in (*content.runs, *content.warmup):
        if any(later < earlier for earlier, later in pairwise(run.token_times_s)):
            raise wrong_content(path, WHAT, "its times do not follow one another", HINT)
    values = {field.name: getattr(content, field.name) for field in fields(Measurement)}
    return Measurement(**{**values, "noise": content.noise or content.disturbance})


WRITERS = {Measurement: save_measurement}
