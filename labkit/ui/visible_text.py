"""A token's text with white space and control characters made visible."""

import unicodedata

_VISIBLE = {" ": "·", "\n": "⏎", "\t": "⇥", "\r": "␍", "\x7f": "␡"}
_UNSEEN = ("Cc", "Cf", "Cn", "Co", "Zl", "Zp", "Zs")  # Unicode's classes of what has no shape


def spell(text: str, most: int = 24) -> str:
    """A token's text with nothing invisible left in it; not escaped.

    Args:
        text: what the token stands for; bytes that form no whole character as U+FFFD.
        most: how many characters are shown.

    >>> spell(" the"), spell("\\n\\n"), spell("")
    ('·the', '⏎⏎', '(no text)')
    """
    shown = "".join(map(mark, text[:most])) + ("…" if len(text) > most else "")
    return shown or "(no text)"


def mark(character: str) -> str:
    """A character as itself, or as a sign for it where it cannot be seen.

    >>> mark("a"), mark("\\t"), mark("\\u200b")
    ('a', '⇥', '⟨U+200B⟩')
    """
    if character in _VISIBLE:
        return _VISIBLE[character]
    if character < " ":
        return chr(0x2400 + ord(character))
    hidden = unicodedata.category(character) in _UNSEEN
    return f"⟨U+{ord(character):04X}⟩" if hidden else character
