"""The device itself: waiting for it, its peak memory, its bandwidth and its arithmetic."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from .device import synchronize

# Larger than the caches of the processors that learners have, and than a GPU's.
BUFFER_BYTES = 256 * 1024**2
GPU_BUFFER_BYTES = 2 * 1024**3
# Rows, inner and outer size of the products: prompts of a few hundred tokens through layers of
# small and of larger models.
SHAPES = ((256, 576, 1536), (512, 1024, 4096), (512, 2048, 2048))
GPU_SHAPES = ((2048, 4096, 4096), (4096, 4096, 11008))


@dataclass(frozen=True, slots=True)
class Probe:
    """What a device does at its best, measured a few times (measured).

    Attributes:
        device: ``"cpu"``, ``"cuda"`` or ``"mps"``.
        dtype: of the arithmetic.
        threads: that torch computes with on a CPU.
        bytes_per_s: read from memory, of each round.
        flops_per_s: operations of a matrix product, of each round.
    """

    device: str
    dtype: str
    threads: int
    bytes_per_s: tuple[float, ...]
    flops_per_s: tuple[float, ...]


@torch.inference_mode()
def probe_device(
    device: str = "cpu",
    dtype: str = "float32",
    *,
    rounds: int = 9,
    buffer_bytes: int | None = None,
    shapes: Sequence[tuple[int, int, int]] | None = None,
) -> Probe:
    """Reads a buffer larger than the caches, and multiplies matrices; the best way of each counts.

    In each round the buffer is read by a sum and by a matrix-vector product, as decoding reads its
    weights, and the quicker of them is kept; so it is with the shapes of the matrix products.

    Args:
        device: where to measure.
        dtype: of the matrices.
        rounds: how often; the first, which warms up, is left out.
        buffer_bytes: size of the buffer; by itself `BUFFER_BYTES`, on a GPU `GPU_BUFFER_BYTES`, or
            a quarter of what is free there, if that is less.
        shapes: rows, inner and outer size of each product; by itself `SHAPES` or `GPU_SHAPES`.
    """
    reads = _reads(device, getattr(torch, dtype), buffer_bytes or room_for_buffer(device))
    products = _products(device, dtype, shapes or (SHAPES if device == "cpu" else GPU_SHAPES))
    bandwidths, speeds = [], []
    for _ in range(rounds + 1):
        bandwidths.append(max(size / _seconds(act, device) for size, act in reads))
        speeds.append(max(flops / _seconds(act, device) for flops, act in products))
    threads = torch.get_num_threads()
    return Probe(device, dtype, threads, tuple(bandwidths[1:]), tuple(speeds[1:]))


def room_for_buffer(device: str) -> int:
    """How many bytes to read: more than any cache holds, and no more than there is room for."""
    if device == "cpu":
        return BUFFER_BYTES
    if device.startswith("cuda"):
        return min(GPU_BUFFER_BYTES, torch.cuda.mem_get_info(device)[0] // 4)
    return GPU_BUFFER_BYTES


def _reads(device: str, dtype: torch.dtype, size: int) -> list[tuple[int, Callable]]:
    width, kind = 4096, torch.float32 if device == "cpu" else dtype
    matrix = torch.ones(size // kind.itemsize // width, width, device=device, dtype=kind)
    vector = torch.ones(width, device=device, dtype=kind)
    held = matrix.numel() * matrix.element_size()
    return [(held, matrix.sum), (held, lambda: matrix @ vector)]


def _products(device: str, dtype: str, shapes) -> list[tuple[int, Callable]]:
    kind = getattr(torch, dtype)
    made = []
    for rows, inner, outer in shapes:
        a = torch.randn(rows, inner, device=device, dtype=kind)
        b = torch.randn(outer, inner, device=device, dtype=kind)
        made.append((2 * rows * inner * outer, lambda a=a, b=b: torch.nn.functional.linear(a, b)))
    return made


def _seconds(act: Callable, device: str) -> float:
    """The device is waited for before and after."""
    synchronize(device)
    began = time.perf_counter()
    act()
    synchronize(device)
    return time.perf_counter() - began
