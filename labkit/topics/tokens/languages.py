"""One short text in many languages: how many tokens each takes, and what that costs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from labkit.checks import check_number, check_one_of, check_type
from labkit.data import read_data
from labkit.lab_book.entry import BookEntry
from labkit.models.prices import Price, look_up_price

from .tokenizer_comparison import TokenizerComparison, compare_tokenizers

BASE = "English"


@dataclass(frozen=True, slots=True)
class LanguageText:
    """The lab's text in one language.

    Attributes:
        language: English name of the language.
        code: language code, ISO 639-1.
        script: script that most letters belong to.
        text: text in this language.
    """

    language: str
    code: str
    script: str
    text: str


def language_texts() -> tuple[LanguageText, ...]:
    """The lab's text in every language; ``data/languages.json`` says how it was made."""
    return tuple(LanguageText(**row) for row in read_data("languages.json")["texts"])


@dataclass(frozen=True, slots=True, repr=False)
class LanguageTable:
    """Tokens of the same text by language and tokenizer.

    Attributes:
        texts: text in each language.
        comparison: token counts (computed by the tokenizers themselves).
    """

    texts: tuple[LanguageText, ...]
    comparison: TokenizerComparison

    @property
    def languages(self) -> tuple[str, ...]:
        """English names of the languages."""
        return tuple(each.language for each in self.texts)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the tokenizers."""
        return self.comparison.names

    def counts_of(self, name: str) -> tuple[int, ...]:
        """Token counts of one tokenizer, by language.

        Raises:
            ValueError: the tokenizer is not in the table.
        """
        check_one_of("name", name, self.names)
        column = self.names.index(name)
        return tuple(row[column] for row in self.comparison.counts)

    @property
    def relative(self) -> tuple[tuple[float, ...], ...]:
        """(languages, names): counts as multiples of the English one of the same tokenizer."""
        base = self.comparison.counts[self.languages.index(BASE)]
        return tuple(
            tuple(count / english for count, english in zip(row, base, strict=True))
            for row in self.comparison.counts
        )

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """How many times the tokens of English the worst language takes."""
        ratio, language, name = self._worst
        label = f"{language} compared with English"
        return (BookEntry("language_ratio", label, ratio, "times", origin="computed", model=name),)

    @property
    def summary(self) -> str:
        """The widest gap."""
        ratio, language, name = self._worst
        return f"the same text takes {ratio:.1f} times the tokens in {language} with {name}"

    @property
    def _worst(self) -> tuple[float, str, str]:
        return max(
            (ratio, language, name)
            for language, row in zip(self.languages, self.relative, strict=True)
            for name, ratio in zip(self.names, row, strict=True)
        )

    def __repr__(self) -> str:
        return f"{len(self.texts)} languages, {len(self.names)} tokenizers: {self.summary}"


def compare_languages(names: Sequence[Any] | None = None) -> LanguageTable:
    """The lab's text in every language, through several tokenizers.

    Args:
        names: as for `compare_tokenizers`; public tokenizers only.
    """
    texts = language_texts()
    comparison = compare_tokenizers({each.language: each.text for each in texts}, names)
    if None in comparison.counts[0]:
        raise ValueError(f"names must be of public tokenizers; got {comparison.names}")
    return LanguageTable(texts, comparison)


@dataclass(frozen=True, slots=True)
class LanguageCost:
    """What a text in one language costs, with a model here and with one in the cloud.

    Attributes:
        language: English name of the language.
        local_tokens: tokens of the text with the local model's tokenizer.
        window_share: share of the context window that the text fills (computed).
        write_s: seconds to write an answer as long as the text, at `tokens_per_s` (computed).
        cloud_tokens: tokens of the text with the cloud model's tokenizer.
        price_usd: price of 1,000 requests that read the text and write as much (computed).
    """

    language: str
    local_tokens: int
    window_share: float
    write_s: float
    cloud_tokens: int
    price_usd: float


@dataclass(frozen=True, slots=True, repr=False)
class LanguageCosts:
    """Token counts as space, time and money.

    Attributes:
        rows: cost of each language, in the order of the table.
        local, cloud: names of the two tokenizers.
        window: size of the context window in tokens.
        tokens_per_s: decoding speed of the local model, as it was given.
        price: price of the cloud model, with source and date.
    """

    rows: tuple[LanguageCost, ...]
    local: str
    cloud: str
    window: int
    tokens_per_s: float
    price: Price

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """The seconds of the same answer in English and in the slowest language."""
        english = next(row for row in self.rows if row.language == BASE)
        slowest = max(self.rows, key=lambda row: row.write_s)
        return tuple(
            BookEntry(name, f"an answer in {row.language}", row.write_s, "s", origin="computed")
            for name, row in (("english_answer_s", english), ("slowest_language_s", slowest))
        )

    @property
    def summary(self) -> str:
        """English, and the language that takes longest."""
        english = next(row for row in self.rows if row.language == BASE)
        slowest = max(self.rows, key=lambda row: row.write_s)
        return (
            f"the same answer: {english.write_s:.1f} s in English, {slowest.write_s:.1f} s in "
            f"{slowest.language}, at {self.tokens_per_s:.1f} tokens/s"
        )

    def __repr__(self) -> str:
        return self.summary


def cost_languages(
    table: LanguageTable,
    *,
    tokens_per_s: float,
    window: int = 8192,
    local: str = "smollm2",
    cloud: str = "o200k",
    cloud_model: str = "gpt-5",
) -> LanguageCosts:
    """What the counts mean: share of a context window, seconds here, price in the cloud.

    Args:
        table: from `compare_languages`.
        tokens_per_s: decoding speed of the local model, as in ``reply.decode_tokens_per_s``.
        window: context window of the local model in tokens.
        local: tokenizer of the local model.
        cloud: tokenizer of the cloud model.
        cloud_model: model whose list price applies.
    Raises:
        ValueError: the speed or the window is 0 or less, or a tokenizer is not in the table.
    """
    check_type("table", table, LanguageTable, "lab.tokens.compare_languages")
    for name, value in (("tokens_per_s", tokens_per_s), ("window", window)):
        check_number(name, value, "above 0", lambda number: number > 0)
    price = look_up_price(cloud_model)
    both = (price.input_usd_per_million + price.output_usd_per_million) / 1e6
    counts = zip(table.languages, table.counts_of(local), table.counts_of(cloud), strict=True)
    rows = tuple(
        LanguageCost(language, here, here / window, here / tokens_per_s, there, 1000 * there * both)
        for language, here, there in counts
    )
    return LanguageCosts(rows, local, cloud, window, tokens_per_s, price)
