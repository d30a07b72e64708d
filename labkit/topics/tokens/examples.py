"""Texts that tokenizers find easy or hard, each with the reason."""

import reprlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .comparison import Comparison, compare_tokenizers
from .tokenization import Tokenization

# Label, text, reason. Notebook 08 comes back to the numbers.
_EXHIBITS = (
    (
        "everyday words", "The weather is nice today.",
        "Words that were common in the training text are one token each, the space included.",
    ),
    (
        "a misspelling", "The waether is ncie tdoay.",
        "A word that was never seen whole falls into pieces that were.",
    ),
    (
        "a rare name", "Xiuhtecuhtli met Wojciechowska.",
        "Names from elsewhere were rare in the training text: a token is a syllable or a letter.",
    ),
    (
        "code", "for i in range(10):\n    print(i ** 2)",
        "Newer tokenizers learnt from code; a bracket and a colon may be one token.",
    ),
    (
        "indentation", "if a:\n        if b:\n                if c:\n                        d()",
        "A run of spaces is one token where the tokenizer learnt it, and one for each space where "
        "it did not: GPT-2 is the example.",
    ),
    (
        "JSON", '{"name": "Ada", "tags": ["a", "b"], "age": 36}',
        "Quotes, braces and commas are read, and paid for, like words.",
    ),
    (
        "a number", "The answer is 1234567890.",
        "Digits are grouped by rule or by chance: one by one, in threes, or as it happened.",
    ),
    (
        "emoji", "👍🏽 🧑‍🚀 🇺🇦 🎉",
        "One picture may be several characters (skin tone, joiner, flag letters) of four bytes "
        "each, and rare bytes are tokens of their own.",
    ),
    (
        "a URL", "https://www.example.com/a/b?id=8f3c9d2e&lang=en",
        "The beginning is common; the path and the id are as good as random letters.",
    ),
    (
        "capitals", "THE WEATHER IS NICE TODAY.",
        "To a tokenizer, capitals are other letters; words in capitals were rarer.",
    ),
)  # fmt: skip
LONGEST_NUMBER = 60
NUMBERS = ("7", "365", "2026", "31415", "1234567", "1,234,567", "3.14159")


@dataclass(frozen=True, slots=True, repr=False)
class Gallery:
    """Texts with their counts and reasons.

    Attributes:
        comparison: a text a row, its label, and its tokens by tokenizer.
        reasons: one a text.
    """

    comparison: Comparison
    reasons: tuple[str, ...]

    @property
    def summary(self) -> str:
        """Characters a token, from the easiest text to the hardest, with the first tokenizer."""
        cells = [(row[0], label) for row, label in zip(
            self.comparison.rows, self.comparison.labels, strict=True
        )]  # fmt: skip
        ratios = sorted((len(cell.text) / cell.count, label) for cell, label in cells)
        (low, hardest), (high, easiest) = ratios[0], ratios[-1]
        return (
            f"characters a token with {self.comparison.names[0]}: {high:.1f} for {easiest}, "
            f"{low:.1f} for {hardest}"
        )

    def __repr__(self) -> str:
        return repr(self.comparison)


def example_texts(names: Sequence[Any] = ("smollm2", "gpt2", "o200k", "mistral-v1")) -> Gallery:
    """Code, JSON, numbers, indentation, emoji, a URL, a misspelling, a rare name.

    Args:
        names: as for `compare_tokenizers`; public tokenizers alone.
    """
    texts = {label: text for label, text, _ in _EXHIBITS}
    return Gallery(_compare_public(texts, names), tuple(reason for *_, reason in _EXHIBITS))


@dataclass(frozen=True, slots=True, repr=False)
class Digits:
    """How tokenizers group the digits of numbers.

    Attributes:
        comparison: a number a row.
    """

    comparison: Comparison

    @property
    def summary(self) -> str:
        """The longest number, cut into the fewest tokens and into the most."""
        row = max(self.comparison.rows, key=lambda cells: len(cells[0].text))
        few, many = (pick(row, key=lambda cell: cell.count) for pick in (min, max))
        return f"{row[0].text} is {_cut(few)}, and {_cut(many)}"

    def __repr__(self) -> str:
        return self.summary


def _cut(cell: Tokenization) -> str:
    return f"{cell.cut} with {cell.name}"


def compare_digits(
    numbers: str | Sequence[str] = NUMBERS, names: Sequence[Any] | None = None
) -> Digits:
    """How each tokenizer groups the digits of some numbers.

    Args:
        numbers: as they are written, each of at most `LONGEST_NUMBER` characters.
        names: as for `compare_tokenizers`; public tokenizers alone.
    Raises:
        ValueError: for what is no text, or too long, and for a tokenizer that is not public.
    """
    numbers = (numbers,) if isinstance(numbers, str) else tuple(numbers)
    for number in numbers:
        if not isinstance(number, str) or not 1 <= len(number) <= LONGEST_NUMBER:
            raise ValueError(
                f"numbers must be texts of 1 to {LONGEST_NUMBER} characters, such as "
                f'["9.11"]; got {reprlib.repr(number)}'
            )
    return Digits(_compare_public({number: number for number in numbers}, names))


def _compare_public(texts: dict[str, str], names: Sequence[Any] | None) -> Comparison:
    """Where every token is to be shown, a count alone will not do."""
    comparison = compare_tokenizers(texts, names)
    for cell in comparison.rows[0]:
        if not isinstance(cell, Tokenization):
            raise ValueError(f"names must be of public tokenizers; got {cell.name!r}")
    return comparison
