"""Tokenizers under one interface, each read by its own library.

The libraries are tiktoken, sentencepiece and tokenizers. A `Reader` reports what its library
reports; nothing here splits text itself.
"""

import functools
import itertools
import json
import threading
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from .panics import without_panic

ESCAPED_SPACE = "▁"  # how SentencePiece writes a space


class Reader(ABC):
    """A tokenizer.

    Attributes:
        name: the name under which it was requested.
        title: the publisher's name of it.
        kind: algorithm, such as ``"byte-level BPE"``.
        size: upper bound of the ids, which start at 0; some may be unused.
        library: the underlying object of its library; None where another process has it.
    """

    def __init__(self, name: str, title: str, kind: str, size: int, library: Any):
        self.name, self.title, self.kind = name, title, kind
        self.size, self.library = size, library

    def __repr__(self) -> str:
        return f"{self.title}: {self.kind}, {self.size:,} tokens"

    @abstractmethod
    def encode(self, text: str, *, special: bool = False) -> list[int]:
        """The text's ids, nothing added; if special, names of special tokens become these."""

    @abstractmethod
    def decode(self, ids: Sequence[int]) -> str:
        """The text of these ids; bytes that do not form a character become U+FFFD."""

    @abstractmethod
    def bytes_of(self, token_id: int) -> bytes:
        """The bytes of the token; empty for an unused id."""

    @abstractmethod
    def is_special(self, token_id: int) -> bool:
        """Whether it is a marker rather than text."""

    @abstractmethod
    def rank_of(self, token_id: int) -> int | None:
        """The index of the merge that made it, from 0; None for bytes and special tokens."""

    def offsets(self, text: str, *, special: bool = False) -> list[tuple[int, int]]:
        """Character offsets of each token, by the library; only if its bytes may differ."""
        raise NotImplementedError(
            f"{self.kind} preserves every byte: the offsets follow from the pieces"
        )

    def normalize(self, text: str) -> str:
        """The text before it is split: Qwen composes accents, Mistral v1 adds a space."""
        return text

    def encode_each(self, texts: Sequence[str]) -> list[list[int]]:
        """Of each text, what `encode` gives; names of special tokens are text."""
        return list(map(self.encode, texts))

    def round_trips(self, ids: Sequence[int]) -> list[bool]:
        """Whether the text of each id, tokenized alone, gives that id again."""
        found = self.encode_each([self.bytes_of(i).decode(errors="replace") for i in ids])
        return [each == [token_id] for each, token_id in zip(found, ids, strict=True)]


class TiktokenReader(Reader):
    """Byte-level BPE in tiktoken.

    Args:
        name, title, kind: see `Reader`.
        library: a ``tiktoken.Encoding``.
        special: special tokens by id that the encoding does not know.
        first: id of the encoding's first token; Mistral's special tokens come before it.
        form: Unicode normalisation form applied first, or None.
    """

    def __init__(self, name, title, kind, library, *, special=(), first=0, form=None):
        super().__init__(name, title, kind, library.n_vocab, library)
        self._named, self._first, self._form = dict(special), first, form
        self._marks = library.special_tokens_set

    def encode(self, text: str, *, special: bool = False) -> list[int]:
        """See `Reader`."""
        text = self.normalize(text)
        if special and self._marks:
            return self.library.encode(text, allowed_special="all")
        return self.library.encode_ordinary(text)

    def decode(self, ids: Sequence[int]) -> str:
        """See `Reader`."""
        return b"".join(map(self.bytes_of, ids)).decode(errors="replace")

    def bytes_of(self, token_id: int) -> bytes:
        """See `Reader`."""
        if token_id in self._named:
            return self._named[token_id].encode()
        try:
            return self.library.decode_single_token_bytes(token_id)
        except (KeyError, OverflowError):
            return b""

    def is_special(self, token_id: int) -> bool:
        """See `Reader`."""
        return token_id < self._first or self.library.is_special_token(token_id)

    def rank_of(self, token_id: int) -> int | None:
        """See `Reader`. The ids are in the order of the merges, after the 256 bytes."""
        rank = token_id - self._first - 256
        is_merged = rank >= 0 and not self.is_special(token_id) and self.bytes_of(token_id)
        return rank if is_merged else None

    def normalize(self, text: str) -> str:
        """See `Reader`."""
        return unicodedata.normalize(self._form, text) if self._form else text


