"""Keys of providers: from the environment or typed, and never to be seen again."""

import json
import os
import re
from collections.abc import Sequence
from functools import lru_cache
from html import escape
from itertools import takewhile
from urllib.parse import quote

from labkit.errors import LabError
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
    """The key that was typed for a provider, or else the first that these variables hold.

    Raises:
        LabError: what a variable holds can be no key.
    """
    if provider in _entered:
        return _entered[provider]
    found = next((name for name in names if os.environ.get(name, "").strip()), None)
    try:
        return use_key(os.environ[found]) if found else None
    except ValueError:
        raise LabError(
            f"What {found} holds is not one word of printable ASCII characters.",
            "Copy the key again, and start the lab anew.",
        ) from None


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
    """A text with every key masked that was ever used, and each piece of one.

    Some servers repeat a wrong key, or cut their message in the middle of it.
    """
    return _mask(text, 0)


def excerpt(text: str, most: int = 300) -> str:
    """The first line of somebody else's words, for a sentence: masked before it is cut."""
    line = next(iter(without_keys(text).strip().splitlines()), "")
    return "".join(each if each.isprintable() else "�" for each in line[:most])


class KeyMask:
    """Masks keys in a text in pieces, which may cut them anywhere; at most 7 characters pass.

    >>> _ = use_key("sk-planted")
    >>> mask = KeyMask()
    >>> [mask.push(piece) for piece in ("It is sk-pla", "nted", ".")]
    ['It is sk-pla', '•••', '.']
    """

    def __init__(self):
        self._before = ""

    def push(self, piece: str) -> str:
        """The next piece, masked where a key runs on in it."""
        text, begins = self._before + piece, len(self._before)
        self._before = text[1 - SHORTEST :]
        return _mask(text, begins) if piece else ""


def _mask(text: str, begins: int) -> str:
    """The text from a character on, with every run of it that is of a key replaced."""
    parts, at = [], begins
    for start, end in key_spans(text):
        if end > begins:
            parts += [text[at : max(start, at)], MASK]
            at = end
    return "".join([*parts, text[at:]])


def key_spans(text: str) -> list[list[int]]:
    """The start and end of each key in a text, or of a piece of one that is long enough to tell."""
    if len(text) < SHORTEST or not _given:
        return []
    pieces, runs = _pieces(frozenset(secret.reveal() for secret in _given)), []
    for start in range(len(text) - SHORTEST + 1):
        found = pieces.get(text[start : start + SHORTEST])
        if found is not None:  # "": it is the beginning of a key
            if not runs or start > runs[-1][1]:
                runs.append([start - _common_end(text[:start], found), start])
            runs[-1][1] = start + SHORTEST
    return runs


def _common_end(text: str, other: str) -> int:
    """How many characters at their ends are the same."""
    both = zip(reversed(text), reversed(other), strict=False)
    return len(list(takewhile(lambda pair: pair[0] == pair[1], both)))


@lru_cache(maxsize=16)
def _pieces(keys: frozenset[str]) -> dict[str, str]:
    """All pieces of `SHORTEST` characters, each with what stands before it in its key.

    A beginning that many keys share, such as ``sk-proj-``, is not a piece of any.
    """
    pieces = {}
    for form in (form for key in keys for form in _forms(key)):
        shared = re.match(r"([a-z]{1,8}\d{0,2}[-_])*", form)
        begins = max(0, (shared.end() if shared else 0) - SHORTEST + 1)
        for at in range(begins, len(form) - SHORTEST + 1):
            pieces[form[at : at + SHORTEST]] = form[:at]
    return pieces


def _forms(key: str) -> set[str]:
    """A key as JSON, HTML, CSV and addresses write it, and as it is."""
    written = {json.dumps(key)[1:-1], escape(key), key.replace('"', '""'), quote(key, safe="")}
    return {key, *written}


MASKS.append(without_keys)  # no file of the lab holds a key: see `labkit.filesystem.write`
