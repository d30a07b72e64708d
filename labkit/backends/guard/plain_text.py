"""A text as a model reads it: without what hides or only looks different, and where each was."""

import re
import unicodedata

# Variation selectors, which are invisible and have no category of their own.
_SELECTOR = re.compile(r"[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
# Full-width forms, and letters and digits of formulas, which spell ASCII.
_OF_ASCII = re.compile(r"[\uff01-\uff5e\U0001d400-\U0001d7ff]")


def plain_text(text: str) -> tuple[str, list[int] | None]:
    """A text with plain spaces and digits, without invisible characters.

    Returns:
        The text, and the index in the original of each of its characters; None where it is the
        original itself.

    >>> plain_text("4\\u200b1\\u00a0x"), plain_text("41")
    (('41 x', [0, 2, 3, 4]), ('41', None))
    """
    if text.isascii():
        return text, None
    found = [(plain, at) for at, each in enumerate(text) for plain in _plain(each)]
    plain = "".join(each for each, _ in found)
    return (text, None) if plain == text else (plain, [at for _, at in found])


def _plain(character: str) -> str:
    if character.isascii():
        return character
    if _OF_ASCII.match(character):
        return unicodedata.normalize("NFKC", character)
    kind = unicodedata.category(character)
    if kind == "Cf" or _SELECTOR.match(character):
        return ""
    if kind == "Nd":
        return str(unicodedata.decimal(character))
    return " " if kind == "Zs" else character
