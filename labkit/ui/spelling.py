"""How a token is spelt where it stands by itself: white space and controls can be seen."""

import unicodedata

_VISIBLE = {" ": "·", "\n": "⏎", "\t": "⇥", "\r": "␍", "\x7f": "␡"}


def spell(text: str, most: int = 24) -> str:
    """A token's text with nothing invisible left in it; not escaped.

    Args:
        text: what the token stands for; bytes that are no whole character as U+FFFD.
        most: so many characters are shown.

    >>> spell(" the"), spell("\\n\\n"), spell("")
    ('·the', '⏎⏎', '(no text)')
    """
    shown = "".join(map(_spell_one, text[:most])) + ("…" if len(text) > most else "")
    return shown or "(no text)"


def _spell_one(character: str) -> str:
    if character in _VISIBLE:
        return _VISIBLE[character]
    if ord(character) < 32:
        return chr(0x2400 + ord(character))
    hidden = unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp", "Zs")
    return f"U+{ord(character):04X}" if hidden else character
