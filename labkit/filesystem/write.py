"""The one way in which the lab writes a file: whole or not at all, and without a key in it.

A file is written aside in its own folder, flushed to the disk, and moved over what stood there; so
after any failure or kill the old file or the new one is there, and whole. A kill may leave a hidden
``.labkit-….part`` beside it, which is safe to delete.

A symbolic link is followed: the file that it names is replaced, and the link stays. Only the
standard library: `labkit.install` runs before anything is installed.
"""

import errno
import json
import math
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from labkit.errors import LabError

HINT = "Name a file in a folder of yours."
# Functions that mask what no file may hold: `labkit.backends.remote.api_keys` adds that of keys.
MASKS: list[Callable[[str], str]] = []


def write_text(
    path: str | Path,
    text: str,
    *,
    encoding: str = "utf-8",
    hint: str = HINT,
    scripts: Sequence[str] = (),
) -> Path:
    """Writes a text with all keys masked; see `replaced`. Lone surrogates become U+FFFD.

    Args:
        path: of the file.
        text: what it holds.
        encoding: of the file.
        hint: see `replaced`.
        scripts: parts of it that come with the lab or its packages, and stay as they are: a short
            key may well be a piece of 5 MB of JavaScript.
    """
    with replaced(path, hint) as file:
        file.write(_cleaned_around(text, scripts).encode(encoding))
    return Path(path)


def write_json(path: str | Path, record: Any, *, hint: str = HINT) -> Path:
    """Writes a record as JSON with all keys masked; see `replaced`."""
    with replaced(path, hint) as file:
        file.write(json_text(record, indent=1).encode())
    return Path(path)


def json_text(record: Any, indent: int | None = None) -> str:
    """A record as JSON, every text with all keys masked; what is not finite is unknown: null."""
    return json.dumps(_masked(record), ensure_ascii=False, indent=indent, allow_nan=False)


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return cleaned(value)
    if isinstance(value, dict):
        return {_masked(key): _masked(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def cleaned(text: str) -> str:
    """A text as files hold it: all keys masked, and no lone surrogates, which no file can hold."""
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    for mask in MASKS:
        text = mask(text)
    return text


def _cleaned_around(text: str, scripts: Sequence[str]) -> str:
    for script in scripts:
        before, found, after = text.partition(script)
        if found:
            return f"{_cleaned_around(before, scripts)}{script}{_cleaned_around(after, scripts)}"
    return cleaned(text)


@contextmanager
def replaced(path: str | Path, hint: str = HINT) -> Iterator[IO[bytes]]:
    """A new file to write to, which takes the place of `path` once the block has ended well.

    Raises:
        LabError: it cannot be written there. What stood there stays, as after any other error.
    """
    aside = None
    try:
        target = Path(os.path.realpath(path))
        mode = _require_replaceable(target)
        aside = target.with_name(f".labkit-{secrets.token_hex(6)}.part")
        with open(aside, "xb") as file:
            if mode is not None:
                aside.chmod(mode)
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, target)
        _sync_folder(target.parent)
    except OSError as error:
        is_other = aside and error.filename not in (None, str(aside))  # one that the block reads
        reason = error if is_other else error.strerror or error
        raise LabError(f"{path} cannot be written: {reason}.", hint) from None
    except ValueError as error:
        if aside is None:  # a null byte in the path
            raise LabError(f"{path!r} cannot be written: {error}.", hint) from None
        raise
    finally:
        if aside is not None:
            with suppress(OSError):
                aside.unlink(missing_ok=True)


def _require_replaceable(target: Path) -> int | None:
    """The permissions of what stands there; None: nothing. Devices and folders stay untouched."""
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not target.exists():
        return None
    if not target.is_file():
        raise OSError(errno.EINVAL, "it is a device or a pipe")
    if not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return target.stat().st_mode & 0o777


def _sync_folder(folder: Path) -> None:
    """So that the move, too, outlives a power cut; Windows has no such call for folders."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
