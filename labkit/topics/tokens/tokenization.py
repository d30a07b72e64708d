"""Text to tokens, by the real tokenizers."""

import codecs
import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from labkit.backends.prompts import check_text
from labkit.models.tokenizers.open import open_tokenizer
from labkit.models.tokenizers.readers import Reader

from .offsets import token_offsets

DEFAULT = "smollm2"


@dataclass(frozen=True, slots=True)
class Token:
    """One token of a text.

    Attributes:
        token_id: its number in the vocabulary.
        data: the bytes that it stands for.
        start, end: the characters of the text that it covers; two tokens that share a character
            both cover it.
        rank: which merge made it, 0 the first that was learnt; None for single bytes and special
            tokens.
        special: whether it marks something, and is not a piece of text.
    """

    token_id: int
    data: bytes
    start: int
    end: int
    rank: int | None
    special: bool

    @property
    def text(self) -> str:
        """What it says; bytes that are no whole character in hex, such as ⟨F0⟩."""
        return show_bytes(self.data)


def _shape(character: str) -> str:
    if character == " ":
        return "·"
    return character if character.isprintable() else f"⟨U+{ord(character):04X}⟩"


def show_bytes(data: bytes) -> str:
    """Bytes as text, and in hex where they are no whole character.

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
    """A text, as a tokenizer cuts it.

    Attributes:
        text: the text.
        ids: of its tokens.
        reader: the tokenizer; ``reader.library`` is the object of its own library.
        special: whether names of special tokens in the text were read as these.
    """

    text: str
    ids: tuple[int, ...]
    reader: Reader = field(compare=False)
    special: bool = False

    @property
    def name(self) -> str:
        """What the tokenizer was asked for by."""
        return self.reader.name

    @property
    def count(self) -> int:
        """How many tokens."""
        return len(self.ids)

    @property
    def data(self) -> tuple[bytes, ...]:
        """The bytes that each token stands for."""
        return tuple(map(self.reader.bytes_of, self.ids))

    @property
    def pieces(self) -> tuple[str, ...]:
        """The same as text; bytes that are no whole character in hex, such as ⟨F0⟩."""
        return tuple(map(show_bytes, self.data))

    @property
    def segmentation(self) -> str:
        """The pieces with bars between them; spaces show as ``·``, what has no shape in hex."""
        return "|".join("".join(map(_shape, piece)) for piece in self.pieces)

    @property
    def offsets(self) -> tuple[tuple[int, int], ...]:
        """The characters (start, end) that each token covers."""
        return self._offsets(self.data)

    def _offsets(self, pieces: Sequence[bytes]) -> tuple[tuple[int, int], ...]:
        """Those of the first tokens, whose bytes these are."""
        reader, text = self.reader, self.text
        ask = functools.partial(reader.offsets, text, special=self.special)
        return tuple(token_offsets(text, reader.reads(text), pieces, ask))

    @property
    def tokens(self) -> tuple[Token, ...]:
        """All that is known of each token."""
        return self.first(self.count)

    def first(self, count: int) -> tuple[Token, ...]:
        """All that is known of the first tokens: of a long text, no more than is to be shown."""
        ids, reader = self.ids[:count], self.reader
        pieces = tuple(map(reader.bytes_of, ids))
        rows = zip(ids, pieces, self._offsets(pieces), strict=False)
        return tuple(
            Token(i, data, *span, reader.rank_of(i), reader.is_special(i)) for i, data, span in rows
        )

    @property
    def decoded(self) -> str:
        """The text that these ids give again."""
        return self.reader.decode(self.ids)

    @property
    def summary(self) -> str:
        """Tokens against characters and bytes."""
        return repr(self)

    def __repr__(self) -> str:
        size = f"{len(self.text):,} characters ({len(self.text.encode()):,} bytes)"
        return f"{self.reader.title}: {size} in {self.count:,} tokens"


def tokenize(text: str, name: Any = DEFAULT, *, special: bool = False) -> Tokenization:
    """A text, cut into the tokens that a model reads.

    Args:
        text: any Unicode text.
        name: a tokenizer's short name, a hub id, a folder, or a model from ``labkit.load``.
        special: read names of special tokens in the text as these tokens, as chat templates need;
            by itself they are text like any other.
    Returns:
        The ids; pieces, spans and all else are worked out when they are asked for.
    Raises:
        ValueError: if the text is none, or has a lone surrogate, which no encoding can write.
        LabError: unknown tokenizer, no network.

    >>> tokenize("Hello world", "gpt2").pieces
    ('Hello', ' world')
    """
    check_text(text)
    reader = open_tokenizer(name)
    return Tokenization(text, tuple(reader.encode(text, special=special)), reader, special)
