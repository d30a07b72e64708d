"""`save` and `open_result`: results in files, which begin with what they hold."""

import importlib
import re
from pathlib import Path
from typing import Any

from labkit.checks import checked_path
from labkit.display import registered
from labkit.errors import LabError
from labkit.filesystem.read import read_start

# The key that a file begins with, and the module whose function `read` opens it.
READERS = {
    "labkit_book": "labkit.lab_book.files",
    "labkit_measurement": "labkit.topics.speed.measure.files",
    "labkit_batch": "labkit.topics.comparison.batch.files",
    "labkit_votes": "labkit.topics.comparison.votes.files",
}
HEAD = re.compile(rb'\s*\{\s*"(labkit_\w+)"')


def save(result: Any, path: str | Path) -> Path:
    """Writes a result to a file, which `open_result` opens again, here or on another machine.

    Args:
        result: a measurement, a table of answers, votes or a lab book. A table goes by the file's
            ending: ``.json`` is opened again, ``.csv`` is for a spreadsheet, ``.html`` is a page.
        path: of the file; what it held is replaced.
    Returns:
        Where it is.
    Raises:
        TypeError: results of that type are not kept in files.
        ValueError: not a path.
        LabError: it cannot be written there.
    """
    write = registered(result, "files", "WRITERS") or registered(result, "figures", "WRITERS")
    if write is None:
        name = type(result).__name__
        raise TypeError(
            f"save takes a measurement, a table of answers, votes or a lab book; got {name}"
        )
    return write(result, checked_path("path", path))


def open_result(path: str | Path) -> Any:
    """A result that `save` wrote, a batch kept as it ran, or a vote; the file itself says which.

    Raises:
        LabError: there is no such file, or it does not hold a result of the lab.
    """
    head = HEAD.match(read_start(checked_path("path", path), 200))
    reader = READERS.get(head[1].decode()) if head else None
    if reader is None:
        raise LabError(
            f"{path} is not a result of this lab.",
            "Name a file that lab.save, lab.comparison.run_batch or a vote wrote.",
        )
    return importlib.import_module(reader).read(path)
