"""Imports that an interrupt cannot cut short: torch, half imported, cannot be imported again.

Importing it takes seconds, most often in the first cell that needs a model, and says so there.
And imports `without` what they would load although the lab does not use it.
"""

import contextlib
import functools
import importlib.abc
import importlib.machinery
import sys
import threading
import time
from collections.abc import Iterator

from .delayed import delayed_interrupts

HEAVY = frozenset({"torch", "transformers", "tokenizers", "numpy", "plotly", "xllamacpp"})


class HeavyImports(importlib.abc.MetaPathFinder):
    """Finds the packages of `HEAVY` as Python does, and delays interrupts while one is run."""

    def __init__(self) -> None:
        self._is_delaying = False  # packages import themselves: the outermost is enough

    def find_spec(self, fullname, path, target=None):
        """See `importlib.abc.MetaPathFinder`."""
        in_main = threading.current_thread() is threading.main_thread()
        if fullname.partition(".")[0] not in HEAVY or self._is_delaying or not in_main:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader.exec_module = functools.partial(self._run, spec.loader.exec_module)
        return spec

    def _run(self, run, module) -> None:
        name = module.__name__
        self._is_delaying, began = True, time.perf_counter()
        try:
            with delayed_interrupts():
                _say(f"loading {name} … ", name)
                run(module)
                _say(f"{time.perf_counter() - began:.1f} s\n", name)
        finally:
            self._is_delaying = False


def _say(text: str, name: str) -> None:
    """Tells a notebook's reader what takes so long."""
    ipython = sys.modules.get("IPython")
    shell = ipython and ipython.get_ipython()
    if name == "torch" and shell and hasattr(shell, "kernel"):
        print(text, end="", flush=True)


def install() -> None:
    """Has Python find them so, once."""
    if not any(isinstance(each, HeavyImports) for each in sys.meta_path):
        sys.meta_path.insert(0, HeavyImports())


@contextlib.contextmanager
def without(*names: str) -> Iterator[None]:
    """Inside, modules that are not imported yet appear not to be installed.

    For what others import if it is there, and can do without.
    """
    hidden = [name for name in names if name not in sys.modules]
    sys.modules |= dict.fromkeys(hidden)  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)
