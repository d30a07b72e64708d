"""Several answers against one another, or against the answer that was hoped for."""

from collections.abc import Sequence
from dataclasses import dataclass

from labkit.topics.comparison.side_by_side.side_by_side import SideBySide

from .word_diff import WordDiff, diff_words

REFERENCE = "the reference"


@dataclass(frozen=True, slots=True, repr=False)
class TextDifferences:
    """Several texts, each held against the first, or against a reference answer (computed).

    Attributes:
        names: of the texts.
        texts: the answers.
        against: the text that they are held against.
        against_name: what it is called.
        differences: one for each text; the first's with itself where there is no reference.
    """

    names: tuple[str, ...]
    texts: tuple[str, ...]
    against: str
    against_name: str
    differences: tuple[WordDiff, ...]

    @property
    def similarities(self) -> tuple[tuple[float, ...], ...]:
        """Every text with every other, by `WordDiff.similarity`."""
        return tuple(
            tuple(diff_words(one, other).similarity for other in self.texts)
            for one in self.texts
        )

    @property
    def others(self) -> tuple[tuple[str, WordDiff], ...]:
        """Name and difference of each text, save the one that they are held against."""
        told = tuple(zip(self.names, self.differences, strict=True))
        return told if self.against_name == REFERENCE else told[1:]

    @property
    def summary(self) -> str:
        """How alike each is, and where they part, in a line."""
        told = "; ".join(f"{name} {difference!r}" for name, difference in self.others)
        return f"Against {self.against_name}: {told} (computed, by words)"

    def __repr__(self) -> str:
        return self.summary


def compare_texts(
    answers: SideBySide | Sequence[str], *, reference: str | None = None
) -> TextDifferences:
    """What texts share and where they part, word by word. It counts words and knows no meaning.

    Args:
        answers: from `compare`, or two texts and more.
        reference: hold them against this answer; None: against that of `compare`, or else against
            the first text.
    Raises:
        ValueError: too few texts, or what is no text.
    """
    side = isinstance(answers, SideBySide)
    names, texts = _written(answers) if side else _checked(answers)
    reference = answers.reference if side and reference is None else reference
    if len(texts) + (reference is not None) < 2:
        raise ValueError(
            f"answers must be two texts or more, or one and a reference; got {len(texts)}"
        )
    against = texts[0] if reference is None else reference
    differences = tuple(diff_words(against, text) for text in texts)
    name = names[0] if reference is None else REFERENCE
    return TextDifferences(names, texts, against, name, differences)


_Named = tuple[tuple[str, ...], tuple[str, ...]]  # names, texts


def _written(side: SideBySide) -> _Named:
    """Of those that failed before their first word there is nothing to compare."""
    kept = [
        (name, reply.text)
        for name, reply in zip(side.names, side.replies, strict=True)
        if reply.text or not reply.error
    ]
    return tuple(name for name, _ in kept), tuple(text for _, text in kept)


def _checked(answers: Sequence[str]) -> _Named:
    good = isinstance(answers, list | tuple) and all(isinstance(text, str) for text in answers)
    if not good:
        raise ValueError(f"answers must be texts, or the result of compare; got {answers!r}")
    return tuple(f"text {number}" for number in range(1, len(answers) + 1)), tuple(answers)
