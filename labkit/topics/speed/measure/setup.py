"""On which machine, and with which software, something was measured."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from labkit.backends.generate import Backend
from labkit.models.machine import inspect_machine

from .run import call_hook


@dataclass(frozen=True, slots=True)
class Setup:
    """Machine and software of a measurement; two that differ here may differ in every number.

    Attributes:
        machine: processor, or GPU where the model runs on one.
        system: operating system and processor family.
        cores: logical cores that this process may use.
        memory_bytes: memory of the machine.
        software: names and values: engine, device, dtype, threads, versions.
        measured_at: time in UTC, ISO 8601.
    """

    machine: str
    system: str
    cores: int
    memory_bytes: int
    software: tuple[tuple[str, str], ...]
    measured_at: str

    @property
    def label(self) -> str:
        """The setup in a line."""
        software = dict(self.software)
        parts = [software.get("gpu", self.machine), software.get("engine"), software.get("dtype")]
        if "threads" in software:
            parts.append(f"{software['threads']} threads")
        return ", ".join(part for part in parts if part)


def subject_of(model: str, software: Mapping[str, str]) -> str:
    """What is measured: the model, with its number format and device as far as they are known.

    >>> subject_of("smollm2-135m", {"engine": "transformers", "dtype": "float32", "device": "cpu"})
    'smollm2-135m, float32, cpu'
    """
    parts = (model, software.get("dtype"), software.get("device"))
    return ", ".join(part for part in parts if part)


def describe_setup(backend: Backend) -> Setup:
    """The machine, and what the backend's ``about()`` reports."""
    machine = inspect_machine()
    described = call_hook(backend, "about") or {"engine": type(backend).__name__}
    software = {**described, "python": platform.python_version()}
    return Setup(
        machine=machine.cpu,
        system=machine.system,
        cores=machine.cores,
        memory_bytes=machine.memory_bytes,
        software=tuple((str(name), str(value)) for name, value in software.items()),
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