class SentencePieceReader(Reader):
    """A SentencePiece model in sentencepiece, which puts a space before every text."""

    def __init__(self, name, title, kind, library):
        super().__init__(name, title, kind, library.vocab_size(), library)

    def encode(self, text: str, *, special: bool = False) -> list[int]:
        """See `Reader`. Names of special tokens are always text to it."""
        return self.library.encode(text)

    def decode(self, ids: Sequence[int]) -> str:
        """See `Reader`."""
        return self.library.decode(list(ids))

    def bytes_of(self, token_id: int) -> bytes:
        """See `Reader`."""
        piece = self.library.id_to_piece(token_id)
        if self.library.is_byte(token_id):  # <0x0A>
            return bytes([int(piece[3:5], 16)])
        return piece.replace(ESCAPED_SPACE, " ").encode()

    def is_special(self, token_id: int) -> bool:
        """See `Reader`."""
        return self.library.is_control(token_id) or self.library.is_unknown(token_id)

    def rank_of(self, token_id: int) -> int | None:
        """See `Reader`. The score of a merged piece is minus its rank; others have none."""
        joined = len(self.library.id_to_piece(token_id)) > 1
        if not joined or self.is_special(token_id) or self.library.is_byte(token_id):
            return None
        rank = -round(self.library.get_score(token_id))
        return rank if rank < self.size else None  # runs of spaces were added by hand

    def normalize(self, text: str) -> str:
        """See `Reader`. Its own sign for a space is a space, wherever it comes from."""
        return f" {text}".replace(ESCAPED_SPACE, " ") if text else text

    def encode_each(self, texts: Sequence[str]) -> list[list[int]]:
        """See `Reader`."""
        return self.library.encode(list(texts))

    def round_trips(self, ids: Sequence[int]) -> list[bool]:
        """See `Reader`. Each follows a line break, so that the space put first does not count."""
        start = self.encode("\n")
        found = self.encode_each(["\n" + self.bytes_of(i).decode(errors="replace") for i in ids])
        return [each == [*start, i] for each, i in zip(found, ids, strict=True)]


# One for all: a lock of its own would keep a reader, and results that hold it, from being copied.
_setting_lock = threading.Lock()


