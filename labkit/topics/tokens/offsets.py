"""Which characters of a text each token covers."""

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence

Span = tuple[int, int]


def token_offsets(
    text: str, read: str, pieces: Sequence[bytes], offsets: Callable[[], Sequence[Span]]
) -> Iterator[Span]:
    """The range of characters of each of the first tokens.

    Args:
        text: as it was given.
        read: as the tokenizer reads it: accents composed, or a space put before it.
        pieces: bytes of each token.
        offsets: asks the library, for a vocabulary that does not keep every byte.
    Returns:
        (start, end) of each token in `text`. A character that several tokens share belongs to the
        range of each.

    >>> list(token_offsets("aé!", "aé!", ["aé!".encode()[:2], "é!".encode()[1:]], list))
    [(0, 2), (1, 3)]
    """
    if not read.encode().startswith(b"".join(pieces)):
        return iter(offsets()[: len(pieces)])
    spans = _count(pieces)
    if read == text:
        return spans
    if read == f" {text}":
        return ((max(0, start - 1), end - 1) for start, end in spans)
    return _back(spans, text, read)


def _count(pieces: Iterable[bytes]) -> Iterator[Span]:
    """UTF-8 tells a character's first byte from the others."""
    done = 0
    for piece in pieces:
        begins_inside = bool(piece) and piece[0] & 0xC0 == 0x80
        start = done - begins_inside
        done += sum(byte & 0xC0 != 0x80 for byte in piece)
        yield start, done


def _back(spans: Iterable[Span], text: str, read: str) -> Iterator[Span]:
    """From characters of the composed text to those of the text itself."""
    ranges = [span for span, composed in _groups(text, read) for _ in composed]
    for start, end in spans:
        yield ranges[start][0], ranges[max(start, end - 1)][1]


def _groups(text: str, read: str) -> list[tuple[Span, str]]:
    """Stretches that compose by themselves, each with what becomes of it."""
    borders = [i for i, character in enumerate(text) if not _joins(character)]
    spans = list(zip([0, *borders[1:]], [*borders[1:], len(text)], strict=True))
    groups = [(span, unicodedata.normalize("NFC", text[slice(*span)])) for span in spans]
    if "".join(composed for _, composed in groups) == read:
        return groups
    return [((0, len(text)), read)]  # rare letters that compose otherwise: the text as one


def _joins(character: str) -> bool:
    """Whether it may become one with the character before it: accents, Korean vowels and ends."""
    return bool(unicodedata.combining(character)) or "\u1161" <= character <= "\u11c2"
