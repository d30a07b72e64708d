"""The device a model runs on: synchronization, peak memory, description."""

from importlib.metadata import version


def synchronize(device: str) -> None:
    """Waits until a GPU has finished its queued work; on a CPU nothing is queued."""
    if device == "cpu":
        return
    import torch

    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
    elif device == "mps":
        torch.mps.synchronize()


def gpu_peak_bytes(device: str, *, reset: bool = False) -> int | None:
    """Peak memory that torch allocated on a CUDA device since the last reset; None elsewhere."""
    if not device.startswith("cuda"):
        return None
    import torch

    if reset:
        torch.cuda.reset_peak_memory_stats(device)
    return torch.cuda.max_memory_allocated(device)


def describe(device: str, dtype: str) -> dict[str, str]:
    """What a model runs on: engine, device, dtype, threads and versions."""
    import torch

    engine = f"transformers {version('transformers')}"
    facts = {"engine": engine, "device": device, "dtype": dtype, "torch": torch.__version__}
    if device == "cpu":
        facts["threads"] = str(torch.get_num_threads())
    elif device.startswith("cuda"):
        facts["gpu"] = torch.cuda.get_device_name(device)
    return facts
