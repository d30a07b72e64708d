"""What the device can do at its best: memory bandwidth and arithmetic, measured."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from .device import synchronize

# Larger than the caches of the processors that learners have, and than a GPU's.
BUFFER_BYTES = 256 * 1024**2
GPU_BUFFER_BYTES = 2 * 1024**3
# Rows, inner and outer size of the products: prompts of a few hundred tokens through layers of
# small and of larger models.
SHAPES = ((256, 576, 1536), (512, 1024, 4096), (512, 2048, 2048))
GPU_SHAPES = ((2048, 4096, 4096), (4096, 4096, 11008))
# Calls from one synchronisation of a GPU to the next, so that launching them takes no part of it.
GPU_CALLS = 4


@dataclass(frozen=True, slots=True)
class Probe:
    """What a device does at its best, over several rounds (measured).

    Attributes:
        device: ``"cpu"``, ``"cuda"`` or ``"mps"``.
        dtype: number format of the arithmetic.
        threads: CPU threads that torch uses.
        bytes_per_s: memory bandwidth in each round.
        flops_per_s: operations per second of a matrix product in each round.
    """

    device: str
    dtype: str
    threads: int
    bytes_per_s: tuple[float, ...]
    flops_per_s: tuple[float, ...]


def probe_device(
    device: str = "cpu",
    dtype: str = "float32",
    *,
    rounds: int = 9,
    buffer_bytes: int | None = None,
    shapes: Sequence[tuple[int, int, int]] | None = None,
) -> Probe:
    """Reads a buffer larger than the caches, and multiplies matrices; the fastest variant counts.

    Each round reads the buffer by a sum and by a matrix-vector product, as decoding reads its
    weights, and records the faster of the two; likewise for the shapes of the matrix products.

    Args:
        device: where to measure.
        dtype: number format of the matrices.
        rounds: how many count, after one more to warm up.
        buffer_bytes: size of the buffer; by default `BUFFER_BYTES`, on a GPU `GPU_BUFFER_BYTES` or
            a quarter of the free memory, whichever is less.
        shapes: rows, inner and outer size of each product; by default `SHAPES` or `GPU_SHAPES`.
    """
    import torch

    bandwidths, speeds = [], []
    with torch.inference_mode():
        reads = _reads(device, dtype, buffer_bytes or buffer_size(device))
        products = _products(device, dtype, shapes or (SHAPES if device == "cpu" else GPU_SHAPES))
        for _ in range(rounds + 1):
            bandwidths.append(max(size / _seconds(read, device) for size, read in reads))
            speeds.append(max(flops / _seconds(multiply, device) for flops, multiply in products))
    threads = torch.get_num_threads()
    return Probe(device, dtype, threads, tuple(bandwidths[1:]), tuple(speeds[1:]))


def buffer_size(device: str) -> int:
    """Size of the buffer in bytes: more than any cache holds, within the free memory."""
    if device == "cpu":
        return BUFFER_BYTES
    if device.startswith("cuda"):
        import torch

        return min(GPU_BUFFER_BYTES, torch.cuda.mem_get_info(device)[0] // 4)
    return GPU_BUFFER_BYTES


def _reads(device: str, dtype: str, size: int) -> list[tuple[int, Callable]]:
    import torch

    width, kind = 4096, torch.float32 if device == "cpu" else getattr(torch, dtype)
    matrix = torch.ones(size // kind.itemsize // width, width, device=device, dtype=kind)
    vector = torch.ones(width, device=device, dtype=kind)
    return [(matrix.nbytes, matrix.sum), (matrix.nbytes, lambda: matrix @ vector)]


def _products(device: str, dtype: str, shapes) -> list[tuple[int, Callable]]:
    import torch

    products, options = [], {"device": device, "dtype": getattr(torch, dtype)}
    for rows, inner, outer in shapes:
        a, b = torch.randn(rows, inner, **options), torch.randn(outer, inner, **options)
        products.append((2 * rows * inner * outer, partial(torch.nn.functional.linear, a, b)))
    return products


def _seconds(run: Callable, device: str) -> float:
    """Time of a call, with the device idle before and after; on a GPU the mean of `GPU_CALLS`."""
    calls = 1 if device == "cpu" else GPU_CALLS
    synchronize(device)
    began = time.perf_counter()
    for _ in range(calls):
        run()
    synchronize(device)
    return (time.perf_counter() - began) / calls
