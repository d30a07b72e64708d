"""Imports of spaCy and Presidio without what a scan has no use for."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType

EMPTY = ("spacy.cli", "spacy.cli.info")  # spaCy's command line, with all that it prints by


class _Lean:
    """Finds no torch, and `EMPTY` empty, in one thread; and is their loader."""

    def __init__(self):
        self._thread = threading.get_ident()

    def find_spec(self, name: str, path=None, target=None) -> ModuleSpec | None:
        if threading.get_ident() != self._thread:
            return None
        if name == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
        is_package = name == EMPTY[0]
        return ModuleSpec(name, self, is_package=is_package) if name in EMPTY else None  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> None:
        """The usual one."""

    def exec_module(self, module: ModuleType) -> None:
        """The one name that spaCy imports from there."""
        module.info = None  # type: ignore[attr-defined]


@contextmanager
def lean_imports() -> Iterator[None]:
    """In this thread, importing torch fails, and spaCy's command line is empty.

    What is imported already stays. spaCy and Presidio import torch where it is installed: seconds,
    and 200 MB; spaCy its command line always: 15 MB. Afterwards both can be imported as ever.
    """
    lean = _Lean()
    sys.meta_path.insert(0, lean)  # type: ignore[arg-type]
    try:
        yield
    finally:
        sys.meta_path.remove(lean)  # type: ignore[arg-type]
        for name in EMPTY:
            if getattr(sys.modules.get(name), "__loader__", None) is lean:
                del sys.modules[name]
