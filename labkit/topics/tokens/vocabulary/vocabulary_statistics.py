"""A whole vocabulary at a glance: lengths, scripts, longest tokens, unreachable tokens."""

import functools
import itertools
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from labkit.lab_book.entry import BookEntry
from labkit.models.tokenizers.open import open_tokenizer
from labkit.models.tokenizers.readers import Reader
from labkit.topics.tokens.tokenization import show_bytes

LONGEST = 12
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
    used = {i: data for i in range(reader.size) if (data := reader.bytes_of(i))}
    special = {i: data for i, data in used.items() if reader.is_special(i)}
    text = {i: data for i, data in used.items() if i not in special}
    whole = {i: decoded for i, data in text.items() if (decoded := _decode(data)) is not None}
    longest = sorted(text, key=lambda token_id: -len(text[token_id]))[:LONGEST]
    single = {data[0] for data in text.values() if len(data) == 1}
    return VocabularyMap(
        reader,
        tuple(sorted(Counter(map(len, text.values())).items())),
        tuple(Counter(_group(whole.get(i)) for i in text).most_common()),
        tuple(VocabularyEntry(i, show_bytes(text[i])) for i in longest),
        len(text) - len(whole),
        tuple(VocabularyEntry(i, data.decode(errors="replace")) for i, data in special.items()),
        tuple(VocabularyEntry(i, whole[i]) for i in _unreached(reader, whole)),
        reader.size - len(used),
        tuple(sorted(set(range(256)) - NEVER - single)),
    )


def _decode(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _unreached(reader: Reader, texts: Mapping[int, str]) -> list[int]:
    """Tokens that their own text does not produce, neither alone nor beside other characters."""
    alone = zip(texts, reader.round_trips(list(texts)), strict=True)
    doubtful = [token_id for token_id, back in alone if not back]
    return [
        token_id
        for token_id in doubtful
        if not any(
            token_id in reader.encode(before + texts[token_id] + after)
            for before, after in itertools.product(BEFORE, AFTER)
        )
    ]


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
