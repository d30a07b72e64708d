"""Two texts compared word by word: what they share, where they diverge, how similar they are."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import regex
from rapidfuzz.distance import LCSseq, Prefix

from labkit.formatting import number_of

# A word with the white space after it, and before it where the text begins. Punctuation stands
# alone, and so do the letters of scripts that put no space between words.
_WORDS = regex.compile(
    r"(?:^\s+)?(?:[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}]\p{M}*"
    r"|[\w\p{M}]+(?:['’]\w+)*|[^\w\s])\s*|^\s+"
)
EQUAL, DELETED, INSERTED, REPLACED = "equal", "deleted", "inserted", "replaced"
MOST_PAIRS = 20_000  # pairs of equal words in two texts, up to which difflib is quick

_Slices = tuple[bool, int, int, int, int]  # equal or not; start and end in both texts


def split_words(text: str) -> list[str]:
    """The words of a text, each with the white space after it; joined they are the text.

    >>> split_words("Don't panic, now!")
    ["Don't ", 'panic', ', ', 'now', '!']
    """
    return _WORDS.findall(text)


@dataclass(frozen=True, slots=True)
class DiffSegment:
    """A run of words that both texts have, or that differs.

    Attributes:
        kind: ``"equal"``, ``"deleted"`` (only in the first text), ``"inserted"`` (only in the
            second), or ``"replaced"`` (one for the other).
        first: the words in the first text.
        second: the words in the second; of equal words, the white space may differ.
    """

    kind: str
    first: str
    second: str


@dataclass(frozen=True, slots=True, repr=False)
class WordDiff:
    """Two texts, word by word; white space is ignored, case and punctuation are not.

    Attributes:
        segments: the runs of words; their ``first`` joined are the first text, their ``second``
            the second. A lone shared word between two longer changes is part of them.
        similarity: 0 (no word in common) to 1 (the same words in the same order): twice the words
            that both have in the same order, divided by the words of both.
        recall: share of the first text's words that the second has in the same order; None where
            the first has no words.
        shared_words: number of words that both begin with.
    """

    segments: tuple[DiffSegment, ...]
    similarity: float
    recall: float | None
    shared_words: int

    @property
    def identical(self) -> bool:
        """Whether they have the same words in the same order."""
        return all(segment.kind == EQUAL for segment in self.segments)

    @property
    def first_change(self) -> tuple[str, str] | None:
        """The first word of each that differs, empty where a text has ended; None if identical."""
        if self.identical:
            return None
        texts = "".join(s.first for s in self.segments), "".join(s.second for s in self.segments)
        rests = (split_words(text)[self.shared_words :] for text in texts)
        one, other = (rest[0].strip() if rest else "" for rest in rests)
        return one, other

    def __repr__(self) -> str:
        if self.identical:
            return "the same words in the same order"
        one, other = (repr(word) if word else "its end" for word in self.first_change)
        shared = number_of(self.shared_words, "word")
        return (
            f"{percent(self.similarity)} similar, different after {shared}: {one} there, "
            f"{other} here"
        )


def percent(share: float) -> str:
    """A share in whole percent, 100 % only where nothing is missing.

    >>> percent(0.998), percent(1.0)
    ('99%', '100%')
    """
    return f"{share if share == 1 else min(share, 0.99):.0%}"


def diff_words(first: str, second: str, *, every_word: bool = False) -> WordDiff:
    """Two texts, compared word by word.

    Args:
        first: the text that is compared with.
        second: the other text.
        every_word: whether the equal segments are all the words that `recall` counts, lone ones
            too; else they are runs that are easier to read.

    Source: the segments are those of Python's difflib; `similarity` is rapidfuzz's normalized
    Indel similarity, by the longest common subsequence of words, and unlike difflib's ratio it is
    symmetric; `recall` is that of ROUGE-L (Lin 2004, "ROUGE").

    >>> diff_words("the cat sat", "the cat ran").segments[-1]
    DiffSegment(kind='replaced', first='sat', second='ran')
    """
    one, other = split_words(first), split_words(second)
    keys = [word.strip() for word in one], [word.strip() for word in other]
    common = LCSseq.similarity(*keys)
    total = len(one) + len(other)
    return WordDiff(
        segments=tuple(
            DiffSegment(_kind(*run), "".join(one[run[1] : run[2]]), "".join(other[run[3] : run[4]]))
            for run in (
                _runs(LCSseq.opcodes(*keys))
                if every_word
                else _without_islands(_runs(_opcodes(*keys)))
            )
        ),
        similarity=2 * common / total if total else 1.0,
        recall=common / len(one) if one else None,
        shared_words=Prefix.similarity(*keys),
    )


def _opcodes(one: Sequence[str], other: Sequence[str]) -> Iterable[tuple[str, int, int, int, int]]:
    """The edits from one to the other: by difflib, which prefers long runs, as people do.

    Where few words repeat, as in a model's loop, difflib would take minutes.
    """
    counts = Counter(one), Counter(other)
    if sum(count * counts[1][word] for word, count in counts[0].items()) > MOST_PAIRS:
        return LCSseq.opcodes(one, other)
    return SequenceMatcher(None, one, other, autojunk=False).get_opcodes()


def _runs(opcodes) -> list[_Slices]:
    """Runs of equal words and of others, alternating: deletions and insertions go together."""
    runs: list[_Slices] = []
    for tag, a, b, c, d in opcodes:
        same = tag == "equal"
        if runs and runs[-1][0] == same:
            runs[-1] = (same, runs[-1][1], b, runs[-1][3], d)
        else:
            runs.append((same, a, b, c, d))
    return runs


def _without_islands(runs: list[_Slices]) -> list[_Slices]:
    """A lone shared word that splits a long change is merged into it, which is easier to read."""
    merged: list[_Slices] = []
    for index, run in enumerate(runs):
        before, after = merged[-1:], runs[index + 1 : index + 2]
        lone = run[0] and run[2] - run[1] == 1 and before and after
        if lone and min(_extent(before[0]), _extent(after[0])) >= 2:
            run = (False, *run[1:])
        if before and before[0][0] == run[0]:
            merged[-1] = (run[0], before[0][1], run[2], before[0][3], run[4])
        else:
            merged.append(run)
    return merged


def _extent(run: _Slices) -> int:
    return max(run[2] - run[1], run[4] - run[3])


def _kind(same: bool, a: int, b: int, c: int, d: int) -> str:
    if same:
        return EQUAL
    return INSERTED if a == b else DELETED if c == d else REPLACED
