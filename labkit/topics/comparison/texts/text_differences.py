"""`compare_texts`: several answers compared with each other, or with an expected answer."""

from collections.abc import Sequence
from dataclasses import dataclass

from labkit.topics.comparison.side_by_side.compare import SideBySide

from .word_diff import WordDiff, diff_words

REFERENCE = "the reference"


@dataclass(frozen=True, slots=True, repr=False)
class TextDifferences:
    """Several texts, each compared with the first, or with a reference answer (computed).

    Attributes:
        names: the names of the texts.
        texts: the answers.
        baseline: the text that they are compared with.
        baseline_name: its name.
        differences: one for each text; without a reference, the first is compared with itself.
    """

    names: tuple[str, ...]
    texts: tuple[str, ...]
    baseline: str
    baseline_name: str
    differences: tuple[WordDiff, ...]

    @property
    def similarities(self) -> tuple[tuple[float, ...], ...]:
        """Every text with every other, by `WordDiff.similarity`."""
        return tuple(
            tuple(diff_words(one, other).similarity for other in self.texts) for one in self.texts
        )

    @property
    def others(self) -> tuple[tuple[str, WordDiff], ...]:
        """Name and difference of each text except the baseline."""
        named = tuple(zip(self.names, self.differences, strict=True))
        return named if self.baseline_name == REFERENCE else named[1:]

    @property
    def summary(self) -> str:
        """How similar each is, and where it diverges, in one line."""
        results = "; ".join(f"{name} {difference!r}" for name, difference in self.others)
        return f"Compared with {self.baseline_name}: {results} (computed, by words)"

    def __repr__(self) -> str:
        return self.summary


def compare_texts(
    answers: SideBySide | Sequence[str], *, reference: str | None = None
) -> TextDifferences:
    """What texts share and where they diverge, word by word. It counts words, not meanings.

    Args:
        answers: from `compare`, or at least two texts.
        reference: the answer to compare them with; None: the reference of `compare`, or else the
            first text.
    Raises:
        ValueError: too few texts, or something that is not a text.
    """
    if not isinstance(reference, str | None):
        raise ValueError(f"reference must be a text or None; got {reference!r}")
    side = isinstance(answers, SideBySide)
    names, texts = _answers(answers) if side else _checked(answers)
    reference = answers.reference if side and reference is None else reference
    if len(texts) + (reference is not None) < 2:
        raise ValueError(
            f"answers must be two texts or more, or one and a reference; got {len(texts)}"
        )
    baseline = texts[0] if reference is None else reference
    every_word = reference is not None  # those that are found are those that stand unmarked
    differences = tuple(diff_words(baseline, text, every_word=every_word) for text in texts)
    name = names[0] if reference is None else REFERENCE
    return TextDifferences(names, texts, baseline, name, differences)


_NamedTexts = tuple[tuple[str, ...], tuple[str, ...]]  # names, texts


def _answers(side: SideBySide) -> _NamedTexts:
    """All answers except those that failed before their first word."""
    answers = {
        name: reply.text
        for name, reply in zip(side.names, side.replies, strict=True)
        if reply.text or not reply.error
    }
    return tuple(answers), tuple(answers.values())


def _checked(answers: Sequence[str]) -> _NamedTexts:
    if not isinstance(answers, list | tuple) or not all(isinstance(text, str) for text in answers):
        raise ValueError(f"answers must be texts, or the result of compare; got {answers!r}")
    return tuple(f"text {number}" for number in range(1, len(answers) + 1)), tuple(answers)
