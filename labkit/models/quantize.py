"""Copies of a GGUF file in other number formats for llama.cpp, each made once.

More bits than the file has do not improve its weights; they only copy them more exactly.
"""

import ctypes
import importlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import gguf
import numpy as np

from labkit.errors import LabError
from labkit.filesystem.disk_space import require_disk

from .storage import gguf_parts, store

KINDS = ("F32", "F16", "Q8_0", "Q5_1", "Q5_0", "Q4_1", "Q4_0", "Q2_K")
# Scores come straight from these: below 8 bits they are finer than the other tensors, as in files
# that llama.cpp's own tool makes from a model whose row width is not a multiple of 256.
OUTER, OUTER_KIND = ("token_embd.weight", "output.weight"), "Q8_0"
# A Q2_K file of llama.cpp's own tool is finer in these (src/llama-quant.cpp), and in matrices whose
# rows do not fill blocks of 256. There it takes IQ4_NL, which has as many bits as Q4_0 and takes
# minutes to make.
FINER = {"Q2_K": {"attn_v": "Q4_K", "attn_output": "Q3_K", "ffn_down": "Q3_K"}}
SMALL_BLOCKS = "Q4_0"
TUNED = ", tuned on "  # in the source of a model that a learner tuned and kept


def get_copies(gguf_file: Path, kinds: Sequence[str]) -> dict[str, Path]:
    """Copies of a GGUF file in other number formats, made unless they exist undamaged.

    Each is a model of its own in the lab's home (``smollm2-135m-q8_0``): `load_llamacpp` opens it
    by that name, and ``python3 -m labkit models remove`` removes it.

    Args:
        gguf_file: the file to copy; its weights are rounded again if a format is coarser.
        kinds: number formats out of `KINDS`.
    Returns:
        The file of each format.
    Raises:
        ValueError: a format is not in `KINDS`.
        LabError: the disk is too small, the file has a format that cannot be dequantised, or a
            model that was tuned and kept has the name of a copy.
    """
    for kind in kinds:
        if kind not in KINDS:
            raise ValueError(f"kinds must be of {', '.join(KINDS)}; got {kind!r}")
    source = GgufSource(gguf_file)
    if missing := [kind for kind in kinds if not source.is_here(kind)]:
        _make(source, missing)
    return {kind: source.folder(kind) / source.file_name(kind) for kind in kinds}


def is_tuned(name: str) -> bool:
    """Whether a stored model is one that a learner tuned and kept."""
    folders = (store.part_folder(name, part) for part in store.list_models().get(name, ()))
    return any(TUNED in store.read_manifest(folder).get("source", "") for folder in folders)


def _make(source: "GgufSource", kinds: Sequence[str]) -> None:
    from tqdm.auto import tqdm

    for name in map(source.name_of, kinds):
        if is_tuned(name):
            raise LabError(
                f"A copy of {source.name} would replace {name}, a model that was tuned and kept.",
                "Keep that one under another name, and remove it: "
                f"python3 -m labkit models remove {name}",
            )
    with tqdm(desc=f"{source.name}: reading its header", total=1, unit="weight") as bar:
        weights = sum(int(tensor.n_elements) for tensor in source.reader.tensors)
        need_bytes = sum(map(source.file_bytes, kinds))
        require_disk(need_bytes, f"Copying {source.name}", store.models_folder())
        bar.unit_scale = True
        bar.reset(total=weights * len(kinds))
        for kind in kinds:
            bar.set_description(f"{source.name}: making its {kind} copy, once")
            with store.locked(source.name_of(kind)):
                if source.is_here(kind):  # made by another process meanwhile
                    bar.update(weights)
                    continue
                with store.new_part(source.name_of(kind), "gguf", source.label(kind)) as aside:
                    source.write(aside / source.file_name(kind), kind, bar.update)


