"""Imports without torch, for libraries that would load it only to see whether it is there."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class _Hidden:
    """A finder for which torch does not exist, in one thread."""

    def __init__(self):
        self._thread = threading.get_ident()

    def find_spec(self, name: str, path=None, target=None) -> None:
        if name == "torch" and threading.get_ident() == self._thread:
            raise ModuleNotFoundError("No module named 'torch'", name="torch")


@contextmanager
def without_torch() -> Iterator[None]:
    """In this thread, importing torch fails, unless it has been imported already.

    spaCy and Presidio import it where it is installed: seconds, and 200 MB, which a scan of a text
    that goes to a server has no use for.
    """
    hidden = _Hidden()
    sys.meta_path.insert(0, hidden)  # type: ignore[arg-type]
    try:
        yield
    finally:
        sys.meta_path.remove(hidden)  # type: ignore[arg-type]
