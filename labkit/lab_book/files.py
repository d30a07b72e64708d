"""A lab book as a file that `labkit.save` writes and `labkit.open_result` opens."""

from pathlib import Path

from . import store
from .book import LabBook


def read(path: str | Path) -> LabBook:
    """An exported lab book alone.

    Raises:
        LabError: there is no such file, or it is not a lab book.
    """
    return LabBook(store.read_file(path))


WRITERS = {LabBook: LabBook.export}
