"""The same texts through several tokenizers."""

import reprlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labkit.backends.cloud.token_count import count_tokens
from labkit.backends.prompts import check_text
from labkit.formatting import number_of
from labkit.lab_book.entry import BookEntry
from labkit.models.tokenizers.open import known_tokenizers

from .tokenization import Tokenization, tokenize


@dataclass(frozen=True, slots=True)
class CloudCount:
    """The count of a text by a tokenizer that is not public.

    Attributes:
        name: name of the tokenizer or model.
        text: text that was counted.
        count: number of tokens by the provider's own endpoint, which includes a few for the
            message around the text; None: unknown, since no key is set.
    """

    name: str
    text: str
    count: int | None


@dataclass(frozen=True, slots=True, repr=False)
class TokenizerComparison:
    """The same texts through several tokenizers.

    Attributes:
        labels: label of each text.
        names: names of the tokenizers.
        rows: (texts, names), each a `Tokenization`, or a `CloudCount` where the tokenizer is not
            public.
    """

    labels: tuple[str, ...]
    names: tuple[str, ...]
    rows: tuple[tuple[Tokenization | CloudCount, ...], ...]

    @property
    def counts(self) -> tuple[tuple[int | None, ...], ...]:
        """(texts, names): numbers of tokens; None where unknown."""
        return tuple(tuple(cell.count for cell in row) for row in self.rows)

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """The fewest and the most tokens for the first text."""
        known = [cell for cell in self.rows[0] if cell.count is not None]
        if not known:
            return ()
        few, many = (pick(known, key=lambda cell: cell.count) for pick in (min, max))
        by, ends = {"origin": "computed"}, (("fewest", few), ("most", many))
        return tuple(
            BookEntry(f"{end}_tokens", f"{end} tokens", cell.count, **by, model=cell.name)
            for end, cell in ends
        )

    @property
    def summary(self) -> str:
        """The fewest and the most tokens of the first text."""
        known = [cell for cell in self.rows[0] if cell.count is not None]
        if not known:
            return f"{self.labels[0]}: unknown"
        few, many = (pick(known, key=lambda cell: cell.count) for pick in (min, max))
        return (
            f"{self.labels[0]}: {number_of(few.count, 'token')} with {few.name}, "
            f"{many.count:,} with {many.name}"
        )

    def __repr__(self) -> str:
        return "\n".join(
            f"{label}: {', '.join(map(_count_text, row))}"
            for label, row in zip(self.labels, self.rows, strict=True)
        )


def _count_text(cell: Tokenization | CloudCount) -> str:
    return f"{cell.name} {'unknown' if cell.count is None else f'{cell.count:,}'}"


def compare_tokenizers(
    texts: str | Sequence[str] | Mapping[Any, str], names: Any = None
) -> TokenizerComparison:
    """The same texts through several tokenizers.

    Args:
        texts: one text, several, or a mapping of label to text.
        names: one or several as for `tokenize`; None: all of the lab's that are on this machine.
            ``"claude"``, whose tokenizer is not public, is counted by its maker's endpoint if
            ``ANTHROPIC_API_KEY`` is set (the text is sent there), and unknown otherwise.
    Raises:
        ValueError: texts or names are empty, or not of that kind.
    """
    if isinstance(texts, str):
        texts = {_label(texts): texts}
    elif not isinstance(texts, Sequence | Mapping):
        raise ValueError(f"texts must be a text, or several; got {texts!r}")
    elif not isinstance(texts, Mapping):
        texts = {f"{number}: {_label(text)}": text for number, text in enumerate(texts, start=1)}
    names = known_tokenizers() if names is None else names
    several = isinstance(names, Iterable) and not isinstance(names, str)
    names = tuple(names) if several else (names,)
    if not texts or not names:
        raise ValueError(
            f"texts and names must have at least one each; got {reprlib.repr(texts)}, {names!r}"
        )
    rows = tuple(tuple(_count(text, name) for name in names) for text in texts.values())
    return TokenizerComparison(tuple(map(str, texts)), tuple(cell.name for cell in rows[0]), rows)


def _label(text: Any) -> str:
    check_text(text)
    line = " ".join(text.split())
    return line if len(line) <= 30 else f"{line[:29]}…"


def _count(text: str, name: Any) -> Tokenization | CloudCount:
    if isinstance(name, str) and name.startswith("claude"):
        check_text(text)
        return CloudCount(name, text, count_tokens(text, name))
    return tokenize(text, name)
