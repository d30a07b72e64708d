"""A whole vocabulary at a glance: lengths, scripts, longest tokens, unreachable tokens."""

import functools
import heapq
import itertools
import unicodedata
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from labkit.lab_book.entry import BookEntry
from labkit.models.tokenizers.open import open_tokenizer
from labkit.models.tokenizers.readers import Reader
from labkit.topics.tokens.tokenization import show_bytes

LONGEST = 12
AT_ONCE = 20_000  # tokens that are tried in one go, so that not all their texts exist at once
# Contexts in which a token is looked for: a pre-tokenizer that splits a token alone may keep it
# whole beside other characters.
BEFORE, AFTER = ("", "a", ".", "%", " ", "\n"), ("", "a", "s", "S", "M", "1", " a", "\n", "/")
# Bytes that UTF-8 never uses: a vocabulary does not need them.
NEVER = {0xC0, 0xC1, *range(0xF5, 0x100)}


@dataclass(frozen=True, slots=True)
class VocabularyEntry:
    """A token of a vocabulary.

    Attributes:
        token_id: number of the token.
        text: text of the token.
    """

    token_id: int
    text: str


@dataclass(frozen=True, slots=True, repr=False)
class VocabularyMap:
    """All tokens of a tokenizer, counted.

    Attributes:
        reader: tokenizer of the vocabulary.
        lengths: (bytes, number of tokens of that length), shortest first.
        scripts: (script of the first letter, number of tokens), most frequent first; tokens
            without a letter by kind.
        longest: longest tokens in bytes, without special ones.
        fragments: number of tokens with incomplete characters, which need other bytes beside them.
        special: tokens that are markers and not text.
        unreached: tokens that no text was found to produce: their own text, alone or beside other
            characters, becomes other tokens.
        unused: number of ids without a token.
        missing_bytes: bytes of UTF-8 that no token writes; characters with them are lost.
    """

    reader: Reader = field(compare=False)
    lengths: tuple[tuple[int, int], ...]
    scripts: tuple[tuple[str, int], ...]
    longest: tuple[VocabularyEntry, ...]
    fragments: int
    special: tuple[VocabularyEntry, ...]
    unreached: tuple[VocabularyEntry, ...]
    unused: int
    missing_bytes: tuple[int, ...]

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """The size of the vocabulary, and how much of it no text produces."""
        more = {"origin": "computed", "model": self.reader.title}
        return (
            BookEntry("vocabulary_tokens", "tokens in the vocabulary", self.reader.size, **more),
            BookEntry("unreached_tokens", "unreachable tokens", len(self.unreached), **more),
        )

    @property
    def summary(self) -> str:
        """Sizes in one line."""
        return (
            f"{self.reader.title}: {self.reader.size:,} tokens, {len(self.special):,} special, "
            f"{len(self.unreached):,} that no text was found to produce"
        )

    def __repr__(self) -> str:
        return self.summary


def map_vocabulary(name: Any = "smollm2") -> VocabularyMap:
    """Examines every token of a vocabulary, in a second or two for 200,000.

    Args:
        name: as for `labkit.tokenize`.
    """
    reader = open_tokenizer(name)
    lengths, scripts, single = Counter(), Counter(), set()
    text, whole, special = array("L"), array("L"), []  # numbers: their texts take ten times as much
    for token_id in range(reader.size):
        data = reader.bytes_of(token_id)
        if data and reader.is_special(token_id):
            special.append(VocabularyEntry(token_id, data.decode(errors="replace")))
        elif data:
            decoded = _decode(data)
            lengths[len(data)] += 1
            scripts[_group(decoded)] += 1
            text.append(token_id)
            if decoded is not None:
                whole.append(token_id)
            if len(data) == 1:
                single.add(data[0])
    longest = heapq.nlargest(LONGEST, text, key=lambda token_id: len(reader.bytes_of(token_id)))
    return VocabularyMap(
        reader,
        tuple(sorted(lengths.items())),
        tuple(scripts.most_common()),
        tuple(VocabularyEntry(i, show_bytes(reader.bytes_of(i))) for i in longest),
        len(text) - len(whole),
        tuple(special),
        tuple(VocabularyEntry(i, reader.bytes_of(i).decode()) for i in _unreached(reader, whole)),
        reader.size - len(text) - len(special),
        tuple(sorted(set(range(256)) - NEVER - single)),
    )


def _decode(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _unreached(reader: Reader, ids: Sequence[int]) -> list[int]:
    """Tokens that their own text does not produce, neither alone nor beside other characters."""
    parts = (ids[begin : begin + AT_ONCE] for begin in range(0, len(ids), AT_ONCE))
    alone = itertools.chain.from_iterable(map(reader.round_trips, parts))
    return [i for i, back in zip(ids, alone, strict=True) if not back and not _is_inside(reader, i)]


def _is_inside(reader: Reader, token_id: int) -> bool:
    """Whether a token's text gives that token beside other characters."""
    text = reader.bytes_of(token_id).decode()
    around = [before + text + after for before, after in itertools.product(BEFORE, AFTER)]
    return any(token_id in ids for ids in reader.encode_each(around))


def _group(text: str | None) -> str:
    if text is None:
        return "part of a character"
    letter = next(filter(str.isalpha, text), None)
    if letter:
        return script_of(letter)
    if text.isspace():
        return "white space"
    return "digits" if any(map(str.isdigit, text)) else "symbols"


@functools.cache
def script_of(letter: str) -> str:
    """The script of a letter, as the first word of its Unicode name.

    >>> script_of("я")
    'Cyrillic'
    """
    first = unicodedata.name(letter, "other").split()[0]
    return "Han" if first == "CJK" else first.title()
