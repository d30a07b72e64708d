"""An append-only file with a line for each answer, so that no finished answer is lost.

A line is written to disk as soon as its answer is complete. A crash can cut off only the last
line; it is removed when the file is opened again, and its prompt is sent once more.
"""

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from labkit.errors import LabError
from labkit.filesystem.read import read_file, without_waiting
from labkit.filesystem.write import json_text

from .table import BatchRow, read_row, to_record

FORMAT = 1
HEAD = {"labkit_batch": FORMAT}
LARGEST_JOURNAL = 1_000_000_000  # bytes; it is read line by line


class Journal:
    """The file of a batch, open for appending.

    Attributes:
        path: the file's path; None: rows are kept in memory only.
        rows: the last row of each key.
    """

    def __init__(self, path: Path | None, rows: dict[str, BatchRow], file: IO[bytes] | None):
        self.path, self.rows, self._file = path, rows, file

    def add(self, row: BatchRow) -> None:
        """Adds a row; it is on disk when this returns.

        Raises:
            LabError: the disk is full or has been removed.
        """
        self.rows[row.key] = row
        if self._file is None:
            return
        try:
            _write(self._file, to_record(row))
        except OSError as error:
            raise LabError(
                f"{self.path} cannot be written to: {error.strerror}.",
                "Free some space, then run the batch again: it resumes where it stopped.",
            ) from None


@contextlib.contextmanager
def open_journal(path: str | Path | None) -> Iterator[Journal]:
    """Opens the file of a batch with the rows in it, creates it if necessary, and closes it.

    Args:
        path: the file's path; None: rows are kept in memory only.
    Raises:
        LabError: it is another kind of file, it is damaged before its last line, its folder does
            not exist, or another batch is writing to it.
    """
    if path is None:
        yield Journal(None, {}, None)
        return
    path = Path(path)
    try:
        file = open(path, "ab", opener=without_waiting)  # noqa: SIM115  (closed below)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise LabError(
            f"{path} cannot be opened: {reason}.", "Name a file in a folder of yours."
        ) from None
    try:
        with _lock(path, file):
            rows = read_rows(path, _repaired(path, file))
            yield Journal(path, {row.key: row for row in rows}, file)
    finally:
        with contextlib.suppress(OSError):  # `add` has reported a full disk already
            file.close()


@contextlib.contextmanager
def _lock(path: Path, file: IO[bytes]) -> Iterator[None]:
    """Two batches in one file would do everything twice, by whatever names they know it.

    The lock is in the temporary folder.
    """
    import filelock

    status = os.fstat(file.fileno())
    name = hashlib.sha256(f"{status.st_dev} {status.st_ino}".encode()).hexdigest()[:16]
    where: str | Path = f"labkit-batch-{name}.lock"
    try:
        where = Path(tempfile.gettempdir()) / where
        held = filelock.FileLock(where).acquire(timeout=0)
    except filelock.Timeout:
        raise LabError(
            f"Another batch is writing to {path}.", "Wait for it, or name another file."
        ) from None
    except OSError as error:
        raise LabError(
            f"The lock of {path} cannot be taken: {error.strerror or error}.",
            f"Remove {where}, set TMPDIR to a folder of yours, or name another file.",
        ) from None
    with held:
        yield


def _repaired(path: Path, file: IO[bytes]) -> bytes:
    """The file's content, without a last line that was cut off; a new file gets its head."""
    content = read_file(path, LARGEST_JOURNAL)
    if (json.dumps(HEAD) + "\n").encode().startswith(content):  # new, or cut off in its head
        file.truncate(0)
        _write(file, HEAD)
        return json.dumps(HEAD).encode() + b"\n"
    whole, tail = content[: content.rfind(b"\n") + 1], content[content.rfind(b"\n") + 1 :]
    require_head(path, content)
    if tail and _is_row(tail):  # only its line break is missing
        file.write(b"\n")
        return content + b"\n"
    file.truncate(len(whole))
    return whole


def _is_row(line: bytes) -> bool:
    try:
        return bool(read_row(line))
    except ValueError:
        return False


def _write(file: IO[bytes], record: dict[str, Any]) -> None:
    file.write(json_text(record).encode() + b"\n")
    file.flush()
    os.fsync(file.fileno())


def is_journal(content: bytes) -> bool:
    """Whether a file's first line is the head of a journal."""
    try:
        return json.loads(content.split(b"\n", 1)[0]) == HEAD
    except (ValueError, RecursionError):
        return False


def require_head(path: Path, content: bytes) -> None:
    """Raises a LabError for a file that is not a journal: it must not be written to."""
    if not is_journal(content):
        raise LabError(
            f"{path} is not a batch file of this lab.",
            "Name one that lab.comparison.run_batch wrote, or a new one.",
        )


def newest_rows(path: Path, content: bytes) -> dict[str, BatchRow]:
    """The last row of each key, also of a file whose last line was cut off.

    Raises:
        LabError: a line before the last is not a row.
    """
    whole = content[: content.rfind(b"\n") + 1]
    return {row.key: row for row in read_rows(path, whole or content)}


def read_rows(path: Path, content: bytes) -> list[BatchRow]:
    """All rows of a journal, in the order in which they were written.

    Raises:
        LabError: a line is not a row.
    """
    require_head(path, content)
    rows = []
    for number, line in enumerate(content.splitlines()[1:], 2):
        try:
            rows.append(read_row(line))
        except ValueError as error:
            raise LabError(
                f"Line {number} of {path} is not a row of a batch: {error}.",
                "Remove that line, or name another file.",
            ) from None
    return rows
