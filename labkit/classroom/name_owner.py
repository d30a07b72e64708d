"""Who may log in: a name belongs to the browser that took it first."""

import hmac
import secrets
from typing import Any

from jupyterhub.auth import Authenticator

from labkit.classroom.learners.taken_names import take_name

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
        name, word = (data[each].strip().lower() for each in ("username", "password"))
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
