"""One forward pass: the score of every token of the vocabulary as the next."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from labkit.backends.capabilities import HasScores
from labkit.backends.prompts import Messages
from labkit.errors import LabError
from labkit.lab_book.entry import BookEntry


def entropy_bits(probabilities) -> float:
    """How undecided the model is, in bits.

    Args:
        probabilities: (vocab,) float, sums to 1.
    Returns:
        Entropy in bits: 0 when one token is certain, log2(vocab) when all are equally likely.
    Raises:
        ValueError: the probabilities do not sum to 1.
    Source: Shannon 1948, section 6.

    >>> entropy_bits([0.5, 0.5])
    1.0
    """
    probabilities = np.asarray(probabilities)
    total = float(probabilities.sum(dtype=np.float64))
    if not math.isclose(total, 1, abs_tol=1e-3):
        raise ValueError(f"probabilities must sum to 1; got a sum of {total:.4g}")
    above = probabilities[probabilities > 0]
    return float(-(above * np.log2(above)).sum(dtype=np.float64)) + 0.0


def softmax(scores: np.ndarray) -> np.ndarray:
    """Probabilities of scores, both (vocab,) float32; a score of -inf becomes 0."""
    weights = np.exp(scores - scores.max())
    return weights / weights.sum()


@dataclass(frozen=True, repr=False, eq=False)
class Prediction:
    """What a model expects next: a score for every token of its vocabulary.

    Attributes:
        model: name of the model.
        prompt: prompt that it read.
        ids: token ids of the prompt.
        scores: (vocab,) float32, read-only; logits of one forward pass (measured).
        elapsed_s: seconds of the pass.
        text_of: function from token id to text.
    """

    model: str
    prompt: str | Messages
    ids: tuple[int, ...]
    scores: np.ndarray
    elapsed_s: float
    text_of: Callable[[int], str]

    @cached_property
    def probabilities(self) -> np.ndarray:
        """(vocab,) float32: the model's own probabilities."""
        return softmax(self.scores)

    @cached_property
    def entropy_bits(self) -> float:
        """How undecided the model is, in bits."""
        return entropy_bits(self.probabilities)

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """The probability of the leading token, and how undecided the model is."""
        best = 100 * float(self.probabilities.max())
        return (
            BookEntry("top_probability", "the leading token", best, "%", model=self.model),
            BookEntry("entropy_bits", "undecided by", self.entropy_bits, "bits", model=self.model),
        )

    @property
    def summary(self) -> str:
        """The leading token and the entropy, in a line."""
        return "; ".join(self._lines)

    @property
    def _lines(self) -> tuple[str, str]:
        best = int(self.scores.argmax())
        return (
            f"{self.model}: {len(self.scores):,} scores in one pass of {self.elapsed_s:.2f} s",
            f"the likeliest is {self.text_of(best)!r} with {self.probabilities[best]:.1%}, "
            f"entropy {self.entropy_bits:.2f} bits (measured)",
        )

    def __repr__(self) -> str:
        return "\n".join(self._lines)


def predict(model, prompt: str | Messages, *, raw: bool = False) -> Prediction:
    """One forward pass, with the score of every token of the vocabulary.

    Args:
        model: from ``labkit.load``.
        prompt: a text or chat messages, as for ``labkit.stream``.
        raw: whether to continue the text without the chat template.
    Raises:
        ValueError: the prompt is empty, or longer than the context.
        LabError: the model does not give its scores.
    """
    require_scores(model, "predict")
    began = time.perf_counter()
    ids, scores = model.scores(prompt, raw=raw)
    elapsed_s = time.perf_counter() - began
    scores.setflags(write=False)
    return Prediction(model.name, prompt, tuple(ids), scores, elapsed_s, model.text_of)


def require_scores(model, verb: str) -> None:
    """Raises a LabError unless the model runs in this process and gives all its scores."""
    if not isinstance(model, HasScores):
        raise LabError(
            f"{verb} needs every score of the vocabulary; {getattr(model, 'name', model)!r} does "
            "not give them.",
            'A model that runs in this process does: lab.load("smollm2-135m").',
        )
