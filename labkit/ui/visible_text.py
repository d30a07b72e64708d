"""A token's text with white space and control characters made visible."""

import regex

_VISIBLE = {" ": "·", "\n": "⏎", "\t": "⇥", "\r": "␍", "\x7f": "␡"}
# Unicode's classes of what has no shape. DI is what a program need not draw, such as the second
# half of ❤️ or a filler in Korean; U+2800 is Braille without dots.
_UNSEEN = regex.compile(r"[\p{Cc}\p{Cf}\p{Cn}\p{Co}\p{Zl}\p{Zp}\p{Zs}\p{DI}\u2800]")


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
    return f"⟨U+{ord(character):04X}⟩" if _UNSEEN.fullmatch(character) else character
