"""Keys of providers: from the environment or typed, and never to be seen again."""

import json
import os
from collections.abc import Sequence
from html import escape

from labkit.filesystem.write import MASKS

MASK = "•••"
SHORTEST = 8  # characters; a shorter "key" could be part of any word


class Secret:
    """A text that shows itself to nobody who does not ask for it by name.

    >>> Secret("sk-planted")
    •••
    >>> f"{Secret('sk-planted')}"
    '•••'
    """

    __slots__ = ("_text",)

    def __init__(self, text: str):
        self._text = text

    def reveal(self) -> str:
        """The text itself; for the one header that carries it."""
        return self._text

    def __repr__(self) -> str:
        return MASK

    def __reduce__(self):
        raise TypeError("a key is not saved")


_entered: dict[str, Secret] = {}  # by provider, as long as this process lives
_given: list[Secret] = []  # whatever was ever used, for `without_keys`


def find_key(provider: str, names: Sequence[str]) -> Secret | None:
    """The key that was typed for a provider, or else the first that these variables hold."""
    if provider in _entered:
        return _entered[provider]
    found = next((os.environ[name] for name in names if os.environ.get(name, "").strip()), None)
    return use_key(found) if found else None


def use_key(text: str) -> Secret:
    """A key that is given by hand; spaces around it, as pasting leaves them, are taken off.

    Raises:
        ValueError: no key at all, or one that no header can carry. It is not repeated.
    """
    text = text.strip() if isinstance(text, str) else ""
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("key must be one word of printable ASCII characters; got something else")
    secret = Secret(text)
    _given.append(secret)
    return secret


def keep_key(provider: str, text: str) -> None:
    """Keeps a typed key for a provider until this process ends; see `use_key`."""
    _entered[provider] = use_key(text)


def forget_key(provider: str) -> None:
    """Forgets the typed key of a provider; one in the environment stays there."""
    _entered.pop(provider, None)


def without_keys(text: str) -> str:
    """A text with every key masked that was ever used: some servers repeat a wrong one."""
    # The longest first: a key may begin as another does.
    for known in sorted({secret.reveal() for secret in _given}, key=len, reverse=True):
        if len(known) >= SHORTEST:
            for form in _forms(known):
                text = text.replace(form, MASK)
    return text


def _forms(key: str) -> set[str]:
    """A key as JSON, HTML and CSV write it, and as it is."""
    return {json.dumps(key)[1:-1], escape(key), key.replace('"', '""'), key}


MASKS.append(without_keys)  # no file of the lab holds a key: see `labkit.filesystem.write`
