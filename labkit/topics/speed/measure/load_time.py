"""How long loading takes, each time in a new process: with the files in memory and without."""

import ctypes
import json
import mmap
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from labkit.checks import check_whole
from labkit.errors import LabError
from labkit.formatting import in_lines
from labkit.interrupts.cell import progress
from labkit.lab_book.entry import BookEntry, entry_of_spread
from labkit.models.loading import get_model
from labkit.stats import Spread

from .run import spread

_LOAD_SCRIPT = """
import json, sys, time
began = time.perf_counter()
from labkit.backends.local.model import load
imported = time.perf_counter()
load(sys.argv[1], **json.loads(sys.argv[2]))
print(json.dumps([imported - began, time.perf_counter() - imported]))
"""


@dataclass(frozen=True, slots=True)
class LoadRun:
    """One load, in a process of its own.

    Attributes:
        import_s: seconds to import torch and transformers.
        load_s: seconds to read the model's files and to lay out the weights.
        cold: whether the system had dropped the files from memory first.
    """

    import_s: float
    load_s: float
    cold: bool


@dataclass(frozen=True, slots=True, repr=False)
class LoadTime:
    """How long it takes to load a model (measured).

    A cold load is one before which the system dropped the model's files from its page cache. The
    disk's own cache and a virtual machine's host may keep them, so the first load after a restart
    can take longer still. Python's own files are in memory both times.

    Attributes:
        model: name of the model.
        runs: cold and warm loads, alternating.
    """

    model: str
    runs: tuple[LoadRun, ...]

    @property
    def cold_s(self) -> Spread | None:
        """Loading with the files on disk; None if they stayed in memory, as of a model in use."""
        return spread([run.load_s for run in self.runs if run.cold])

    @property
    def warm_s(self) -> Spread | None:
        """Loading with the files still in memory."""
        return spread([run.load_s for run in self.runs if not run.cold])

    @property
    def import_s(self) -> Spread | None:
        """Importing torch and transformers, which comes first."""
        return spread([run.import_s for run in self.runs])

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """The seconds of a cold and of a warm load."""
        parts = (("load_cold_s", "loading, cold", self.cold_s), ("load_s", "loading", self.warm_s))
        return tuple(
            entry
            for name, label, spread in parts
            for entry in entry_of_spread(name, label, spread, "s", model=self.model)
        )

    @property
    def summary(self) -> str:
        """The medians in a line."""
        parts = (("cold", self.cold_s), ("warm", self.warm_s), ("imports", self.import_s))
        medians = [
            f"{name} {each.median:.1f} s (median of {len(each.values)})"
            for name, each in parts
            if each
        ]
        warm = "" if self.cold_s else "; none was cold, because the files stayed in memory"
        return f"loading {self.model}: {', '.join(medians)} (measured, a process each{warm})"

    def __repr__(self) -> str:
        return in_lines(self.summary)


def measure_load(
    name: str | Path, *, device: str | None = None, dtype: str | None = None, repeats: int = 3
) -> LoadTime:
    """How long loading takes: cold and warm loads in turn, each in a new process.

    An interrupt keeps the loads that are complete. While the model is in use, in this process or
    another, its files stay in memory and every load is warm: measure before you load it.

    Args:
        name: name or path as for ``labkit.load``; downloaded first if it is not on this machine.
        device: device as for ``labkit.load``.
        dtype: dtype as for ``labkit.load``.
        repeats: number of cold loads, and of warm ones.
    Raises:
        LabError: the model cannot be loaded.
    """
    check_whole("repeats", repeats)
    folder, _ = get_model(str(name))
    options = {key: value for key, value in (("device", device), ("dtype", dtype)) if value}
    runs = []
    with suppress(KeyboardInterrupt):
        for cold in progress([True, False] * repeats, unit="load", desc="load"):
            cold = cold and drop_page_cache(folder)
            runs.append(LoadRun(*load_in_new_process(str(name), options), cold))
    if not runs:
        raise LabError("Stopped before one load was complete: nothing was measured.")
    return LoadTime(str(name), tuple(runs))


def drop_page_cache(folder: Path) -> bool:
    """Asks the system to drop a folder's files from its page cache; whether most of it went.

    What a process has mapped stays, such as the weights of a model in use.
    """
    if not hasattr(os, "posix_fadvise"):
        return False
    total = kept = 0
    for file in folder.iterdir():
        with suppress(OSError), file.open("rb") as opened:
            os.fsync(opened.fileno())
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            size = file.stat().st_size
            total, kept = total + size, kept + size * cached_share(opened)
    return kept <= total / 2


def cached_share(file: BinaryIO) -> float:
    """The share of a file that is in the page cache, as the system reports it.

    Of a file that this user may not write, Linux reports all of it.
    """
    if not os.fstat(file.fileno()).st_size:
        return 0.0
    mapped = np.memmap(file, np.uint8, "r")  # reads nothing before it is used
    pages = np.zeros(-(-mapped.size // mmap.PAGESIZE), np.uint8)
    length = ctypes.c_size_t(mapped.size)
    if ctypes.CDLL(None).mincore(mapped.ctypes.data_as(ctypes.c_void_p), length, pages.ctypes):
        return 1.0  # it is not known
    return float(np.mean(pages & 1))


def load_in_new_process(name: str, options: dict[str, str]) -> tuple[float, float]:
    """Seconds to import and to load, in a process of its own."""
    proc = run_script(_LOAD_SCRIPT, name, json.dumps(options))
    if proc.returncode:
        lines = proc.stderr.strip().splitlines() or ["it ended without a message"]
        raise LabError(f"Loading {name} failed in a process of its own: {lines[-1]}")
    import_s, load_s = json.loads(proc.stdout.strip().splitlines()[-1])
    return import_s, load_s


def run_script(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs Python code in a process of its own, which finds the same packages."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, errors="replace", env=env)
