"""Runs a command where users can be made, and folders be entered, without a trace on the machine.

    python -m tests.classroom.own_mounts COMMAND …

Only as root on Linux: in a mount namespace of its own, /etc is a copy, and a folder that others
may not enter, such as root's home, shows others what the lab needs of it and nothing else.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from labkit.classroom.learners.system_users import closed_to_others
from labkit.install.checkout import ROOT
from labkit.models.storage.store import home
from labkit.sandbox.kernel import call

NEW_MOUNTS = 0x20000  # linux/sched.h


def main(command):
    """Becomes the command."""
    call("unshare", NEW_MOUNTS)
    mount("--make-rprivate", "/")
    os.environ["LABKIT_HOME"] = str(home())  # a learner has another
    aside = Path(tempfile.mkdtemp(prefix="own-mounts-"))
    mount("-t", "tmpfs", "tmpfs", aside)  # which ends with the namespace
    shutil.copytree("/etc", aside / "etc", symlinks=True, ignore_dangling_symlinks=True)
    mount("--bind", aside / "etc", "/etc")
    needed = [ROOT, sys.executable, sys.prefix, sys.base_prefix, home()]
    while closed := closed_to_others(*needed):
        open_up(closed, [Path(path).resolve() for path in needed], aside)
    os.execvp(command[0], command)


def open_up(closed, needed, aside):
    """Puts a folder in its place that shows what is needed of it."""
    inside = {path.relative_to(closed).parts[0] for path in needed if closed in path.parents}
    kept = aside / closed.as_posix().replace("/", "-")
    kept.mkdir()
    mount("--rbind", closed, kept)
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", closed)
    for name in inside:
        (closed / name).mkdir()
        mount("--rbind", kept / name, closed / name)


def mount(*arguments):
    """Calls mount(8)."""
    subprocess.run(["mount", *map(str, arguments)], check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
