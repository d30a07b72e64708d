"""A GGUF model in one file, or in several as llama.cpp's ``llama-gguf-split`` writes them."""

import hashlib
import mmap
import os
import re
import struct
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    if split and 1 <= int(split[2]) <= int(split[3]):  # else a name that only looks so
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


def stored_name(path: Path, sha256: str) -> str:
    """The name under which the lab stores what it makes of a learner's own file.

    >>> stored_name(Path("Qwen 2.5-0.5B.Q4_K_M-00001-of-00002.gguf"), "1d9614638d18")
    'qwen-2.5-0.5b.q4_k_m-1d961463'
    """
    split = NAME.fullmatch(path.name)
    stem = split.group(1) if split else path.name.removesuffix(".gguf")
    words = re.findall(r"[a-z0-9._]+", stem.lower())
    return f"{'-'.join(words)[:60].strip('.') or 'gguf'}-{sha256[:8]}"


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


_TEXT, _ARRAY, _BOOL = 8, 9, 7
# How struct reads a value, by its kind.
_NUMBERS = {
    0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", _BOOL: "?", 10: "Q", 11: "q", 12: "d",
}  # fmt: skip


def read_fields(path: Path, names: Collection[str]) -> dict[str, Any]:
    """Those of these fields that a file's header has: texts, numbers, and lists of them.

    The gguf package's reader takes seconds, because it makes an object of each token.

    Raises:
        LabError: damaged.
    Source: github.com/ggml-org/ggml, docs/gguf.md, "File Structure".
    """
    found: dict[str, Any] = {}
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            (count,) = struct.unpack_from("<Q", data, 16)
            at = 24
            for _ in range(count):
                key, at = _read_text(data, at)
                (kind,) = struct.unpack_from("<I", data, at)
                name = key.decode(errors="replace")
                value, at = _read_value(data, at + 4, kind, wanted=name in names)
                if name in names:
                    found[name] = value
                if len(found) == len(names):
                    break
    except (struct.error, KeyError, ValueError, RecursionError) as error:
        reason = f"its header cannot be read: {error}"
        raise LabError(f"{path} is damaged: {reason}", "Download or copy it again.") from None
    return found


def text_field(path: Path, name: str) -> str | None:
    """A text of a file's header; None if it has no such field.

    Raises:
        LabError: damaged.
    """
    value = read_fields(path, {name}).get(name)
    return value if isinstance(value, str) else None


def _read_text(data: mmap.mmap, at: int) -> tuple[bytes, int]:
    (length,) = struct.unpack_from("<Q", data, at)
    if at + 8 + length > len(data):
        raise ValueError("it ends in the middle of a text")
    return data[at + 8 : at + 8 + length], at + 8 + length


def _read_value(data: mmap.mmap, at: int, kind: int, *, wanted: bool) -> tuple[Any, int]:
    """The value of a kind that begins there, None if it is not wanted; and where it ends."""
    if kind == _TEXT:
        text, at = _read_text(data, at)
        return text.decode(errors="replace") if wanted else None, at
    if kind != _ARRAY:
        form = f"<{_NUMBERS[kind]}"
        return struct.unpack_from(form, data, at)[0], at + struct.calcsize(form)
    inner, count = struct.unpack_from("<IQ", data, at)
    at += 12
    if inner in _NUMBERS:
        form = f"<{count}{_NUMBERS[inner]}"
        return struct.unpack_from(form, data, at) if wanted else None, at + struct.calcsize(form)
    values = []
    for _ in range(count):
        value, at = _read_value(data, at, inner, wanted=wanted)
        if wanted:
            values.append(value)
    return values, at
