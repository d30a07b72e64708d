"""Downloading the wheels of the lab's packages, for a machine without a network."""

import sys
from pathlib import Path

from labkit.filesystem.write import write_text

from . import checkout
from .pip import DownloadProgress, Pip, StatusLine, locked


def download_wheels(folder: Path) -> list[Path]:
    """Downloads what `bootstrap` would install here, all optional parts included.

    Args:
        folder: folder for the wheels; those of an earlier attempt are used.
    Returns:
        The wheels, in the versions of the lock.
    Raises:
        LabError: no network, no disk space, or no wheel of a package; the hint says what to do.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = checkout.ROOT / "requirements.lock"
    wanted = folder / "requirements.txt"
    write_text(wanted, "\n".join(_requirements(lock)))
    options = ["--only-binary", ":all:", "-d", folder, "-c", lock, "-r", wanted]
    line = StatusLine()
    try:
        with locked(folder, line) as lock_file:
            watch = DownloadProgress(line, "Downloading the lab's packages:").read
            pip = Pip(folder, sys.executable, line, lock_file)
            pip.run("download", *map(str, options), watch=watch)
    finally:
        line.end()
    return sorted(folder.glob("*.whl"))


def _requirements(lock: Path) -> list[str]:
    """The requirements of the lab and all its parts, and those of the build."""
    project = checkout.read_project()
    extras = project["project"].get("optional-dependencies", {})
    pins = lock.read_text(encoding="utf-8").splitlines()
    pinned = [pin for pin in pins if pin.startswith("pip=")]
    return [*checkout.required(extras), *project["build-system"]["requires"], *pinned]
