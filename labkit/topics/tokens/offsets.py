"""Offsets: which characters of a text each token covers."""

import functools
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence

from labkit.models.tokenizers.readers import ESCAPED_SPACE

Offset = tuple[int, int]  # first character, and the one after the last


def token_offsets(
    text: str, normalized: str, pieces: Sequence[bytes], fallback: Callable[[], Sequence[Offset]]
) -> Iterator[Offset]:
    """The range of characters of each of the first tokens.

    Args:
        text: original text.
        normalized: text as the tokenizer reads it: accents composed, or a space before it.
        pieces: bytes of each token.
        fallback: the library's own offsets, for a vocabulary that loses bytes.
    Returns:
        (start, end) of each token in `text`. A character that several tokens share belongs to the
        range of each.

    >>> list(token_offsets("aé!", "aé!", ["aé!".encode()[:2], "é!".encode()[1:]], list))
    [(0, 2), (1, 3)]
    """
    if not normalized.encode().startswith(b"".join(pieces)):
        return iter(fallback()[: len(pieces)])
    offsets = _count(pieces)
    if normalized == text:
        return offsets
    if normalized == f" {text}".replace(ESCAPED_SPACE, " "):
        return ((max(0, start - 1), end - 1) for start, end in offsets)
    ranges = [offset for offset, composed in _groups(text, normalized) for _ in composed]
    return ((ranges[start][0], ranges[max(start, end - 1)][1]) for start, end in offsets)


def _count(pieces: Iterable[bytes]) -> Iterator[Offset]:
    """Offsets by counting the first bytes of characters, which UTF-8 marks."""
    done = 0
    for piece in pieces:
        begins_inside = bool(piece) and piece[0] & 0xC0 == 0x80
        start = done - begins_inside
        done += sum(byte & 0xC0 != 0x80 for byte in piece)
        yield start, done


def _groups(text: str, normalized: str) -> list[tuple[Offset, str]]:
    """Stretches that compose independently, each with its composed form."""
    borders = [i for i, character in enumerate(text) if not _joins(character)]
    offsets = list(zip([0, *borders[1:]], [*borders[1:], len(text)], strict=True))
    groups = [(each, unicodedata.normalize("NFC", text[slice(*each)])) for each in offsets]
    if "".join(composed for _, composed in groups) == normalized:
        return groups
    return [((0, len(text)), normalized)]  # rare letters compose differently: one stretch


def _joins(character: str) -> bool:
    """Whether it may compose with the character before it: accents, vowel signs, Korean finals."""
    return bool(unicodedata.combining(character)) or character in _followers()


@functools.cache
def _followers() -> frozenset[str]:
    """All characters that are the later part of another one, and those of Korean syllables."""
    parts = (unicodedata.decomposition(chr(code)).split() for code in range(0x20000))
    pairs = (pair for pair in parts if len(pair) == 2 and not pair[0].startswith("<"))
    korean = map(chr, range(0x1161, 0x11C3))
    return frozenset([*korean, *(chr(int(later, 16)) for _, later in pairs)])
