"""Who may log in: a name belongs to the browser that took it first."""

import hmac
import secrets
from typing import Any

from jupyterhub.auth import Authenticator
from tornado.web import HTTPError

from labkit.classroom.learners.taken_names import take_name

from .settings import NAME, ClassSettings

COOKIE = "labkit-class-name"
NO_NAME = (
    "A name has up to 31 letters a to z and digits, begins with a letter, and may have a - between "
    "two of them."
)
WRONG_WORD = "That is not the word of this class."
NOT_LISTED = "This name is not on the list of the class. Ask who leads it."


class NameOwner(Authenticator):
    """Name and word let a browser in, and keep others out of that name.

    The browser gets a random cookie; the class keeps its hash. Who knows the word cannot log in
    as another learner; `release` frees a name whose browser is lost.
    """

    settings: ClassSettings

    async def authenticate(self, handler: Any, data: dict[str, str]) -> str | None:
        """The name, if this browser may have it; else the reason, which the hub's form shows."""
        name, word = (data[each].strip().lower() for each in ("username", "password"))
        if not NAME.fullmatch(name):
            raise HTTPError(403, NO_NAME)
        if not hmac.compare_digest(word.encode(), self.settings.word.encode()):
            raise HTTPError(403, WRONG_WORD)
        if self.settings.names and name not in self.settings.names:
            raise HTTPError(403, NOT_LISTED)
        cookie = handler.get_cookie(COOKIE) or secrets.token_hex(24)
        if refusal := take_name(self.settings, name, cookie):
            raise HTTPError(403, refusal)
        encrypted = handler.request.protocol == "https"
        handler.set_cookie(
            COOKIE, cookie, path="/hub/", expires_days=90, httponly=True, secure=encrypted
        )
        return name
