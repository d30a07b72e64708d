"""A GGUF file with changed weights: everything else is as in the file it was made from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from labkit.errors import LabError
from labkit.models.quantize import GgufSource


def write_adapted(gguf_file: Path, path: Path, kind: str, changes: Mapping[str, Any]) -> None:
    """Writes a copy of a GGUF file in which some weights are changed.

    Args:
        gguf_file: the file to copy.
        path: the new file.
        kind: its number format, out of `labkit.models.quantize.KINDS`.
        changes: what is added to the weight of each layer, by transformers' name of the layer:
            (out, in) float32.
    Raises:
        LabError: the file has no weight of that name.
    """
    source = GgufSource(gguf_file)
    names = _names(source)
    found = {}
    for layer, change in changes.items():
        name = names.get_name(f"{layer}.weight", try_suffixes=(".weight",))
        if name is None:
            raise LabError(f"{gguf_file.name} has no weight for the layer {layer}.")
        found[name] = _reordered(source, layer, np.asarray(change))
    source.changes = found
    source.write(path, kind, lambda _: None)


def _names(source: GgufSource) -> gguf.TensorNameMap:
    architecture = source.field(gguf.Keys.General.ARCHITECTURE)
    number = next(key for key, name in gguf.MODEL_ARCH_NAMES.items() if name == architecture)
    return gguf.get_tensor_name_map(number, source.field(f"{architecture}.block_count"))


def _reordered(source: GgufSource, layer: str, change: np.ndarray) -> np.ndarray:
    """Rows of llama's queries and keys stand in another order in GGUF files.

    Source: ``permute`` in github.com/ggml-org/llama.cpp, convert_hf_to_gguf.py, which transformers
    reverses when it reads such a file.
    """
    architecture = source.field(gguf.Keys.General.ARCHITECTURE)
    counts = {"q_proj": "attention.head_count", "k_proj": "attention.head_count_kv"}
    key = counts.get(layer.rpartition(".")[2])
    if architecture != "llama" or key is None:
        return change
    heads = source.field(f"{architecture}.{key}")
    split = change.reshape(heads, 2, change.shape[0] // heads // 2, change.shape[1])
    return split.swapaxes(1, 2).reshape(change.shape)
