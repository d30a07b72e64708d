"""Byte-pair encoding, merge by merge: the tokenizers library trains it and applies it."""

import functools
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from labkit.backends.prompts import check_text
from labkit.checks import check_whole
from labkit.data import read_data
from labkit.formatting import number_of
from labkit.models.tokenizers.bpe_trainer import train_merges, with_merges
from labkit.models.tokenizers.readers import TokenizersReader
from labkit.topics.tokens.tokenization import Tokenization, show_bytes

BYTES, MOST_TOKENS = 256, 50_000  # of a vocabulary
POINTS = 60  # of the compression curve
MEASURED = 20_000  # characters of the corpus that the curve is measured on


@dataclass(frozen=True, slots=True)
class PairCount:
    """Two tokens that stand side by side in a corpus.

    Attributes:
        left, right: bytes of each.
        count: number of places.
    """

    left: bytes
    right: bytes
    count: int


@dataclass(frozen=True, slots=True, repr=False)
class BpeTraining:
    """A trained tokenizer that can be inspected after each of its merges.

    Attributes:
        corpus: training text.
        merges: pairs of tokens in the order in which they were joined, in the vocabulary's own
            spelling (Ġ is a space).
        curve: (merges, tokens per character), measured on the first `MEASURED` characters.
    """

    corpus: str
    merges: tuple[tuple[str, str], ...]
    curve: tuple[tuple[int, float], ...]

    def reader(self, merges: int) -> TokenizersReader:
        """The tokenizer after a number of merges.

        Raises:
            ValueError: merges is more than were made.
        """
        check_whole("merges", merges, 0, len(self.merges))
        return with_merges(f"{merges} merge{'s' if merges != 1 else ''}", self.merges[:merges])

    def tokenize(self, text: str, merges: int) -> Tokenization:
        """A text tokenized after a number of merges."""
        check_text(text)
        reader = self.reader(merges)
        return Tokenization(text, tuple(reader.encode(text)), reader)

    def pair_counts(self, merges: int, most: int) -> tuple[PairCount, ...]:
        """The most frequent pairs of the corpus after a number of merges, from the most frequent.

        Of equally frequent pairs, the one that is joined next comes first. Pairs do not cross the
        borders of words, which no merge does.

        Raises:
            ValueError: merges or most is out of range.
        """
        check_whole("merges", merges, 0)
        check_whole("most", most)
        if merges >= len(self.merges):
            return ()
        reader, counts = self.reader(merges), Counter()
        words = _words(self.corpus)
        for encoded, times in zip(
            reader.library.encode_batch(list(words)), words.values(), strict=True
        ):
            for pair in pairwise(encoded.ids):
                counts[pair] += times
        joined = tuple(map(reader.library.token_to_id, self.merges[merges]))
        ranked = sorted(counts.items(), key=lambda each: (-each[1], each[0] != joined))
        return tuple(
            PairCount(reader.bytes_of(left), reader.bytes_of(right), count)
            for (left, right), count in ranked[:most]
        )

    def merge(self, number: int) -> tuple[str, str, str]:
        """Left part, right part and result of a merge; the first is number 1.

        Raises:
            ValueError: there is no merge with this number.
        """
        check_whole("number", number, 1, len(self.merges))
        reader, parts = self.reader(number), self.merges[number - 1]
        left, right = (reader.bytes_of(reader.library.token_to_id(part)) for part in parts)
        return show_bytes(left), show_bytes(right), show_bytes(left + right)

    @property
    def vocab_size(self) -> int:
        """Size of the final vocabulary: the bytes and the merged tokens."""
        return BYTES + len({left + right for left, right in self.merges})

    @property
    def summary(self) -> str:
        """Tokens per character before and after."""
        (_, before), (count, after) = self.curve[0], self.curve[-1]
        change = f"from {before:.2f} to {after:.2f} tokens per character"
        take = "takes" if count == 1 else "take"
        return f"BPE: {number_of(count, 'merge')} {take} the corpus {change}"

    def __repr__(self) -> str:
        return self.summary


def train_bpe(corpus: str | None = None, vocab_size: int = 600) -> BpeTraining:
    """Trains a byte-level BPE vocabulary on a text, most frequent pair first.

    Args:
        corpus: training text, whose frequent strings become tokens; None: the lab's own.
        vocab_size: final number of tokens, including the 256 bytes; fewer if no pair remains.
    Raises:
        ValueError: the corpus is empty, or the size is not 256 to 50,000.
    Source: Sennrich, Haddow and Birch 2016; on bytes: Radford et al. 2019.

    >>> train_bpe("low lower lowest", 260).merge(2)
    ('lo', 'w', 'low')
    """
    corpus = read_data("corpus.txt") if corpus is None else corpus
    check_text(corpus)
    if not corpus:
        raise ValueError("corpus must have at least one character; got an empty text")
    check_whole("vocab_size", vocab_size, BYTES, MOST_TOKENS)
    merges = train_merges(corpus, vocab_size)
    return BpeTraining(corpus, merges, _curve(corpus[:MEASURED], merges))


@functools.lru_cache(maxsize=4)
def _words(corpus: str) -> Counter[str]:
    """The parts that a corpus is split into first, with their numbers."""
    split = with_merges("", ()).library.pre_tokenizer.pre_tokenize_str(corpus)
    return Counter(corpus[start:end] for _, (start, end) in split)


def _curve(text: str, merges: Any) -> tuple[tuple[int, float], ...]:
    step = max(1, len(merges) // POINTS)
    stages = sorted({*range(0, len(merges) + 1, step), len(merges)})
    counts = (len(with_merges("", merges[:stage]).encode(text)) for stage in stages)
    return tuple((stage, count / len(text)) for stage, count in zip(stages, counts, strict=True))
