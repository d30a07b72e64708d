"""Learners as users of this system, so that none reads another's files; only root can do that."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

from labkit.classroom.settings import ClassSettings
from labkit.errors import LabError
from labkit.install.checkout import ROOT

GROUP = "labkit-class"


def are_possible() -> bool:
    """Whether this process may make users and start processes in their names."""
    is_root = sys.platform.startswith("linux") and os.geteuid() == 0
    return is_root and bool(shutil.which("useradd") and shutil.which("groupadd"))


def require_group() -> None:
    """Makes the group of all learners."""
    import grp

    try:
        grp.getgrnam(GROUP)
    except KeyError:
        _run("groupadd", "--system", GROUP)


def require_account(settings: ClassSettings, name: str) -> None:
    """Makes the learner's account; one that is not a learner's is never used.

    Raises:
        LabError: that name belongs to somebody else on this machine, or cannot be made.
    """
    import grp
    import pwd

    try:
        found = pwd.getpwnam(name)
    except KeyError:
        home = str(settings.learners / name)
        options = ["--create-home", "--home-dir", home, "--gid", GROUP, "--shell", "/bin/sh"]
        _run("useradd", "--key", "HOME_MODE=0700", "--no-log-init", *options, name)
        return
    is_learner = found.pw_gid == grp.getgrnam(GROUP).gr_gid
    if not is_learner or Path(found.pw_dir) != settings.learners / name:
        raise LabError(
            f"{name} is a user of this machine and no learner of this class.", "Take another name."
        )


def _run(*command: str) -> None:
    made = subprocess.run(command, capture_output=True, text=True)
    if made.returncode:
        raise LabError(f"{command[0]} failed: {made.stderr.strip()}", "Ask who runs the machine.")


def closed_to_others(*paths: str | Path) -> Path | None:
    """The first folder on the way to these that other users may not enter; None: all are open."""
    for path in paths:
        resolved = Path(path).resolve()
        for folder in [*reversed(resolved.parents), resolved]:
            if folder.exists() and not folder.stat().st_mode & stat.S_IXOTH:
                return folder
    return None


def require_open(settings: ClassSettings) -> None:
    """Raises LabError where learners could not reach the lab, its Python or the models."""
    python = (sys.prefix, sys.base_prefix, sys.executable)
    for path in (settings.path.parent, ROOT, *python, settings.store):
        if closed := closed_to_others(path):
            raise LabError(
                f"Learners are users of their own here, and cannot enter {closed}, on the way to "
                f"{Path(path).resolve()}.",
                f"Let them (chmod o+x {closed}); or put the lab into /opt, its models and the "
                "class into /srv (LABKIT_HOME), and start with a Python that all may run, such as "
                "/usr/bin/python3. Or say --one-user.",
            )
