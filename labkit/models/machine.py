"""This machine, as far as it decides which models run on it. Does not import torch."""

import os
import platform
import shutil
from dataclasses import dataclass
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

    memory = psutil.virtual_memory()
    limit, used = _container_memory()
    total = min(memory.total, limit) if limit else memory.total
    available = min(memory.available, limit - used) if limit else memory.available
    name, flags = _cpu()
    return Machine(
        system=f"{platform.system()} {platform.machine()}",
        cpu=name,
        cores=_cores(),
        features=tuple(feature for feature in FEATURES if feature in flags),
        memory_bytes=total,
        available_bytes=max(0, available),
        disk_free_bytes=shutil.disk_usage(store.models_folder()).free,
        gpus=_gpus(),
        apple_gpu=platform.system() == "Darwin" and platform.machine() == "arm64",
    )


def _cores() -> int:
    has_affinity = hasattr(os, "sched_getaffinity")  # Linux
    return len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1


def _container_memory(root: Path = Path("/sys/fs/cgroup")) -> tuple[int | None, int]:
    """Memory limit (None without one) and use of the container of this process, in bytes."""
    try:
        limit = (root / "memory.max").read_text().strip()
        used = int((root / "memory.current").read_text())
    except (OSError, ValueError):
        return None, 0
    return (None, 0) if limit == "max" else (int(limit), used)


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
