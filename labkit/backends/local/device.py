"""The device a model runs on: waiting for it, its peak memory, and what it is called."""

from importlib.metadata import version

import torch


def synchronize(device: str) -> None:
    """Waits until a GPU has done all that it was given; a CPU has nothing left to do."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
    elif device == "mps":
        torch.mps.synchronize()


def gpu_peak_bytes(device: str, *, reset: bool = False) -> int | None:
    """The most that torch held on a CUDA device since the last reset; None on other devices."""
    if not device.startswith("cuda"):
        return None
    if reset:
        torch.cuda.reset_peak_memory_stats(device)
    return torch.cuda.max_memory_allocated(device)


def describe(device: str, dtype: str) -> dict[str, str]:
    """With what a model runs here: device, dtype, threads and versions."""
    told = {"engine": f"transformers {version('transformers')}", "device": device, "dtype": dtype}
    told["torch"] = torch.__version__
    if device == "cpu":
        told["threads"] = str(torch.get_num_threads())
    elif device.startswith("cuda"):
        told["gpu"] = torch.cuda.get_device_name(device)
    return told
