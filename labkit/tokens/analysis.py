"""Text to tokens, by the real tokenizers."""

import codecs
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..backends.anthropic_count import count_tokens
from ..models.readers import Reader
from ..models.tokenizer_opening import open_tokenizer, usable
from .spans import locate

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
    def bytes(self) -> tuple[bytes, ...]:
        """What each token stands for."""
        return tuple(map(self.reader.bytes_of, self.ids))

    @property
    def pieces(self) -> tuple[str, ...]:
        """The same as text; bytes that are no whole character in hex, such as ⟨F0⟩."""
        return tuple(map(show_bytes, self.bytes))

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """The characters (start, end) that each token covers."""
        read, data = self.reader.reads(self.text), self.bytes
        known = b"".join(data) in (read.encode(), b" " + read.encode())
        offsets = None if known else self.reader.offsets(self.text, special=self.special)
        return tuple(locate(self.text, read, data, offsets))

    @property
    def tokens(self) -> tuple[Token, ...]:
        """All that is known of each token."""
        rank_of, is_special = self.reader.rank_of, self.reader.is_special
        rows = zip(self.ids, self.bytes, self.spans, strict=True)
        return tuple(Token(i, data, *span, rank_of(i), is_special(i)) for i, data, span in rows)

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
    _check(text)
    reader = open_tokenizer(name)
    return Tokenization(text, tuple(reader.encode(text, special=special)), reader, special)


def _check(text: str) -> None:
    if not isinstance(text, str):
        raise ValueError(f"text must be a text; got {type(text).__name__}")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            "text must be Unicode without lone surrogates, which stand for no character; got "
            f"{text[error.start]!r} as character {error.start}"
        ) from None


@dataclass(frozen=True, slots=True)
class CloudCount:
    """What is known of a tokenizer that its makers keep to themselves.

    Attributes:
        name: what it was asked for by.
        text: the text.
        count: tokens as the provider's own endpoint counted them, a few for the message around the
            text included; None: unknown, for no key is set.
    """

    name: str
    text: str
    count: int | None

    @property
    def title(self) -> str:
        """For a row's head."""
        return self.name


@dataclass(frozen=True, slots=True, repr=False)
class Comparison:
    """Texts, each cut by several tokenizers.

    Attributes:
        labels: one for each text.
        names: of the tokenizers.
        rows: (texts, names), each a `Tokenization`, or a `CloudCount` where the tokenizer is not
            public.
    """

    labels: tuple[str, ...]
    names: tuple[str, ...]
    rows: tuple[tuple[Tokenization | CloudCount, ...], ...]

    @property
    def counts(self) -> tuple[tuple[int | None, ...], ...]:
        """(texts, names), tokens; None where it is unknown."""
        return tuple(tuple(cell.count for cell in row) for row in self.rows)

    @property
    def summary(self) -> str:
        """The first text's fewest and most tokens."""
        known = [cell for cell in self.rows[0] if cell.count is not None]
        if not known:
            return f"{self.labels[0]}: unknown"
        few, many = (pick(known, key=lambda cell: cell.count) for pick in (min, max))
        return (
            f"{self.labels[0]}: {few.count} tokens with {few.name}, {many.count} with {many.name}"
        )

    def __repr__(self) -> str:
        lines = [
            f"{label}: " + ", ".join(f"{cell.name} {_told(cell.count)}" for cell in row)
            for label, row in zip(self.labels, self.rows, strict=True)
        ]
        return "\n".join(lines)


def _told(count: int | None) -> str:
    return "unknown" if count is None else f"{count:,}"


def compare_tokenizers(
    texts: str | Sequence[str] | Mapping[str, str], names: Sequence[Any] | None = None
) -> Comparison:
    """The same texts through several tokenizers.

    Args:
        texts: one text, several, or label to text.
        names: as for `tokenize`; None: all of the lab's list that are here. ``"claude"``, whose
            tokenizer is not public, is counted by its maker's endpoint if ``ANTHROPIC_API_KEY`` is
            set (the text is sent there), and is unknown if not.
    Raises:
        ValueError: for no text or no name.
    """
    if isinstance(texts, str):
        texts = {_label(texts): texts}
    elif not isinstance(texts, Mapping):
        texts = {f"{number}: {_label(text)}": text for number, text in enumerate(texts, start=1)}
    names = usable() if names is None else (names,) if isinstance(names, str) else tuple(names)
    if not texts or not names:
        raise ValueError(f"texts and names must have at least one each; got {texts!r}, {names!r}")
    rows = tuple(tuple(_cut(text, name) for name in names) for text in texts.values())
    return Comparison(tuple(texts), tuple(cell.name for cell in rows[0]), rows)


def _label(text: Any) -> str:
    _check(text)
    line = " ".join(text.split())
    return line if len(line) <= 30 else f"{line[:29]}…"


def _cut(text: str, name: Any) -> Tokenization | CloudCount:
    if isinstance(name, str) and name.startswith("claude"):
        _check(text)
        return CloudCount(name, text, count_tokens(text, name))
    return tokenize(text, name)
