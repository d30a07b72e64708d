"""Guess the next merge: four of the pairs that the corpus has now, and their counts afterwards."""

from collections.abc import Callable

import ipywidgets as widgets

from labkit.formatting import number_of
from labkit.topics.tokens.tokenization import show_bytes
from labkit.ui import html
from labkit.ui.panel import button, row
from labkit.ui.visible_text import mark

from .bpe_training import BpeTraining, PairCount

CHOICES = 4


class MergeGame:
    """Buttons for the most frequent pairs, in no telling order; a guess moves on by one merge.

    Args:
        advance: called after a guess, to make the merge.

    Attributes:
        widget: question, buttons and verdict.
        buttons: the pairs.
        right, guesses: number of right guesses, and of all; a pair that is as frequent as the
            one that is joined is right too.
    """

    def __init__(self, advance: Callable[[], None]):
        self._advance, self._pairs = advance, ()
        self.buttons = [
            button("", lambda number=number: self._guess(number), layout={"width": "auto"})
            for number in range(CHOICES)
        ]
        self._verdict = widgets.HTML()
        self.restart()
        question = widgets.HTML("Which pair is joined next?")
        self._choices = row(question, *self.buttons)
        self.widget = widgets.VBox([self._choices, self._verdict])

    def restart(self) -> None:
        """Forgets all guesses, which were of another corpus."""
        self.right = self.guesses = 0
        self._verdict.value = ""

    def show(self, training: BpeTraining, merges: int) -> None:
        """Offers the pairs that the corpus has after a number of merges."""
        found = training.pair_counts(merges, CHOICES)
        self._joined = found[0] if found else None
        # By their text, so that the place of a pair says nothing of its count.
        self._pairs = tuple(sorted(found, key=lambda each: each.left + each.right))
        self._choices.layout.display = None if found else "none"
        for number, each in enumerate(self.buttons):
            has_pair = number < len(self._pairs)
            each.layout.display = None if has_pair else "none"
            each.description = _spelt(self._pairs[number]) if has_pair else ""

    def _guess(self, number: int) -> None:
        if number >= len(self._pairs):
            return
        guessed = self._pairs[number]
        is_right = guessed.count == self._joined.count
        verdict = "Right" if is_right else "No"
        if is_right and guessed != self._joined:
            verdict = f"Equally frequent; the trainer took {_spelt(self._joined)}"
        self.guesses += 1
        self.right += is_right
        counts = sorted(self._pairs, key=lambda each: -each.count)
        listed = ", ".join(f"{_spelt(each)} {number_of(each.count, 'time')}" for each in counts)
        score = f"{self.right} of {self.guesses} guessed"
        self._verdict.value = html.note(
            f"{verdict}: {listed}. {score}.", "good" if is_right else "plain"
        )
        self._advance()


def _spelt(pair: PairCount) -> str:
    left, right = ("".join(map(mark, show_bytes(each))) for each in (pair.left, pair.right))
    return f"{left} + {right}"
