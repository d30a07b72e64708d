"""Who may log in: a name belongs to the browser that took it first."""

import hashlib
import hmac
import secrets
from typing import Any

import filelock
from jupyterhub.auth import Authenticator

from labkit.filesystem.read import read_shared
from labkit.filesystem.write import write_json

from .settings import NAME, ClassSettings

COOKIE = "labkit-class-name"


class NameOwner(Authenticator):
    """Name and word let a browser in, and keep others out of that name.

    The browser gets a random cookie; the class keeps its hash. Who knows the word cannot log in
    as another learner; `release` frees a name whose browser is lost.
    """

    settings: ClassSettings

    async def authenticate(self, handler: Any, data: dict[str, str]) -> str | None:
        """The name, if this browser may have it."""
        name, word = data["username"], data["password"].strip().lower()
        allowed = NAME.fullmatch(name) and (not self.settings.names or name in self.settings.names)
        if not allowed or not hmac.compare_digest(word.encode(), self.settings.word.encode()):
            return None
        cookie = handler.get_cookie(COOKIE) or secrets.token_hex(24)
        if not take_name(self.settings, name, cookie):
            self.log.warning("%s is taken by another browser", name)
            return None
        encrypted = handler.request.protocol == "https"
        handler.set_cookie(
            COOKIE, cookie, path="/hub/", expires_days=90, httponly=True, secure=encrypted
        )
        return name


def take_name(settings: ClassSettings, name: str, cookie: str) -> bool:
    """Whether the name belongs to that browser, which takes it if it is free and a seat is."""
    with _OwnersFile(settings) as owners:
        hashed = hashlib.sha256(cookie.encode()).hexdigest()
        if name in owners:
            return hmac.compare_digest(owners[name], hashed)
        if len(owners) >= settings.students:
            return False
        owners[name] = hashed
        return True


def release(settings: ClassSettings, name: str) -> bool:
    """Frees a name for another browser; whether anybody had it."""
    with _OwnersFile(settings) as owners:
        return owners.pop(name, None) is not None


class _OwnersFile:
    """The names that are taken, each with the hash of its browser's cookie; kept when changed."""

    def __init__(self, settings: ClassSettings):
        self.file = settings.path / "owners.json"
        self.lock = filelock.FileLock(settings.path / ".owners.lock", timeout=10)

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
