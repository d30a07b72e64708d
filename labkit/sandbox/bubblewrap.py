"""Bubblewrap in place of `inside`'s own namespaces, on systems that allow them to it alone.

Debian's old kernels and Ubuntu's AppArmor refuse namespaces to a plain Python, and allow them to
``bwrap``, by its setuid bit or a profile of its own. What it shows to a program is what `inside`
shows, and this folder of the lab, from which `inside` then sets the limits and the filter of
system calls. It shows nothing to write: with the setuid bit it refuses to limit a folder's size.

Source: man page bwrap(1).
"""

import os
import shutil
from pathlib import Path
from typing import Any

from .inside import DEVICES, SYSTEM, WORK

ROOT = "/"  # where a program finds labkit.sandbox
_OWN = Path(__file__).resolve().parent


def find_bubblewrap() -> str | None:
    """The path of ``bwrap``; None: it is not installed."""
    return shutil.which("bwrap")


def bubblewrap_command(task: dict[str, Any], folder: str) -> list[str]:
    """What to put before a command, so that it runs behind the wall.

    Args:
        task: as for ``inside.run``.
        folder: that holds the program.
    """
    command = [find_bubblewrap() or "bwrap", "--unshare-all", "--die-with-parent", "--new-session"]
    command += ["--cap-drop", "ALL", "--ro-bind", folder, WORK]
    for path in sorted({*SYSTEM, *task["readable"]}, key=len):
        if os.path.islink(path) and path in SYSTEM:
            command += ["--symlink", os.readlink(path), path]
        else:
            command += ["--ro-bind-try", path, path]
    for path in DEVICES:
        command += ["--dev-bind", path, path]
    command += ["--ro-bind", str(_OWN), f"{ROOT}labkit/sandbox"]
    return [*command, "--remount-ro", "/", "--chdir", WORK]
