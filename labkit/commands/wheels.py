"""The wheels of the lab's own packages, for a machine that cannot fetch them."""

import sys
from pathlib import Path

from labkit.install import bootstrap
from labkit.install.pip import FETCHED, Pip, StatusLine, locked


def fetch_wheels(folder: Path) -> list[Path]:
    """Downloads what `bootstrap` would install here, all optional parts included.

    Args:
        folder: where the wheels go; what an earlier attempt left there is used.
    Returns:
        The wheels, in the versions of the lock.
    Raises:
        LabError: no network, no space, no wheel of a package; says what to do.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = bootstrap.ROOT / "requirements.lock"
    asked = folder / "asked.txt"
    asked.write_text("\n".join(_asked(lock)), encoding="utf-8")
    options = ["--only-binary", ":all:", "-d", folder, "-c", lock, "-r", asked]
    line = StatusLine()
    command = [sys.executable, "-I", "-u", "-m", "pip", "download", *map(str, options)]
    try:
        with locked(folder, line) as held:
            watch = _Watch(line).read
            Pip(folder, sys.executable, line, held).call(command, watch, "A package")
    finally:
        line.end()
    return sorted(folder.glob("*.whl"))


def _asked(lock: Path) -> list[str]:
    """The requirements of the lab and all its parts, and what an install begins with."""
    project = bootstrap.read_project()
    extras = project["project"].get("optional-dependencies", {})
    pinned = [
        pin for pin in lock.read_text(encoding="utf-8").splitlines() if pin.startswith("pip=")
    ]
    return [*bootstrap.required(extras), *project["build-system"]["requires"], *pinned]


class _Watch:
    """Reads pip's log for what it fetches, and shows it."""

    def __init__(self, line: StatusLine):
        self.line, self.count, self.rest = line, 0, ""

    def read(self, text: str) -> None:
        *lines, self.rest = (self.rest + text).split("\n")
        for fetched in filter(None, map(FETCHED.match, lines)):
            self.count += 1
            self.line.show("Fetching the lab's packages:", f"{self.count}, {fetched[1]}")
