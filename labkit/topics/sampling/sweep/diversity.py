"""How varied texts are, and how much a text repeats itself: pure counting, no model."""

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from labkit.checks import check_whole

REPETITIONS = 3  # a loop repeats its piece at least this often …
LOOP_TOKENS = 8  # … and is at least this long: "ha ha ha" is too short
LONGEST_PERIOD = 64  # tokens; longer repetitions show in the repeated share
SHARE_N = 4


def distinct_n(sequences: Iterable[Sequence[Hashable]], n: int) -> float | None:
    """Share of n-grams that are different, over all sequences together.

    Args:
        sequences: token ids of each text.
        n: length of an n-gram in tokens.
    Returns:
        1 where no n-gram repeats, near 0 where all are the same; None where there is no n-gram.
        It falls with length, so compare texts of similar length.
    Raises:
        ValueError: n is not a whole number, 1 or more.
    Source: Li et al. 2016, "A Diversity-Promoting Objective Function …", section 5.

    >>> distinct_n([[1, 2, 3], [1, 2, 4]], 2)  # (1, 2) occurs twice
    0.75
    """
    check_whole("n", n)
    grams = [gram for sequence in sequences for gram in _ngrams(sequence, n)]
    return len(set(grams)) / len(grams) if grams else None


def _ngrams(sequence: Sequence[Hashable], n: int) -> Iterator[tuple]:
    return zip(*(sequence[start:] for start in range(n)), strict=False)


def self_similarity(texts: Sequence[str]) -> float | None:
    """How similar texts are: the words and word pairs that two share, averaged over all pairs.

    Each pair's value is Dice's coefficient of the two texts' words and pairs of neighbouring
    words, repetitions counted.

    Args:
        texts: answers to the same prompt.
    Returns:
        0 (no word in common) to 1 (the same words in the same pairs); None below two texts.
    Source: the idea of self-BLEU, Zhu et al. 2018 ("Texygen"); Dice 1945 for the measure, which
        unlike BLEU treats both texts alike.

    >>> round(self_similarity(["the cat sat", "the cat ran"]), 2)  # the, cat, the cat; of 5 and 5
    0.6
    """
    counts = [_words_and_pairs(text) for text in texts]
    values = [_dice(one, other) for one, other in combinations(counts, 2)]
    return sum(values) / len(values) if values else None


def _words_and_pairs(text: str) -> Counter:
    words = re.findall(r"\w+|[^\w\s]", text.lower())
    return Counter([*_ngrams(words, 1), *_ngrams(words, 2)])


def _dice(one: Counter, other: Counter) -> float:
    total = one.total() + other.total()
    return 2 * (one & other).total() / total if total else 1.0


@dataclass(frozen=True, slots=True)
class Loops:
    """How much a text repeats itself.

    Attributes:
        period: length in tokens of the piece that repeats at the end; None where the text does not
            end in a loop.
        repeated_share: share of the text's 4-grams that occurred in it before, 0 to 1.
    """

    period: int | None
    repeated_share: float

    @property
    def at_end(self) -> bool:
        """Whether the text ends in a loop."""
        return self.period is not None


def loops(ids: Sequence[Hashable]) -> Loops:
    """Whether a text ends in a loop, and how much of it is repetition.

    A loop is a piece that repeats three times or more, over eight tokens or more, up to the last
    token, which may fall within the piece. A text that closes with an end token has left its loop,
    if it was in one.

    Args:
        ids: token ids of one text.
    Source: Welleck et al. 2020, "Neural Text Generation with Unlikelihood Training": the share
        is their seq-rep-4.

    >>> loops([7, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1])
    Loops(period=3, repeated_share=0.5)
    """
    ids = list(ids)
    distinct = distinct_n([ids], SHARE_N)
    share = 0.0 if distinct is None else 1 - distinct
    longest = min(LONGEST_PERIOD, len(ids) // REPETITIONS)
    periods = (period for period in range(1, longest + 1) if _ends_with(ids, period))
    return Loops(next(periods, None), share)


def _ends_with(ids: list, period: int) -> bool:
    """Whether the end of the ids repeats with this period, long enough for a loop."""
    length = max(REPETITIONS * period, LOOP_TOKENS)
    tail = ids[-length:]
    return len(tail) == length and tail[period:] == tail[:-period]
