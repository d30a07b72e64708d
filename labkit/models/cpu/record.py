"""The record of what runs a model fastest on this CPU. Does not import torch."""

from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from labkit.errors import LabError
from labkit.filesystem.read import parse, read_file
from labkit.filesystem.write import write_json
from labkit.models.storage import store

# What is not the default must win by more than the noise of a shared machine.
MARGIN = 1.05


@dataclass(frozen=True, slots=True)
class CpuTuning:
    """What was chosen for a model on this CPU, and the measurements behind it.

    Attributes:
        model: the model's name and dtype.
        packed: whether the linear layers compute from a packed copy of their weights.
        threads: number of threads.
        packed_gain: time of plain layers for one token divided by that of packed ones; None: not
            measured.
        threads_gain: time of a short answer with torch's own number of threads divided by that
            with half as many; None: not measured.
        bfloat16_gain: time of plain layers for a prompt in float32 divided by that in bfloat16;
            None: not measured.
        quiet: whether other programs left the processor alone; if not, nothing was measured, and a
            later load tries again.
        date: day of the measurement, or None if the choice was the caller's.
    """

    model: str
    packed: bool
    threads: int
    packed_gain: float | None = None
    threads_gain: float | None = None
    bfloat16_gain: float | None = None
    quiet: bool = True
    date: str | None = None

    @property
    def reading_dtype(self) -> str:
        """The dtype in which prompts are read faster; float32 is the dtype of all that is shown."""
        return "bfloat16" if (self.bfloat16_gain or 0) > MARGIN else "float32"

    @property
    def layers(self) -> str:
        """How the layers run, in words."""
        kind = "packed" if self.packed else "plain"
        if self.packed_gain is None:
            return kind
        return f"{kind} (packed ones took {1 / self.packed_gain:.2f} of the time of plain ones)"

    def __str__(self) -> str:
        text = f"{self.model}: layers {self.layers}, threads: {self.threads}"
        if self.bfloat16_gain:
            text += f"; layers read prompts {self.bfloat16_gain:.1f} times as fast in bfloat16"
        if not self.quiet:
            text += "; not measured yet: other programs were busy"
        return text + (f"; measured on {self.date}" if self.date else "")


def remembered() -> dict[str, CpuTuning]:
    """What was measured on this home's machines, by processor, torch and shape of the model."""
    try:
        return parse(read_file(_file()), dict[str, CpuTuning])
    except (LabError, ValueError):  # none, or damaged
        return {}


def remember(key: str, tuning: CpuTuning) -> None:
    """Adds what was measured to the record of this home."""
    known = remembered() | {key: tuning}
    with suppress(LabError):  # a home that may only be read: measured each time
        write_json(_file(), {each: asdict(value) for each, value in known.items()})


def _file() -> Path:
    return store.models_folder().parent / "cpu_tuning.json"
