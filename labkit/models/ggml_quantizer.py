"""K-quants by llama.cpp's own function, since the package gguf can only read them."""

import ctypes

import gguf
import numpy as np

from labkit.errors import LabError


def quantize(weights: np.ndarray, kind: gguf.GGMLQuantizationType) -> np.ndarray:
    """A matrix in a number format, as llama.cpp's own tool rounds it.

    Source: ggml-org/llama.cpp, ggml/include/ggml.h, ``ggml_quantize_chunk``.

    Args:
        weights: (rows, columns) float32; the columns fill whole blocks.
        kind: format that needs no importance matrix.
    Returns:
        (rows, bytes of a row) uint8.
    Raises:
        LabError: llama.cpp is not installed, or its build for this system hides the function.
    """
    rows = np.ascontiguousarray(weights, np.float32)
    block, size = gguf.GGML_QUANT_SIZES[kind]
    out = np.empty((*rows.shape[:-1], rows.shape[-1] // block * size), np.uint8)
    columns, count = rows.shape[-1], rows.size // rows.shape[-1]
    done = _function()(int(kind), rows.ctypes.data, out.ctypes.data, 0, count, columns, None)
    assert done == out.nbytes, f"{done} of {out.nbytes} bytes"
    return out


def _function():
    try:
        from xllamacpp import xllamacpp

        found = ctypes.CDLL(xllamacpp.__file__).ggml_quantize_chunk
    except (ImportError, OSError, AttributeError):
        raise LabError(
            "K-quants such as Q2_K are made by llama.cpp, which is not installed or does not "
            "offer that on this system.",
            "pip install xllamacpp, or take Q4_0 in place of Q2_K.",
        ) from None
    whole, pointer = ctypes.c_int64, ctypes.c_void_p
    found.argtypes = (ctypes.c_int, pointer, pointer, whole, whole, whole, pointer)
    found.restype = ctypes.c_size_t
    return found
