"""This machine, and which models of the catalogue fit it."""

from dataclasses import dataclass

from labkit.formatting import GIB
from labkit.lab_book.entry import BookEntry
from labkit.models.catalogue import GENERATIVE
from labkit.models.entry import Entry, HubSource
from labkit.models.machine import Machine, inspect_machine
from labkit.models.memory_plan import Plan, plan_entry
from labkit.models.storage import store
from labkit.models.storage.hub import hub_cached


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model of the catalogue, seen from this machine.

    Attributes:
        entry: catalogue entry of the model.
        plan: device, dtype, memory needed and memory free (computed).
        on_disk: whether its files are on this machine.
    """

    entry: Entry
    plan: Plan
    on_disk: bool


@dataclass(frozen=True, slots=True, repr=False)
class MachineReport:
    """This machine, and what each model of the catalogue would need.

    Attributes:
        machine: hardware and free memory at the time of the report (measured).
        candidates: models of the catalogue, smallest first.
    """

    machine: Machine
    candidates: tuple[Candidate, ...]

    @property
    def fitting(self) -> tuple[str, ...]:
        """Names of the models that fit, smallest first."""
        return tuple(each.entry.name for each in self.candidates if each.plan.fits)

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """Free memory, and how many models of the catalogue fit into it."""
        free = self.machine.available_bytes / GIB
        return (
            BookEntry("free_memory_gib", "free memory", free, "GiB"),
            BookEntry("fitting_models", "models that fit", len(self.fitting), origin="computed"),
        )

    @property
    def summary(self) -> str:
        """The machine in a few lines."""
        return repr(self)

    def __repr__(self) -> str:
        m = self.machine
        gpus = ", ".join(
            f"{gpu.name} ({gpu.free_bytes / GIB:.1f} of {gpu.memory_bytes / GIB:.1f} GiB free)"
            for gpu in m.gpus
        )
        return "\n".join(
            [
                f"{m.cpu}, {m.cores} cores, {m.system}",
                f"memory: {m.available_bytes / GIB:.1f} of {m.memory_bytes / GIB:.1f} GiB free",
                f"GPU: {gpus or ('Apple, shares the memory' if m.apple_gpu else 'none')}",
                f"disk: {m.disk_free_bytes / GIB:.1f} GiB free for models",
                f"{len(self.fitting)} of {len(self.candidates)} models of the catalogue fit",
            ]
        )


def describe_machine() -> MachineReport:
    """Inspects this machine and computes which models of the catalogue fit; loads no model."""
    machine = inspect_machine()
    stored = store.list_models()
    candidates = [
        Candidate(entry, plan_entry(entry, machine), _is_on_disk(entry, stored))
        for entry in sorted(GENERATIVE, key=lambda entry: entry.parameters)
    ]
    return MachineReport(machine, tuple(candidates))


def _is_on_disk(entry: Entry, stored: dict) -> bool:
    return "safetensors" in stored.get(entry.name, ()) or (
        isinstance(entry.source, HubSource) and hub_cached(entry.source) is not None
    )
