"""Measurements as files, and side by side: two machines, two days, two settings."""

import json
from dataclasses import asdict
from pathlib import Path

from labkit.backends.timings import EngineTimings
from labkit.errors import LabError

from .load_time import Load, LoadRun
from .machine_noise import Disturbance
from .measurement import Measurement, Setup
from .run import Run

FORMAT = 1


def save_measurement(measurement: Measurement, path: str | Path) -> Path:
    """Writes a measurement with every run as JSON; the prompt and the answers are in it.

    Returns:
        Where it is.
    """
    path = Path(path)
    told = {"labkit_measurement": FORMAT, **asdict(measurement)}
    path.write_text(json.dumps(told, ensure_ascii=False, indent=1), encoding="utf-8")
    return path


def read(path: str | Path) -> Measurement:
    """A measurement that `save_measurement` wrote, here or on another machine.

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


WRITERS = {
    Measurement: save_measurement,
}
