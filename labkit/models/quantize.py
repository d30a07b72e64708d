"""The same weights in other number formats: GGUF files for llama.cpp, made once out of one of them.

More bits than the file has give no better weights, only a truer copy of those that it has.
"""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from labkit.errors import LabError

from .storage import store

KINDS = ("F32", "F16", "Q8_0", "Q5_1", "Q5_0", "Q4_1", "Q4_0")
# Scores come right out of these: below 8 bits the others are coarser than they are, as in files
# that llama.cpp's own tool makes of a model whose rows are no multiple of 256 wide.
OUTER, OUTER_KIND = ("token_embd.weight", "output.weight"), "Q8_0"


def get_copies(gguf_file: Path, kinds: Sequence[str]) -> dict[str, Path]:
    """Copies of a GGUF file in other number formats, made unless they are here and undamaged.

    Each is a model of its own in the lab's home (``smollm2-135m-q8_0``): `load_llamacpp` opens it
    by that name, and ``python3 -m labkit models remove`` removes it.

    Args:
        gguf_file: what to copy; its weights are rounded anew where a format is coarser.
        kinds: of `KINDS`.
    Returns:
        The file of each kind.
    Raises:
        ValueError: for another kind.
        LabError: if the disk is too small, or the file has a format that cannot be read back.
    """
    for kind in kinds:
        if kind not in KINDS:
            raise ValueError(f"kinds must be of {', '.join(KINDS)}; got {kind!r}")
    source = _Source(gguf_file)
    places = {kind: store.part_folder(source.name_of(kind), "gguf") for kind in kinds}
    missing = [kind for kind in kinds if not source.is_here(kind)]
    if missing:
        _make(source, missing)
    return {kind: folder / source.file_name(kind) for kind, folder in places.items()}


def _make(source: "_Source", kinds: Sequence[str]) -> None:
    from tqdm.auto import tqdm

    with tqdm(desc=f"{source.name}: reading its header", total=1, unit="weight") as bar:
        weights = sum(int(tensor.n_elements) for tensor in source.reader.tensors)
        store.require_disk(sum(map(source.file_bytes, kinds)), f"Copying {source.name}")
        bar.unit_scale = True
        bar.reset(total=weights * len(kinds))
        for kind in kinds:
            bar.set_description(f"{source.name}: making its {kind} copy, once")
            with store.locked(source.name_of(kind)):
                if source.is_here(kind):  # made by another meanwhile
                    bar.update(weights)
                    continue
                with store.placing(source.name_of(kind), "gguf", source.told(kind)) as aside:
                    source.write(aside / source.file_name(kind), kind, bar.update)


class _Source:
    """The file that copies are made of.

    Attributes:
        gguf_file: its path.
        name: of the model, as the store has it; of a learner's own file, by its checksum.
    """

    def __init__(self, gguf_file: Path):
        self.gguf_file = gguf_file
        known = store.read_manifest(gguf_file.parent).get("files", {}).get(gguf_file.name)
        self._sha256 = known["sha256"] if known else store.sha256_of(gguf_file)
        folder = gguf_file.parent.parent
        kept = folder.parent == store.models_folder()
        self.name = folder.name if kept else f"gguf-{self._sha256[:12]}"

    def name_of(self, kind: str) -> str:
        return f"{self.name}-{kind.lower()}"

    def file_name(self, kind: str) -> str:
        return f"{self.name}.{kind}.gguf"

    def told(self, kind: str) -> str:
        return f"{kind} of {self.gguf_file.name}, sha256 {self._sha256}"

    def is_here(self, kind: str) -> bool:
        """Whether there is an undamaged copy, of this very file."""
        folder = store.part_folder(self.name_of(kind), "gguf")
        same = store.read_manifest(folder).get("source") == self.told(kind)
        return same and not store.damaged(folder)

    @cached_property
    def reader(self):
        """Its header, of a hundred thousand strings: read once for all copies."""
        import gguf

        return gguf.GGUFReader(self.gguf_file)

    def file_bytes(self, kind: str) -> int:
        """About what a copy takes."""
        return self.reader.data_offset + sum(
            _bytes_of(tensor, _kind_for(tensor, kind)) for tensor in self.reader.tensors
        )

    def write(self, path: Path, kind: str, advance) -> None:
        """Writes a copy, a tensor at a time; tells each one's number of weights."""
        import gguf

        writer = self._header(path, kind)
        try:
            for tensor in self.reader.tensors:
                wanted = gguf.GGMLQuantizationType[_kind_for(tensor, kind)]
                writer.write_tensor_data(gguf.quantize(self._exact(tensor), wanted))
                advance(int(tensor.n_elements))
        finally:
            writer.close()

    def _exact(self, tensor):
        import gguf

        try:
            return gguf.dequantize(tensor.data, tensor.tensor_type)
        except NotImplementedError:
            raise LabError(
                f"{self.gguf_file.name} has weights in {tensor.tensor_type.name}, which the "
                "package gguf cannot read back.",
                "Take a file in another format, such as Q4_1 or Q4_K_M.",
            ) from None

    def _header(self, path: Path, kind: str):
        """A writer that has written all but the weights: the fields as they are, the new types."""
        import gguf
        import numpy as np

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
    import gguf

    if name == gguf.Keys.General.ALIGNMENT:
        writer.add_custom_alignment(field.contents())
        return
    written = name.startswith("GGUF.") or name in (
        gguf.Keys.General.ARCHITECTURE, gguf.Keys.General.FILE_TYPE,
    )  # fmt: skip
    value = field.contents()
    if written or (isinstance(value, list) and not value):  # an empty list cannot be written
        return
    kind = field.types[0]
    inner = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
    writer.add_key_value(name, value, kind, sub_type=inner)


def _kind_for(tensor, kind: str) -> str:
    """The format of one tensor: vectors, and rows that fill no whole block, stay exact."""
    import gguf

    block, _ = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[kind]]
    if len(tensor.shape) < 2 or int(tensor.shape[0]) % block:
        return "F32"
    coarse = kind not in ("F32", "F16", "Q8_0")
    return OUTER_KIND if coarse and tensor.name in OUTER else kind


def _bytes_of(tensor, kind: str) -> int:
    import gguf

    block, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[kind]]
    return int(tensor.n_elements) // block * size
