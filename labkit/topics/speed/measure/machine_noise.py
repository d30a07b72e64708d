"""What else the machine did during a measurement."""

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass

import psutil

# Above these, a measurement counts as disturbed. Chosen: a tenth of the machine moves a median
# visibly; two percent stolen is one interruption in fifty.
OTHERS_SHARE, STOLEN_SHARE, SLOWER_CLOCK = 0.10, 0.02, 0.85


@dataclass(frozen=True, slots=True)
class MachineNoise:
    """What else happened meanwhile (measured). What the system does not report is None.

    Attributes:
        wall_s: seconds observed.
        cores: logical cores of the machine.
        others_cores: cores that other programs kept busy, on average.
        stolen_share: share of the cores' time that the hypervisor gave to other machines.
        load_average: programs that ran or waited in the minute before the end.
        frequency_mhz: clock of the cores, before and after.
    """

    wall_s: float
    cores: int
    others_cores: float | None
    stolen_share: float | None
    load_average: float | None
    frequency_mhz: tuple[float, float] | None

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the numbers may be worse than the machine can do; empty if it was quiet."""
        found = []
        if self.others_cores is not None and self.others_cores > OTHERS_SHARE * self.cores:
            found.append(f"other programs kept {self.others_cores:.1f} of {self.cores} cores busy")
        if self.stolen_share is not None and self.stolen_share > STOLEN_SHARE:
            found.append(f"{self.stolen_share:.0%} of the time went to other virtual machines")
        if self.frequency_mhz and self.frequency_mhz[1] < SLOWER_CLOCK * self.frequency_mhz[0]:
            before, after = self.frequency_mhz
            found.append(f"the clock fell from {before:,.0f} to {after:,.0f} MHz")
        return tuple(found)

    @property
    def disturbed(self) -> bool:
        """Whether there is a reason to measure again."""
        return bool(self.reasons)

    @property
    def sentence(self) -> str:
        """How quiet the machine was, in a sentence."""
        if self.reasons:
            return f"The machine was disturbed: {'; '.join(self.reasons)}. Measure again."
        if self.others_cores is None:
            return "Whether the machine was disturbed is not known here."
        return "The machine was quiet."


def any_disturbed(noise: Iterable[MachineNoise | None]) -> bool:
    """Whether the machine was disturbed in at least one of several measurements."""
    return any(each.disturbed for each in noise if each)


def with_warning(line: str, noise: Iterable[MachineNoise | None]) -> str:
    """A summary of measurements, and a further sentence if at least one was disturbed.

    Args:
        line: the summary, with or without its full stop.
        noise: what each measurement recorded; None where it recorded nothing.
    """
    known = list(dict.fromkeys(each for each in noise if each))
    noisy = [each for each in known if each.disturbed]
    if not noisy:
        return line
    line = line.removesuffix(".")
    if len(known) == 1:
        return f"{line}. {noisy[0].sentence}"
    worst = max(noisy, key=lambda each: (len(each.reasons), each.others_cores or 0))
    return (
        f"{line}. The machine was disturbed in {len(noisy)} of {len(known)} measurements: "
        f"{'; '.join(worst.reasons)} in the worst. Measure again."
    )


class NoiseMonitor:
    """Observes the machine from its creation until `end`.

    Args:
        own_work: whether the model runs in this process; in another process, its work cannot be
            distinguished from that of other programs.
    """

    def __init__(self, *, own_work: bool = True):
        self._own_work = own_work
        self._began, self._before = time.monotonic(), _read_counters()

    def end(self) -> MachineNoise:
        """What happened since."""
        wall_s, after, before = time.monotonic() - self._began, _read_counters(), self._before
        total, busy, own = (after[name] - before[name] for name in ("total", "busy", "own"))
        stolen = after["stolen"] - before["stolen"] if after["stolen"] is not None else None
        clocks = (before["mhz"], after["mhz"])
        return MachineNoise(
            wall_s=wall_s,
            cores=os.cpu_count() or 1,
            others_cores=max(0.0, busy - own) / wall_s if self._own_work and wall_s else None,
            stolen_share=None if stolen is None or total <= 0 else stolen / total,
            load_average=after["load"],
            frequency_mhz=clocks if all(clocks) else None,
        )


def _read_counters() -> dict[str, float | None]:
    """The system's counters now, in seconds over all cores."""
    cpu, own = psutil.cpu_times(), psutil.Process().cpu_times()
    total = sum(cpu) - getattr(cpu, "guest", 0) - getattr(cpu, "guest_nice", 0)  # in user already
    idle = cpu.idle + getattr(cpu, "iowait", 0)
    stolen = getattr(cpu, "steal", None)
    return {
        "total": total,
        "busy": total - idle - (stolen or 0),
        "stolen": stolen,
        "own": own.user + own.system + own.children_user + own.children_system,
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "mhz": _frequency(),
    }


def _frequency() -> float | None:
    try:
        clock = psutil.cpu_freq()
    except (AttributeError, NotImplementedError, OSError):
        return None
    return clock.current if clock and clock.current else None
