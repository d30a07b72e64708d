"""From text to tokens, with the models' own tokenizers."""

import codecs
import functools
from dataclasses import dataclass, field
from typing import Any

from labkit.backends.prompts import check_text
from labkit.formatting import number_of
from labkit.lab_book.entry import BookEntry
from labkit.models.tokenizers.open import open_tokenizer
from labkit.models.tokenizers.readers import Reader

from .offsets import token_offsets

DEFAULT = "smollm2"


@dataclass(frozen=True, slots=True)
class Token:
    """One token of a text.

    Attributes:
        token_id: number of the token in the vocabulary.
        data: bytes of the token.
        start, end: range of characters that it covers; tokens that share a character both cover it.
        rank: number of the merge that made it, 0 for the first; None for single bytes and special
            tokens.
        special: whether it is a marker and not a piece of text.
    """

    token_id: int
    data: bytes
    start: int
    end: int
    rank: int | None
    special: bool

    @property
    def text(self) -> str:
        """Text of the token; bytes of incomplete characters in hex, such as ⟨F0⟩."""
        return show_bytes(self.data)


def _visible(character: str) -> str:
    if character == " ":
        return "·"
    return character if character.isprintable() else f"⟨U+{ord(character):04X}⟩"


def show_bytes(data: bytes) -> str:
    """Bytes as text, and in hex where they are not a complete character.

    >>> show_bytes("é!".encode()[1:])
    '⟨A9⟩!'
    """
    return data.decode(errors="lab-hex")


def _hex(error: UnicodeError) -> tuple[str, int]:
    bad = error.object[error.start : error.end]
    return "".join(f"⟨{byte:02X}⟩" for byte in bad), error.end


codecs.register_error("lab-hex", _hex)


@dataclass(frozen=True, slots=True, repr=False)
class Tokenization:
    """A text as a tokenizer splits it.

    Attributes:
        text: original text.
        ids: token ids of the text.
        reader: tokenizer; ``reader.library`` is the object of its own library.
        special: whether names of special tokens in the text were read as these tokens.
    """

    text: str
    ids: tuple[int, ...]
    reader: Reader = field(compare=False)
    special: bool = False

    @property
    def name(self) -> str:
        """Name of the tokenizer."""
        return self.reader.name

    @property
    def count(self) -> int:
        """Number of tokens."""
        return len(self.ids)

    @property
    def data(self) -> tuple[bytes, ...]:
        """Bytes of each token."""
        return tuple(map(self.reader.bytes_of, self.ids))

    @property
    def pieces(self) -> tuple[str, ...]:
        """Text of each token; bytes of incomplete characters in hex, such as ⟨F0⟩."""
        return tuple(map(show_bytes, self.data))

    @property
    def segmentation(self) -> str:
        """The pieces with bars between; spaces as ``·``, invisible characters in hex."""
        return "|".join("".join(map(_visible, piece)) for piece in self.pieces)

    @property
    def offsets(self) -> tuple[tuple[int, int], ...]:
        """Range of characters, (start, end), that each token covers."""
        return tuple((token.start, token.end) for token in self.tokens)

    @property
    def tokens(self) -> tuple[Token, ...]:
        """All tokens with their details."""
        return self.first(self.count)

    def first(self, count: int) -> tuple[Token, ...]:
        """The first tokens with their details, so that a long text costs no more than is shown."""
        ids, reader, text = self.ids[:count], self.reader, self.text
        pieces = tuple(map(reader.bytes_of, ids))
        fallback = functools.partial(reader.offsets, text, special=self.special)
        offsets = token_offsets(text, reader.normalize(text), pieces, fallback)
        rows = zip(ids, pieces, offsets, strict=False)
        return tuple(
            Token(i, data, *span, reader.rank_of(i), reader.is_special(i)) for i, data, span in rows
        )

    @property
    def decoded(self) -> str:
        """The ids decoded back to text."""
        return self.reader.decode(self.ids)

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """The number of tokens."""
        label, name = "tokens of the text", self.reader.title
        return (BookEntry("text_tokens", label, self.count, origin="computed", model=name),)

    @property
    def summary(self) -> str:
        """Numbers of characters, bytes and tokens."""
        return repr(self)

    def __repr__(self) -> str:
        characters = number_of(len(self.text), "character")
        size = f"{characters} ({number_of(len(self.text.encode()), 'byte')})"
        return f"{self.reader.title}: {size} in {number_of(self.count, 'token')}"


def tokenize(text: str, name: Any = DEFAULT, *, special: bool = False) -> Tokenization:
    """Splits a text into the tokens that a model reads.

    Args:
        text: any Unicode text.
        name: a tokenizer's short name, a hub id, a folder, or a model from ``labkit.load``.
        special: whether to read names of special tokens in the text as these tokens, as chat
            templates need; by default they are ordinary text.
    Returns:
        The token ids; pieces, offsets and the rest are computed on access.
    Raises:
        ValueError: not a text, or one with a lone surrogate, which no encoding can write.
        LabError: unknown tokenizer, or no network.

    >>> tokenize("Hello world", "gpt2").pieces
    ('Hello', ' world')
    """
    check_text(text)
    reader = open_tokenizer(name)
    return Tokenization(text, tuple(reader.encode(text, special=special)), reader, special)
