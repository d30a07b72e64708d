"""Example texts, easy and hard for tokenizers, each with the reason."""

import reprlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from labkit.checks import checked_several

from .tokenization import Tokenization
from .tokenizer_comparison import TokenizerComparison, compare_tokenizers

# Label, text, reason. Notebook 08 returns to the numbers.
_EXAMPLES = (
    (
        "everyday words",
        "The weather is nice today.",
        "Words that were common in the training text are one token each, the space included.",
    ),
    (
        "a misspelling",
        "The waether is ncie tdoay.",
        "A word that was never seen whole is split into pieces that were.",
    ),
    (
        "a rare name",
        "Xiuhtecuhtli met Wojciechowska.",
        "Names from elsewhere were rare in the training text: a token is a syllable or a letter.",
    ),
    (
        "code",
        "for i in range(10):\n    print(i ** 2)",
        "Newer tokenizers learnt from code; a bracket and a colon may be one token.",
    ),
    (
        "indentation",
        "if a:\n        if b:\n                if c:\n                        d()",
        "A run of spaces is one token where the tokenizer learnt it, and one for each space where "
        "it did not: GPT-2 is the example.",
    ),
    (
        "JSON",
        '{"name": "Ada", "tags": ["a", "b"], "age": 36}',
        "Quotes, braces and commas are read, and paid for, like words.",
    ),
    (
        "a number",
        "The answer is 1234567890.",
        "Digits are grouped by rule or by chance: one by one, in threes, or irregularly.",
    ),
    (
        "emoji",
        "👍🏽 🧑‍🚀 🇺🇦 🎉",
        "One symbol may be several characters (skin tone, joiner, flag letters) of four bytes "
        "each, and rare bytes are tokens of their own.",
    ),
    (
        "a URL",
        "https://www.example.com/a/b?id=8f3c9d2e&lang=en",
        "The beginning is common; the path and the id are practically random letters.",
    ),
    (
        "capitals",
        "THE WEATHER IS NICE TODAY.",
        "To a tokenizer, capitals are different letters; words in capitals were rarer.",
    ),
)
_NAMES = ("smollm2", "gpt2", "o200k", "mistral-v1")
LONGEST_NUMBER = 60
NUMBERS = ("7", "365", "2026", "31415", "1234567", "1,234,567", "3.14159")


@dataclass(frozen=True, slots=True, repr=False)
class ExampleTexts:
    """Example texts with their counts and reasons.

    Attributes:
        comparison: one row per text, with its tokens by tokenizer.
        reasons: why each text is easy or hard.
    """

    comparison: TokenizerComparison
    reasons: tuple[str, ...]

    @property
    def summary(self) -> str:
        """Characters per token of the easiest and the hardest text, with the first tokenizer."""
        pairs = zip(self.comparison.rows, self.comparison.labels, strict=True)
        ratios = sorted((len(row[0].text) / row[0].count, label) for row, label in pairs)
        (low, hardest), (high, easiest) = ratios[0], ratios[-1]
        return (
            f"characters per token with {self.comparison.names[0]}: {high:.1f} for {easiest}, "
            f"{low:.1f} for {hardest}"
        )

    def __repr__(self) -> str:
        return repr(self.comparison)


def example_texts(names: Sequence[Any] = _NAMES) -> ExampleTexts:
    """Code, JSON, numbers, indentation, emoji, a URL, a misspelling, a rare name.

    Args:
        names: as for `compare_tokenizers`; public tokenizers only.
    """
    texts = {label: text for label, text, _ in _EXAMPLES}
    return ExampleTexts(_compare_public(texts, names), tuple(reason for *_, reason in _EXAMPLES))


@dataclass(frozen=True, slots=True, repr=False)
class DigitGroups:
    """How tokenizers group the digits of numbers.

    Attributes:
        comparison: one row per number.
    """

    comparison: TokenizerComparison

    @property
    def summary(self) -> str:
        """The longest number, with the fewest tokens and with the most."""
        row = max(self.comparison.rows, key=lambda cells: len(cells[0].text))
        few, many = (pick(row, key=lambda cell: cell.count) for pick in (min, max))
        return (
            f"{row[0].text} is {few.segmentation} with {few.name}, "
            f"and {many.segmentation} with {many.name}"
        )

    def __repr__(self) -> str:
        return self.summary


def compare_digits(
    numbers: str | Sequence[str] = NUMBERS, names: Sequence[Any] | None = None
) -> DigitGroups:
    """How each tokenizer groups the digits of some numbers.

    Args:
        numbers: numbers as text, each of at most `LONGEST_NUMBER` characters.
        names: as for `compare_tokenizers`; public tokenizers only.
    Raises:
        ValueError: a number is not a text or too long, or a tokenizer is not public.
    """
    bound = f'texts of 1 to {LONGEST_NUMBER} characters, such as ["9.11"]'
    numbers = [numbers] if isinstance(numbers, str) else numbers
    numbers = checked_several("numbers", numbers, str, bound)
    for number in numbers:
        if not 1 <= len(number) <= LONGEST_NUMBER:
            raise ValueError(f"numbers must be {bound}; got {reprlib.repr(number)}")
    return DigitGroups(_compare_public({number: number for number in numbers}, names))


def _compare_public(texts: dict[str, str], names: Sequence[Any] | None) -> TokenizerComparison:
    """A comparison of which every token can be shown, not just counted."""
    comparison = compare_tokenizers(texts, names)
    for cell in comparison.rows[0]:
        if not isinstance(cell, Tokenization):
            raise ValueError(f"names must be of public tokenizers; got {cell.name!r}")
    return comparison