class TokenizersReader(Reader):
    """A ``tokenizer.json`` in tokenizers.

    Args:
        name, title, kind: see `Reader`.
        library: a ``tokenizers.Tokenizer`` that is not shared, because its settings change.
    """

    def __init__(self, name, title, kind, library):
        super().__init__(name, title, kind, library.get_vocab_size(), library)
        self._added = library.get_added_tokens_decoder()

    @contextmanager
    def _setting(self, special: bool) -> Iterator[Any]:
        """The library with that setting, which no other thread changes meanwhile."""
        with _setting_lock, without_panic(self.title):
            self.library.encode_special_tokens = not special  # True: their names are plain text
            yield self.library

    def encode(self, text: str, *, special: bool = False) -> list[int]:
        """See `Reader`."""
        return self._encode([text], special)[0]

    def encode_each(self, texts: Sequence[str]) -> list[list[int]]:
        """See `Reader`."""
        return self._encode(texts, special=False)

    def _encode(self, texts: Sequence[str], special: bool) -> list[list[int]]:
        """Without offsets, which would double the time."""
        with self._setting(special) as library:
            found = library.encode_batch_fast(list(texts), add_special_tokens=False)
        return [each.ids for each in found]

    def offsets(self, text: str, *, special: bool = False) -> list[tuple[int, int]]:
        """See `Reader`. The library's own are shifted after a byte that the vocabulary lacks."""
        with self._setting(special) as library:
            found = library.encode(text, add_special_tokens=False)
        known = self._known_bytes
        if not known:
            return found.offsets
        pieces = [self.bytes_of(token_id) for token_id in found.ids]
        return _match(text.encode(), pieces, known) or found.offsets

    def decode(self, ids: Sequence[int]) -> str:
        """See `Reader`."""
        return self.library.decode(list(ids), skip_special_tokens=False)

    def bytes_of(self, token_id: int) -> bytes:
        """See `Reader`."""
        piece = self.library.id_to_token(token_id)
        if piece is None:
            return b""
        if token_id in self._added:
            return piece.encode()
        if self._is_byte_level:
            table = byte_table()
            if all(character in table for character in piece):
                return bytes(table[character] for character in piece)
        if self._falls_back and len(piece) == 6 and piece.startswith("<0x"):
            return bytes([int(piece[3:5], 16)])
        return piece.replace(ESCAPED_SPACE, " ").encode()

    def is_special(self, token_id: int) -> bool:
        """See `Reader`."""
        return token_id in self._added and self._added[token_id].special

    def rank_of(self, token_id: int) -> int | None:
        """See `Reader`."""
        return self._ranks.get(self.library.id_to_token(token_id))

    @functools.cached_property
    def _is_byte_level(self) -> bool:
        return "ByteLevel" in repr(self.library.decoder)

    @functools.cached_property
    def _known_bytes(self) -> frozenset[int]:
        """The bytes in a byte-level vocabulary, which drops all others; empty for other kinds."""
        if not self._is_byte_level:
            return frozenset()
        known = (b for c, b in byte_table().items() if self.library.token_to_id(c) is not None)
        return frozenset(known)

    @functools.cached_property
    def _falls_back(self) -> bool:
        return bool(getattr(self.library.model, "byte_fallback", False))

    @functools.cached_property
    def _ranks(self) -> dict[str, int]:
        """The index of the first merge that makes each merged piece."""
        merges = json.loads(self.library.to_str())["model"].get("merges", ())
        pairs = (merge.split(" ") if isinstance(merge, str) else merge for merge in merges)
        ranks: dict[str, int] = {}
        for rank, (left, right) in enumerate(pairs):
            ranks.setdefault(left + right, rank)
        return ranks


def _match(
    data: bytes, pieces: Sequence[bytes], known: frozenset[int]
) -> list[tuple[int, int]] | None:
    """Character offsets of each token if just the unknown bytes were dropped, else None."""
    characters = list(itertools.accumulate(byte & 0xC0 != 0x80 for byte in data))
    known_at = [index for index, byte in enumerate(data) if byte in known]
    if bytes(data[index] for index in known_at) != b"".join(pieces):
        return None
    ends = list(itertools.accumulate(map(len, pieces)))
    return [
        (characters[known_at[end - len(piece)]] - 1, characters[known_at[end - 1]])
        for piece, end in zip(pieces, ends, strict=True)
    ]


@functools.cache
def byte_table() -> dict[str, int]:
    """The characters that stand for the 256 bytes in byte-level vocabularies.

    A byte that is a visible character of Latin-1 stands for itself; the others, in order, become
    the characters from U+0100 on (GPT-2's encoder.py; the alphabet is tokenizers' own).

    >>> byte_table()["A"], byte_table()["Ġ"]
    (65, 32)
    """
    from tokenizers.pre_tokenizers import ByteLevel

    alphabet = sorted(ByteLevel.alphabet())
    visible = list(itertools.takewhile(lambda c: ord(c) < 256, alphabet))
    hidden = [byte for byte in range(256) if chr(byte) not in visible]
    table = {character: ord(character) for character in visible}
    return table | dict(zip(alphabet[len(visible) :], hidden, strict=True))
