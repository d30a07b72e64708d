"""Which characters of a text each token covers."""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence

Span = tuple[int, int]


def locate(text: str, read: str, pieces: Sequence[bytes], offsets: Sequence[Span] | None):
    """The range of characters of each token.

    Args:
        text: as it was given.
        read: as the tokenizer reads it, accents composed for instance.
        pieces: bytes of each token.
        offsets: what the library says, for a vocabulary that does not keep every byte.
    Returns:
        (start, end) of each token in `text`. A character that several tokens share belongs to the
        range of each. Nothing for a space that the tokenizer put before the text.

    >>> list(locate("aé!", "aé!", [b"a", b"\\xc3", b"\\xa9!"], None))
    [(0, 1), (1, 2), (1, 3)]
    """
    whole, data = b"".join(pieces), read.encode()
    if whole == b" " + data and pieces:
        pieces = [pieces[0][1:], *pieces[1:]]
    elif whole != data:
        return iter(offsets or ())
    spans = _count(pieces)
    return spans if read == text else _back(spans, text, read)


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
