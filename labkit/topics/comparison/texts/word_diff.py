"""Two texts against one another, word by word: what they share, where they part, how alike."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import regex

# A word with the white space after it, and before it where the text begins; signs stand alone, and
# so do the letters of scripts that put no space between words.
_WORDS = regex.compile(
    r"(?:^\s+)?(?:[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}]\p{M}*"
    r"|[\w\p{M}]+(?:['’]\w+)*|[^\w\s])\s*|^\s+"
)
EQUAL, DELETED, INSERTED, REPLACED = "same", "gone", "new", "changed"
PAIRS = 20_000  # equal words of two texts, each with each: so far difflib takes a moment

_Slices = tuple[bool, int, int, int, int]  # same or not, and from where to where in both texts


def split_words(text: str) -> list[str]:
    """The words of a text, each with the white space after it; joined they are the text.

    >>> split_words("Don't panic, now!")
    ["Don't ", 'panic', ', ', 'now', '!']
    """
    return _WORDS.findall(text)


@dataclass(frozen=True, slots=True)
class DiffSpan:
    """A run of words that both texts have, or that they do not.

    Attributes:
        kind: ``"same"``, ``"gone"`` (the first text's alone), ``"new"`` (the second's alone), or
            ``"changed"`` (one for the other).
        first: these words as the first text has them.
        second: as the second has them; of the same words, the white space may differ.
    """

    kind: str
    first: str
    second: str


@dataclass(frozen=True, slots=True, repr=False)
class WordDiff:
    """Two texts, word by word; white space does not count, capitals and signs do.

    Attributes:
        pieces: joined, their ``first`` are the first text and their ``second`` the second. A lone
            shared word between two longer changes is shown as part of them.
        similarity: 0 (no word in common) to 1 (the same words in the same order): twice the words
            that both have in the same order, by the words of both.
        found: share of the first text's words that the second has in the same order; None where
            the first has none.
        shared_words: how many words both begin with.
    """

    spans: tuple[DiffSpan, ...]
    similarity: float
    found: float | None
    shared_words: int

    @property
    def identical(self) -> bool:
        """Whether they have the same words in the same order."""
        return all(piece.kind == EQUAL for piece in self.spans)

    @property
    def first_change(self) -> tuple[str, str] | None:
        """The words with which each goes on where they part, or None; empty where one has ended."""
        if self.identical:
            return None
        texts = "".join(p.first for p in self.spans), "".join(p.second for p in self.spans)
        rests = (split_words(text)[self.shared_words :] for text in texts)
        one, other = (rest[0].strip() if rest else "" for rest in rests)
        return one, other

    def __repr__(self) -> str:
        if self.identical:
            return "the same words in the same order"
        one, other = (repr(word) if word else "its end" for word in self.first_change)
        return (
            f"{self.similarity:.0%} alike, apart after {self.shared_words} words: "
            f"{one} there, {other} here"
        )


def diff_words(first: str, second: str) -> WordDiff:
    """Two texts, word by word.

    Source: the pieces are those of Python's difflib; `similarity` is rapidfuzz's normalized Indel
    similarity, by the longest common sequence of words, and unlike difflib's ratio it is the same
    both ways; `found` is the recall of ROUGE-L (Lin 2004, "ROUGE").

    >>> find_difference("the cat sat", "the cat ran").pieces[-1]
    Piece(kind='changed', first='sat', second='ran')
    """
    from rapidfuzz.distance import LCSseq

    one, other = split_words(first), split_words(second)
    keys = [word.strip() for word in one], [word.strip() for word in other]
    common = LCSseq.similarity(*keys)
    total = len(one) + len(other)
    return WordDiff(
        spans=tuple(
            DiffSpan(_kind(*run), "".join(one[run[1] : run[2]]), "".join(other[run[3] : run[4]]))
            for run in _without_islands(_runs(_codes(*keys)))
        ),
        similarity=2 * common / total if total else 1.0,
        found=common / len(one) if one else None,
        shared_words=_shared(*keys),
    )


def _codes(one: Sequence[str], other: Sequence[str]) -> Iterable[tuple[str, int, int, int, int]]:
    """From one to the other: by difflib, which prefers long runs, as people do.

    Where few words come again and again, as in a model's loop, difflib would take minutes.
    """
    from rapidfuzz.distance import LCSseq

    counts = Counter(one), Counter(other)
    if sum(often * counts[1][word] for word, often in counts[0].items()) > PAIRS:
        return LCSseq.opcodes(one, other)
    return SequenceMatcher(None, one, other, autojunk=False).get_opcodes()


def _runs(codes) -> list[_Slices]:
    """Runs of the same words and of others, in turn: what is gone and what is new go together."""
    runs: list[_Slices] = []
    for tag, a, b, c, d in codes:
        same = tag == "equal"
        if runs and runs[-1][0] == same:
            runs[-1] = (same, runs[-1][1], b, runs[-1][3], d)
        else:
            runs.append((same, a, b, c, d))
    return runs


def _without_islands(runs: list[_Slices]) -> list[_Slices]:
    """A lone shared word that cuts a long change in two is taken into it: so it can be read."""
    kept: list[_Slices] = []
    for place, run in enumerate(runs):
        before, after = kept[-1:], runs[place + 1 : place + 2]
        lone = run[0] and run[2] - run[1] == 1 and before and after
        if lone and min(_extent(before[0]), _extent(after[0])) >= 2:
            run = (False, *run[1:])
        if before and before[0][0] == run[0]:
            kept[-1] = (run[0], before[0][1], run[2], before[0][3], run[4])
        else:
            kept.append(run)
    return kept


def _extent(run: _Slices) -> int:
    return max(run[2] - run[1], run[4] - run[3])


def _kind(same: bool, a: int, b: int, c: int, d: int) -> str:
    if same:
        return EQUAL
    return INSERTED if a == b else DELETED if c == d else REPLACED


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    pairs = zip(one, other, strict=False)
    alike = min(len(one), len(other))
    return next((at for at, (a, b) in enumerate(pairs) if a != b), alike)
