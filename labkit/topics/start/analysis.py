"""Which models run on this machine."""

from dataclasses import dataclass

from labkit.formatting import GIB
from labkit.models.catalogue import CATALOGUE, Entry, HubSource
from labkit.models.machine import Machine, inspect_machine
from labkit.models.memory_plan import Plan, plan_entry
from labkit.models.storage import store
from labkit.models.storage.fetch import hub_cached


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model of the catalogue, on this machine.

    Attributes:
        entry: the model.
        plan: device, dtype, memory needed and memory free (computed).
        present: whether its files are here.
    """

    entry: Entry
    plan: Plan
    present: bool


@dataclass(frozen=True, slots=True, repr=False)
class MachineReport:
    """This machine, and what each model of the catalogue would need of it.

    Attributes:
        machine: what is there, as it was when it was looked at (measured).
        candidates: the catalogue's models, smallest first.
    """

    machine: Machine
    candidates: tuple[Candidate, ...]

    @property
    def fitting(self) -> tuple[str, ...]:
        """Names of the models that fit."""
        return tuple(each.entry.name for each in self.candidates if each.plan.fits)

    @property
    def summary(self) -> str:
        """The machine, in a few lines."""
        return repr(self)

    def __repr__(self) -> str:
        m = self.machine
        gpus = ", ".join(
            f"{gpu.name} ({gpu.free_bytes / GIB:.1f} of {gpu.memory_bytes / GIB:.1f} GiB free)"
            for gpu in m.gpus
        )
        lines = [
            f"{m.cpu}, {m.cores} cores, {m.system}",
            f"memory: {m.available_bytes / GIB:.1f} of {m.memory_bytes / GIB:.1f} GiB free",
            f"GPU: {gpus or ('Apple, shares the memory' if m.apple_gpu else 'none')}",
            f"disk: {m.disk_free_bytes / GIB:.1f} GiB free for models",
            f"{len(self.fitting)} of {len(self.candidates)} models of the catalogue fit",
        ]
        return "\n".join(lines)


def describe_machine() -> MachineReport:
    """Looks at this machine and works out which models of the catalogue fit; loads none."""
    machine = inspect_machine()
    kept = store.kept()
    candidates = [
        Candidate(entry, plan_entry(entry, machine), _present(entry, kept))
        for entry in sorted(CATALOGUE.values(), key=lambda entry: entry.parameters)
    ]
    return MachineReport(machine, tuple(candidates))


def _present(entry: Entry, kept: dict) -> bool:
    if "safetensors" in kept.get(entry.name, ()):
        return True
    return isinstance(entry.source, HubSource) and hub_cached(entry.source) is not None
