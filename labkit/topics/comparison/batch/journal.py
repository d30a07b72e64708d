"""A file that is only ever added to, a line for each answer: what was written is never lost.

Every line is on the disk before the next question is asked. A crash can cut off the last line and
no other; it is taken off when the file is opened again, and its question is asked once more.
"""

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from labkit.errors import LabError

from .table import Row, read_row

FORMAT = 1
HEAD = {"labkit_batch": FORMAT}


class Journal:
    """The file of a batch, open for adding.

    Attributes:
        path: where it is; None: nothing is kept.
        rows: by key, the last one of each.
    """

    def __init__(self, path: Path | None, rows: dict[str, Row], file: IO[bytes] | None):
        self.path, self.rows, self._file = path, rows, file

    def add(self, row: Row) -> None:
        """Keeps a row; it is on the disk when this returns.

        Raises:
            LabError: the disk is full, or gone.
        """
        self.rows[row.key] = row
        if self._file is None:
            return
        try:
            _write(self._file, asdict(row))
        except OSError as error:
            raise LabError(
                f"{self.path} cannot be written to: {error.strerror}.",
                "Make room there, then run the batch again: it goes on where it stopped.",
            ) from None


@contextlib.contextmanager
def open_journal(path: str | Path | None) -> Iterator[Journal]:
    """The file of a batch with what it holds, made if it is not there, closed at the end.

    Args:
        path: of the file; None: rows are kept in memory alone.
    Raises:
        LabError: it is another kind of file, it is damaged elsewhere than at its end, its folder
            is not there, or another batch writes to it.
    """
    if path is None:
        yield Journal(None, {}, None)
        return
    path = Path(path)
    with _alone(path):
        try:
            file = path.open("ab+")
        except OSError as error:
            raise LabError(
                f"{path} cannot be opened: {error.strerror}.", "Name a file in a folder of yours."
            ) from None
        try:
            rows = read_rows(path, _mended(path, file))
            yield Journal(path, {row.key: row for row in rows}, file)
        finally:
            with contextlib.suppress(OSError):  # a full disk was told of when it filled
                file.close()


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Two batches in one file would ask everything twice. The lock lies with temporary files."""
    import filelock

    name = hashlib.sha256(str(path.absolute()).encode()).hexdigest()[:16]
    lock = filelock.FileLock(Path(tempfile.gettempdir()) / f"labkit-batch-{name}.lock")
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise LabError(
            f"Another batch is writing to {path}.", "Wait for it, or name another file."
        ) from None
    try:
        yield
    finally:
        lock.release()


def _mended(path: Path, file: IO[bytes]) -> bytes:
    """What the file holds, without a last line that was cut off; a new one gets its head."""
    file.seek(0)
    held = file.read()
    if (json.dumps(HEAD) + "\n").encode().startswith(held):  # new, or cut off in its head
        file.truncate(0)
        _write(file, HEAD)
        return json.dumps(HEAD).encode() + b"\n"
    whole, tail = held[: held.rfind(b"\n") + 1], held[held.rfind(b"\n") + 1 :]
    require_head(path, held)
    if tail and _is_row(tail):  # only its line break is missing
        file.write(b"\n")
        return held + b"\n"
    file.truncate(len(whole))
    return whole


def _is_row(line: bytes) -> bool:
    try:
        return bool(read_row(json.loads(line)))
    except ValueError:
        return False


def _write(file: IO[bytes], told: dict[str, Any]) -> None:
    file.write(json.dumps(told, ensure_ascii=False).encode() + b"\n")
    file.flush()
    os.fsync(file.fileno())


def require_head(path: Path, held: bytes) -> None:
    """Raises a LabError for a file that is no journal: it must not be written to."""
    try:
        head = json.loads(held.split(b"\n", 1)[0])
    except ValueError:
        head = None
    if head != HEAD:
        raise LabError(
            f"{path} is no file of a batch of this lab.",
            "Name one that labkit.comparison.run_batch wrote, or one that is not there yet.",
        )


def read_rows(path: Path, held: bytes) -> list[Row]:
    """All rows of a journal, in the order in which they were written.

    Raises:
        LabError: a line is no row.
    """
    require_head(path, held)
    rows = []
    for number, line in enumerate(held.splitlines()[1:], 2):
        try:
            rows.append(read_row(json.loads(line)))
        except ValueError:
            raise LabError(
                f"Line {number} of {path} is no row of a batch.",
                "Take that line out, or name another file.",
            ) from None
    return rows
