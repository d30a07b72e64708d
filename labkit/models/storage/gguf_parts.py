"""A GGUF model in one file, or in several as llama.cpp's ``llama-gguf-split`` writes them."""

import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from labkit.errors import LabError

from . import store

if TYPE_CHECKING:
    from gguf import GGUFReader

NAME = re.compile(r"(.+)-(\d{5})-of-(\d{5})\.gguf")
MERGE = "llama-gguf-split --merge FIRST-PART.gguf WHOLE.gguf makes one file of all parts."


def find_parts(path: Path) -> list[Path]:
    """All files of a model in order, by their names; of a single file, only itself.

    Raises:
        LabError: there is no such file, or a part of it is missing.
    """
    split = NAME.fullmatch(path.name)
    names = [path.name]
    if split:
        stem, _, count = split.groups()
        names = [f"{stem}-{number:05}-of-{count}.gguf" for number in range(1, int(count) + 1)]
    parts = [path.with_name(name) for name in names]
    if missing := next((part for part in parts if not os.path.isfile(part)), None):
        if missing == path:
            raise LabError(f"There is no file {path}.", "Check the path.")
        raise LabError(
            f"{path.name} is one of {len(parts)} parts of a model, and {missing} is missing.",
            "Put all parts into one folder, under their own names.",
        )
    return parts


def sha256_of_parts(path: Path) -> str:
    """The sha256 of a model's file; of several, that of their checksums."""
    sums = [store.sha256_of(part) for part in find_parts(path)]
    return sums[0] if len(sums) == 1 else hashlib.sha256("".join(sums).encode()).hexdigest()


def open_gguf(path: Path) -> "GGUFReader":
    """The gguf package's own reader of a model's first file, with the tensors of all parts.

    Raises:
        LabError: damaged, or parts that do not belong together or were renamed.
    """
    # Not gguf.GGUFReader, which a conversion replaces by this function.
    from gguf.gguf_reader import GGUFReader

    try:
        first, *others = readers = [GGUFReader(part) for part in find_parts(path)]
    except LabError:
        raise
    except Exception as error:  # whatever a damaged byte leads to
        raise LabError(
            f"{path} is damaged, or not a GGUF file that can be read: {error}",
            "Download or copy it again.",
        ) from None
    if [_split_of(reader) for reader in readers] != [
        (n, len(readers)) for n in range(len(readers))
    ]:
        raise LabError(
            f"{path.name} is one of {_split_of(first)[1]} parts of a model, and the others are not "
            "beside it under the names that they were written with.",
            MERGE,
        )
    for other in others:
        first.tensors.extend(other.tensors)
    return first


def _split_of(reader: "GGUFReader") -> tuple[int, int]:
    """A part's number, from 0, and the count of parts, as its header states them."""
    number, count = (reader.get_field(f"split.{key}") for key in ("no", "count"))
    return (number.contents() if number else 0, (count.contents() if count else 0) or 1)
