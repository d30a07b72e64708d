"""What a notebook shows of a cell that was stopped: a line, not the lab's own code."""

import sys

from . import cell


def install() -> None:
    """Has the notebook's shell show interrupts so, where this is a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython and ipython.get_ipython()
    if hasattr(shell, "kernel"):
        shell.set_custom_exc((KeyboardInterrupt,), _show)
        cell.watch(shell)


def _show(shell, kind, error, traceback, tb_offset=None) -> list[str]:
    line = ""
    while traceback and not line:  # the frames of IPython itself come first
        code, number = traceback.tb_frame.f_code, traceback.tb_lineno
        if shell.compile.format_code_name(code.co_filename):
            line = f" at line {number} of this cell"
        traceback = traceback.tb_next
    lines = [f"✗ Stopped{line}: only what had finished before is kept."]
    shell._showtraceback(kind, error, lines)
    return lines
