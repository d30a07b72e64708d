"""This machine, as far as it decides which models run on it.

`usable_by_torch` imports torch, and nothing else here does.
"""

import ctypes
import importlib.util
import os
import platform
import shutil
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU.

    Attributes:
        name: name given by its driver.
        memory_bytes: total memory.
        free_bytes: free memory at this moment.
        driver: the driver's version, or None.
    """

    name: str
    memory_bytes: int
    free_bytes: int
    driver: str | None


@dataclass(frozen=True, slots=True)
class Machine:
    """The resources that a model has here.

    Attributes:
        system: operating system and processor family.
        cpu: the processor's name.
        cores: logical cores this process may use.
        features: instruction sets of the processor that matter here, such as ``"avx2"``; empty if
            the system does not report them.
        memory_bytes: memory of the machine, or the container's limit if that is less.
        available_bytes: free memory at this moment.
        disk_free_bytes: free space on the disk of the lab's models.
        gpus: NVIDIA GPUs with their drivers.
        apple_gpu: whether this is an Apple chip, whose GPU shares the memory.
    """

    system: str
    cpu: str
    cores: int
    features: tuple[str, ...]
    memory_bytes: int
    available_bytes: int
    disk_free_bytes: int
    gpus: tuple[Gpu, ...]
    apple_gpu: bool


FEATURES = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "f16c", "asimd", "bf16")


def inspect_machine() -> Machine:
    """The machine at this moment: memory, cores, GPU and disk."""
    import psutil

    from .storage import store

    memory, container = psutil.virtual_memory(), container_limits()
    name, flags = _cpu()
    return Machine(
        system=f"{platform.system()} {platform.machine()}",
        cpu=name,
        cores=min((_cores(), *container.cores)),
        features=tuple(feature for feature in FEATURES if feature in flags),
        memory_bytes=min((memory.total, *container.memory_bytes)),
        available_bytes=max(0, min((memory.available, *container.available_bytes))),
        disk_free_bytes=shutil.disk_usage(store.models_folder()).free,
        gpus=_gpus(),
        apple_gpu=platform.system() == "Darwin" and platform.machine() == "arm64",
    )


def usable_by_torch(machine: Machine) -> Machine:
    """A machine with the GPUs that torch can use here: a card with a driver does not suffice.

    The driver lists every card by its slot; torch has an order of its own, and leaves out those
    that ``CUDA_VISIBLE_DEVICES`` hides. Only its first is listed, on which models run: on each
    that is asked, some hundred megabytes are taken.
    """
    import torch

    gpus = ()
    if torch.cuda.is_available():
        with suppress(RuntimeError):  # the card is full, or another process has it to itself
            free, total = torch.cuda.mem_get_info(0)
            unused = torch.cuda.memory_reserved(0) - torch.cuda.memory_allocated(0)
            gpus = (Gpu(torch.cuda.get_device_name(0), total, free + unused, None),)
    has_mps = machine.apple_gpu and torch.backends.mps.is_available()
    return replace(machine, gpus=gpus, apple_gpu=has_mps)


# torch raises a class of its own for its CUDA allocator alone. These are the words, in small
# letters, of torch and the systems on the CPU (1455: Windows' paging file), and of MPS, CUDA and
# cuBLAS.
CPU_FULL = ("can't allocate memory", "cannot allocate memory", "not enough memory", "error 1455")
GPU_FULL = ("out of memory", "cublas_status_alloc_failed")


def full_memory(error: BaseException) -> str:
    """The memory that an error says is full, in words; empty if it says something else.

    >>> full_memory(MemoryError()), full_memory(RuntimeError("CUDA error: out of memory"))
    ("This machine's memory", "The GPU's memory")
    """
    text = str(error).lower()
    if isinstance(error, MemoryError) or any(words in text for words in CPU_FULL):
        return "This machine's memory"
    return "The GPU's memory" if any(words in text for words in GPU_FULL) else ""


def release_memory() -> None:
    """Gives memory that is free in this process back to the system.

    After a large file was read, GNU's library keeps tens of megabytes, and thirty learners on one
    machine keep them thirty times. Other systems' libraries have no such function.
    """
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def has_torch() -> bool:
    """Whether torch is installed and may be used; it is not imported for that."""
    return not os.environ.get("LABKIT_LIGHT") and importlib.util.find_spec("torch") is not None


def _cores() -> int:
    has_affinity = hasattr(os, "sched_getaffinity")  # Linux
    return len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class ContainerLimits:
    """The limits of the containers that this process is in; of several, the tightest counts.

    Attributes:
        memory_bytes: limits of memory.
        available_bytes: what is left of each. Pages of files that were not used lately count as
            free, because the kernel drops them when memory is asked for.
        cores: limits of processor time, rounded up to whole cores.
    """

    memory_bytes: tuple[int, ...] = ()
    available_bytes: tuple[int, ...] = ()
    cores: tuple[int, ...] = ()


def container_limits(
    root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")
) -> ContainerLimits:
    """What the control groups of this process allow, of version 1 or 2; empty without any.

    Args:
        root: where the groups are mounted.
        own: the list of this process's groups.
    """
    try:
        lines = own.read_text().splitlines()
    except OSError:  # not Linux
        lines = []
    memory, available, cores = [], [], []
    for folder in _group_folders(root, lines):
        if (limit := _number(folder, *MEMORY_LIMIT)) is not None:
            used = _number(folder, *MEMORY_USED) or 0
            memory.append(limit)
            available.append(limit - used + _droppable(folder))
        if count := _core_limit(folder):
            cores.append(count)
    return ContainerLimits(tuple(memory), tuple(available), tuple(cores))


# Names of the same file in versions 2 and 1.
MEMORY_LIMIT = "memory.max", "memory.limit_in_bytes"
MEMORY_USED = "memory.current", "memory.usage_in_bytes"


def _group_folders(root: Path, lines: list[str]) -> list[Path]:
    """The folders of this process's groups and of all groups that they are in.

    Each line is ``number:controllers:path``. A container often sees the host's path and yet has
    its own group mounted at the top; folders that are not there hold no limit.
    """
    folders: dict[Path, None] = {}
    for line in lines:
        _, controllers, path = line.split(":", 2)
        for top in {root / name for name in (controllers, *controllers.split(","))}:
            below = top / path.lstrip("/")
            above = [each for each in (below, *below.parents) if each.is_relative_to(top)]
            folders |= dict.fromkeys(above)
    return list(folders)


def _number(folder: Path, *names: str) -> int | None:
    """The number in the first of these files that is there; None without one, or without limit."""
    for name in names:
        try:
            return int((folder / name).read_text())
        except (OSError, ValueError):  # not there, or "max"
            continue
    return None


def _droppable(folder: Path) -> int:
    """Bytes of file pages that were not used lately."""
    try:
        lines = (folder / "memory.stat").read_text().splitlines()
        stat = {key: int(value) for key, _, value in (line.partition(" ") for line in lines)}
    except (OSError, ValueError):
        return 0
    return stat.get("total_inactive_file", stat.get("inactive_file", 0))  # version 1; version 2


def _core_limit(folder: Path) -> int | None:
    """The cores that a group's share of processor time makes up, rounded up; None: no limit."""
    try:
        quota, period = map(int, (folder / "cpu.max").read_text().split())
    except (OSError, ValueError):  # version 1, or "max"
        quota = _number(folder, "cpu.cfs_quota_us") or 0
        period = _number(folder, "cpu.cfs_period_us") or 0
    return -(-quota // period) if quota > 0 and period > 0 else None


def _cpu() -> tuple[str, frozenset[str]]:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine(), frozenset()
    fields = {}
    for line in lines:
        key, _, value = line.partition(":")
        fields.setdefault(key.strip().lower(), value.strip())
    flags = fields.get("flags") or fields.get("features") or ""
    return fields.get("model name") or platform.machine(), frozenset(flags.split())


def _gpus() -> tuple[Gpu, ...]:
    try:
        import pynvml

        pynvml.nvmlInit()
    except Exception:  # no package, no driver or no GPU: the same to a learner
        return ()
    try:
        driver = pynvml.nvmlSystemGetDriverVersion()
        return tuple(_gpu(pynvml, i, driver) for i in range(pynvml.nvmlDeviceGetCount()))
    except pynvml.NVMLError:
        return ()
    finally:
        pynvml.nvmlShutdown()


def _gpu(pynvml, index: int, driver: str) -> Gpu:
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    return Gpu(pynvml.nvmlDeviceGetName(handle), memory.total, memory.free, driver)
