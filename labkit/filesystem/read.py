"""The one reader of files that people pass on: kind, size, depth, version and every value's type.

It trusts nothing. Whatever is wrong with a file is a `LabError` that says what and where.
"""

import errno
import functools
import math
import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from labkit.checks import checked_path
from labkit.errors import LabError
from labkit.formatting import CONTROL

LARGEST = 100_000_000  # bytes
LARGEST_NUMBER = 2**64  # bytes, seconds, tokens: nothing that the lab counts comes near
CLOCK_ERROR = -0.001  # seconds: the difference of two readings by two threads may be below 0
SIGNED = {"logprob", "drawn_logprob", "entropy_bits", "stolen_share"}
SIGNED |= {"presence_penalty", "frequency_penalty"}
SIGNED |= {"value", "low", "high", "guess"}  # of a lab book: a difference may be below 0
# What models and people write; any other text is a name, which holds no control characters.
FREE = {"text", "thinking", "prompt", "content", "stop", "stopped", "error", "answer", "pattern"}
FREE |= {"system", "instruction", "format_hint", "wordings"}
T = TypeVar("T")


def read_file(path: str | Path, most: int = LARGEST) -> bytes:
    """The content of a file; never waits for a pipe, nor reads a device without end.

    Raises:
        LabError: there is no such file, it is larger than `most` bytes, or is not a file.
    """
    content = read_start(path, most + 1)
    if len(content) > most:
        raise LabError(
            f"{path} cannot be read: it has more than {most / 1e6:,.0f} MB, as no such file has.",
            "Name another file.",
        )
    return content


def read_start(path: str | Path, count: int) -> bytes:
    """The first bytes of a file; see `read_file`."""
    try:
        with open(path, "rb", opener=without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise OSError(errno.EINVAL, "it is a device or a pipe")
            return file.read(count)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise LabError(f"{path} cannot be read: {reason}.", "Check the file's name.") from None


def read_each(
    files: str | Path | Iterable[str | Path], read: Callable[[Path], T]
) -> tuple[dict[Path, T], list[str]]:
    """What each file holds that can be read, and why each other one cannot.

    Args:
        files: their paths; or a folder, whose ``.json`` files are read in the order of their names.
        read: reads one file, or raises `LabError`.
    """
    if isinstance(files, str | Path):
        path = Path(files)
        files = sorted(path.glob("*.json")) if os.path.isdir(path) else [path]
    elif not isinstance(files, Iterable) or isinstance(files, bytes):
        raise ValueError(f"files must be their names, or a folder's; got {files!r}")
    found, left_out = {}, []
    for path in [checked_path("files", each) for each in files]:
        try:
            found[path] = read(path)
        except LabError as error:
            left_out.append(error.problem)
    return found, left_out


def without_waiting(path: str, flags: int) -> int:
    """An opener for `open` that does not wait for the other end of a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def read_shared(path: str | Path, schema: type[T], what: str, *, hint: str) -> T:
    """What a file of the lab holds, as an instance of a dataclass, with every value checked.

    Args:
        path: of the file.
        schema: the dataclass; a field ``labkit_…: Literal[1]`` is the file's format.
        what: what the file is to hold, for the sentence: ``"a measurement"``.
        hint: what to do with another file.
    Raises:
        LabError: it cannot be read, it is of another format, or a value in it is wrong.
    """
    content = read_file(path)
    try:
        return parse(content, schema)
    except ValueError as error:
        raise wrong_content(path, what, str(error), hint) from None


def wrong_content(path: str | Path, what: str, reason: str, hint: str) -> LabError:
    """The error for a file that does not hold what it should."""
    return LabError(f"{path} does not hold {what} of this lab, or is damaged: {reason}.", hint)


def parse(content: bytes, schema: type[T]) -> T:
    """JSON as an instance of a dataclass; types are exact, and no field is missing or unknown.

    Numbers are finite; unless `SIGNED`, none is below 0 by more than `CLOCK_ERROR`. Texts that are
    not `FREE` hold no control characters.

    Raises:
        ValueError: with the place and the reason.
    """
    import pydantic

    if len(content) > LARGEST:
        raise ValueError(f"it has more than {LARGEST / 1e6:,.0f} MB")
    try:
        value = _adapter(schema).validate_json(content, strict=True, extra="forbid")
    except pydantic.ValidationError as error:
        raise ValueError(_first(error)) from None
    _check_values(value, "")
    return value


@functools.cache
def _adapter(schema: type) -> Any:
    import pydantic

    return pydantic.TypeAdapter(schema)


def _first(error: Any) -> str:
    """The first of the errors that pydantic found, with its place."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    formats = [each for each in found if str(each["loc"][:1]).startswith("('labkit_")]
    first = (formats or found)[0]
    if formats and first["type"] == "literal_error":
        return "it is of another format, which another version of the lab wrote"
    where = ascii(".".join(map(str, first["loc"])))[1:200].removesuffix("'")
    return f"{where}: {first['msg']}" if where else first["msg"].removeprefix("Invalid JSON: ")


def _check_values(value: Any, name: str) -> None:
    if isinstance(value, int | float):
        least = -math.inf if name in SIGNED else CLOCK_ERROR
        if not least <= value <= LARGEST_NUMBER or value == -math.inf:
            raise ValueError(f"{name}: {value!r:.40} is out of range")
    elif isinstance(value, str):
        if name not in FREE and CONTROL.search(value):
            raise ValueError(f"{name}: it holds control characters")
    elif is_dataclass(value):
        for field in fields(value):
            _check_values(getattr(value, field.name), field.name)
    elif isinstance(value, list | tuple):
        for each in value:
            _check_values(each, name)
    elif isinstance(value, dict):
        for key, each in value.items():
            _check_values(str(key), "a name")
            _check_values(each, str(key))
