"""What a notebook shows of a cell that was stopped, or gave the lab something wrong: a line.

The lines of the lab's own code, which explain nothing to a learner, are left out.
"""

import linecache
import sys
from pathlib import Path
from types import TracebackType

from . import cell

REFUSALS = (ValueError, TypeError, AttributeError)  # of an argument, or of a name
_PACKAGE = Path(__file__).parents[1]


def install() -> None:
    """Has the notebook's shell show both so, where this is a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython and ipython.get_ipython()
    if hasattr(shell, "kernel"):
        shell.set_custom_exc((KeyboardInterrupt, *REFUSALS), _show)
        cell.watch(shell)


def _show(shell, kind, error, traceback, tb_offset=None) -> list[str]:
    at = _line_of_cell(shell, traceback)
    if issubclass(kind, KeyboardInterrupt):
        lines = [f"✗ Stopped{at}: only what had finished before is kept."]
    elif _is_the_labs_sentence(traceback):
        lines = [f"✗ {kind.__name__}{at}: {error}"]
    else:  # a mistake in other code, which its lines explain
        shell.showtraceback((kind, error, traceback), tb_offset=tb_offset)
        return []
    sys.last_type, sys.last_value, sys.last_traceback = kind, error, traceback  # for %tb
    shell._showtraceback(kind, error, lines)
    return lines


def _line_of_cell(shell, traceback: TracebackType | None) -> str:
    while traceback:  # the frames of IPython itself come first
        code, number = traceback.tb_frame.f_code, traceback.tb_lineno
        if shell.compile.format_code_name(code.co_filename):
            return f" at line {number} of this cell"
        traceback = traceback.tb_next
    return ""


def _is_the_labs_sentence(traceback: TracebackType | None) -> bool:
    """Whether the lab raised it on purpose, and no bug did."""
    while traceback and traceback.tb_next:
        traceback = traceback.tb_next
    if traceback is None:
        return False
    file = traceback.tb_frame.f_code.co_filename
    line = linecache.getline(file, traceback.tb_lineno)
    return Path(file).is_relative_to(_PACKAGE) and line.lstrip().startswith("raise ")