class GgufSource:
    """The file that copies are made from.

    Attributes:
        gguf_file: path of the file.
        name: name of the model in the store; for a learner's own file, of `stored_name`.
        changes: what is added to weights on writing, by the tensor's name.
    """

    def __init__(self, gguf_file: Path):
        self.gguf_file = gguf_file
        self.changes: dict[str, np.ndarray] = {}
        known = store.read_manifest(gguf_file.parent).get("files", {}).get(gguf_file.name)
        self._sha256 = known["sha256"] if known else gguf_parts.sha256_of_parts(gguf_file)
        folder = gguf_file.parent.parent
        stored = folder.parent == store.models_folder()
        self.name = folder.name if stored else gguf_parts.stored_name(gguf_file, self._sha256)

    def name_of(self, kind: str) -> str:
        """The name of a copy in the store."""
        return f"{self.name}-{kind.lower()}"

    def folder(self, kind: str) -> Path:
        """The folder of a copy."""
        return store.part_folder(self.name_of(kind), "gguf")

    def file_name(self, kind: str) -> str:
        """The file name of a copy."""
        return f"{self.name}.{kind}.gguf"

    def label(self, kind: str) -> str:
        """What a copy's manifest says of its source."""
        return f"{kind} of {self.gguf_file.name}, sha256 {self._sha256}"

    def is_here(self, kind: str) -> bool:
        """Whether there is an undamaged copy of this very file."""
        folder = self.folder(kind)
        same = store.read_manifest(folder).get("source") == self.label(kind)
        return same and not store.damaged(folder)

    @cached_property
    def reader(self):
        """The parsed header, with its hundred thousand strings: read once for all copies."""
        return gguf_parts.open_gguf(self.gguf_file)

    def file_bytes(self, kind: str) -> int:
        """The approximate size of a copy."""
        return self.reader.data_offset + sum(
            _bytes_of(tensor, _kind_for(tensor, kind)) for tensor in self.reader.tensors
        )

    def write(self, path: Path, kind: str, advance) -> None:
        """Writes a copy tensor by tensor, and reports the number of weights of each."""
        writer = self._header(path, kind)
        try:
            for tensor in self.reader.tensors:
                writer.write_tensor_data(_rounded(self._exact(tensor), _kind_for(tensor, kind)))
                advance(int(tensor.n_elements))
        finally:
            writer.close()

    def _exact(self, tensor):
        try:
            weights = gguf.dequantize(tensor.data, tensor.tensor_type)
        except NotImplementedError:
            raise LabError(
                f"{self.gguf_file.name} has weights in {tensor.tensor_type.name}, which the "
                "package gguf cannot dequantise.",
                "Take a file in another format, such as Q4_1 or Q4_K_M.",
            ) from None
        change = self.changes.get(tensor.name)
        return weights if change is None else weights + change

    def field(self, name: str):
        """A value of the file's header."""
        return self.reader.fields[name].contents()

    def _header(self, path: Path, kind: str):
        """A writer that has written everything but the weights: the same fields, the new types."""
        fields = {field.name: field for field in self.reader.fields.values()}
        writer = gguf.GGUFWriter(path, fields[gguf.Keys.General.ARCHITECTURE].contents())
        for name, field in fields.items():
            _copy_field(writer, name, field)
        all_or_mostly = "ALL_F32" if kind == "F32" else f"MOSTLY_{kind}"
        writer.add_file_type(gguf.LlamaFileType[all_or_mostly])
        for tensor in self.reader.tensors:
            wanted = _kind_for(tensor, kind)
            shape, size = tensor.shape.tolist()[::-1], _bytes_of(tensor, wanted)
            number = gguf.GGMLQuantizationType[wanted]
            # Of its two dtypes only the raw one counts here.
            writer.add_tensor_info(tensor.name, shape, np.dtype("f4"), size, raw_dtype=number)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        return writer


def _copy_field(writer, name: str, field) -> None:
    if name == gguf.Keys.General.ALIGNMENT:
        writer.add_custom_alignment(field.contents())
        return
    general, value = gguf.Keys.General, field.contents()
    written = name.startswith(("GGUF.", "split.")) or name in (
        general.ARCHITECTURE,
        general.FILE_TYPE,
    )
    if written or (isinstance(value, list) and not value):  # an empty list cannot be written
        return
    kind = field.types[0]
    inner = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
    writer.add_key_value(name, value, kind, sub_type=inner)


def _rounded(weights: np.ndarray, kind: str) -> np.ndarray:
    number = gguf.GGMLQuantizationType[kind]
    try:
        return gguf.quantize(weights, number)
    except NotImplementedError:
        return quantize_by_llamacpp(weights, number)


def quantize_by_llamacpp(weights: np.ndarray, kind: gguf.GGMLQuantizationType) -> np.ndarray:
    """A matrix in a number format that the package gguf can only read, by llama.cpp.

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
    done = _ggml_quantize_chunk()(
        int(kind), rows.ctypes.data, out.ctypes.data, 0, count, columns, None
    )
    assert done == out.nbytes, f"{done} of {out.nbytes} bytes"
    return out


def _ggml_quantize_chunk():
    try:
        engine = importlib.import_module("xllamacpp.xllamacpp")
        found = ctypes.CDLL(engine.__file__).ggml_quantize_chunk
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


def _kind_for(tensor, kind: str) -> str:
    """The format of one tensor: vectors, and rows that do not fill whole blocks, stay exact."""
    if len(tensor.shape) < 2:
        return "F32"
    part = tensor.name.split(".")[-2]
    wanted = FINER.get(kind, {}).get(part, kind)
    if kind not in ("F32", "F16", "Q8_0") and tensor.name in OUTER:
        wanted = OUTER_KIND
    options = (wanted, SMALL_BLOCKS, "F32")
    return next(each for each in options if int(tensor.shape[0]) % _block(each)[0] == 0)


def _block(kind: str) -> tuple[int, int]:
    """Weights in a block of a format, and its bytes."""
    return gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[kind]]


def _bytes_of(tensor, kind: str) -> int:
    block, size = _block(kind)
    return int(tensor.n_elements) // block * size
