"""Measurements as JSON files."""

import json
from dataclasses import asdict
from pathlib import Path

from labkit.backends.timings import EngineTimings
from labkit.errors import LabError

from .load_time import LoadRun, LoadTime
from .machine_noise import MachineNoise
from .measurement import Measurement
from .run import TimedRun
from .setup import Setup

FORMAT = 1


def save_measurement(measurement: Measurement, path: str | Path) -> Path:
    """Writes a measurement with every run as JSON, with prompt and answers; returns the path."""
    path = Path(path)
    payload = {"labkit_measurement": FORMAT, **asdict(measurement)}
    path.write_text(json.dumps(payload, ensure_ascii=False, indent=1), encoding="utf-8")
    return path


def read(path: str | Path) -> Measurement:
    """A measurement that `save_measurement` wrote, here or on another machine.

    Raises:
        LabError: there is no such file, or it is not a measurement.
    """
    try:
        payload = json.loads(Path(path).read_text(encoding="utf-8"))
        if payload.pop("labkit_measurement") != FORMAT:
            raise KeyError("labkit_measurement")
        return _measurement(payload)
    except FileNotFoundError:
        raise LabError(f"There is no file {path}.", "Write one with labkit.save.") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise LabError(
            f"{path} is not a measurement of this lab.", "Name a file that labkit.save wrote."
        ) from None


def _measurement(payload: dict) -> Measurement:
    if "disturbance" in payload:  # as version 0.1 called it
        payload["noise"] = payload.pop("disturbance")
    setup, noise, load = payload["setup"], payload["noise"], payload["load"]
    if noise and noise["frequency_mhz"]:
        noise["frequency_mhz"] = tuple(noise["frequency_mhz"])
    values = {
        "setup": Setup(**{**setup, "software": tuple(map(tuple, setup["software"]))}),
        "noise": MachineNoise(**noise) if noise else None,
        "runs": tuple(map(_run, payload["runs"])),
        "warmup": tuple(map(_run, payload["warmup"])),
        "load": load and LoadTime(load["model"], tuple(LoadRun(**run) for run in load["runs"])),
    }
    return Measurement(**{**payload, **values})


def _run(payload: dict) -> TimedRun:
    timings = payload.get("timings")
    values = {
        "token_times_s": tuple(payload["token_times_s"]),
        "timings": EngineTimings(**timings) if timings else None,
    }
    return TimedRun(**{**payload, **values})


WRITERS = {Measurement: save_measurement}
