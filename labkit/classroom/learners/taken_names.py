"""The names that are taken in a class, each by the browser that came first."""

import hashlib
import hmac

import filelock

from labkit.classroom.settings import ClassSettings
from labkit.filesystem.read import read_shared
from labkit.filesystem.write import write_json

TAKEN = "Another browser has this name. Ask who leads the class."
FULL = "All {} seats are taken. Ask who leads the class."
HUB, WALL = "owners", "wall-owners"  # each has cookies, and so owners, of its own


def take_name(settings: ClassSettings, name: str, cookie: str, of: str = HUB) -> str:
    """Gives the name to that browser, unless it is another's or all seats are taken.

    Returns:
        Why it does not have the name; empty: it has.
    """
    with _OwnersFile(settings, of) as owners:
        hashed = hashlib.sha256(cookie.encode()).hexdigest()
        if name in owners:
            return "" if hmac.compare_digest(owners[name], hashed) else TAKEN
        if len(owners) >= settings.students:
            return FULL.format(settings.students)
        owners[name] = hashed
        return ""


def release(settings: ClassSettings, name: str) -> bool:
    """Frees a name for another browser; whether anybody had it."""
    had = False
    for of in (HUB, WALL):
        with _OwnersFile(settings, of) as owners:
            had = owners.pop(name, None) is not None or had
    return had


class _OwnersFile:
    """The names that are taken, each with the hash of its browser's cookie; kept when changed."""

    def __init__(self, settings: ClassSettings, of: str):
        self.file = settings.path / f"{of}.json"
        self.lock = filelock.FileLock(settings.path / f".{of}.lock", timeout=10)

    def __enter__(self) -> dict[str, str]:
        self.lock.acquire()
        hint = "Remove it: then all names are free."
        exists = self.file.exists()
        self.owners = read_shared(self.file, dict[str, str], "names", hint=hint) if exists else {}
        self.before = dict(self.owners)
        return self.owners

    def __exit__(self, *_: object) -> None:
        try:
            if self.owners != self.before:
                write_json(self.file, self.owners)
        finally:
            self.lock.release()
