"""Which tokens may come next so that an answer keeps to a constraint."""

from collections.abc import Collection
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from labkit.errors import LabError

from .constraint import Constraint

_VOCABULARIES: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()  # tokenizer: llguidance's of it


class TokenMask:
    """Follows an answer token by token.

    Args:
        tokenizer: transformers' own.
        vocabulary: number of the model's scores.
        end_ids: tokens that end an answer.
        constraint: what the answer may look like.
    """

    def __init__(
        self, tokenizer: Any, vocabulary: int, end_ids: Collection[int], constraint: Constraint
    ):
        from llguidance import LLMatcher

        known = _vocabulary(tokenizer, vocabulary, end_ids)  # a tokenizer may have more tokens
        self._constraint, self._size = constraint, vocabulary
        self._matcher = LLMatcher(known, constraint.program, log_level=0)
        self._check()

    def allowed(self) -> np.ndarray:
        """(vocab,) bool: the tokens that may come next.

        Raises:
            LabError: the constraint has become too complex to follow.
        """
        bits = np.frombuffer(self._matcher.compute_bitmask(), np.uint8)
        self._check()
        return np.unpackbits(bits, count=self._size, bitorder="little").astype(bool)

    def take(self, token_id: int) -> None:
        """Goes on by a token that was allowed."""
        self._matcher.consume_token(token_id)
        self._check()

    def _check(self) -> None:
        if self._matcher.is_error():
            reason = self._matcher.get_error().splitlines()[0]
            raise LabError(
                f"The {self._constraint.kind} cannot be followed: {reason}.",
                "Make it simpler: repetitions within repetitions multiply.",
            )


def _vocabulary(tokenizer: Any, size: int, end_ids: Collection[int]) -> Any:
    """The tokens as llguidance holds them, made once for each tokenizer."""
    if tokenizer not in _VOCABULARIES:
        from llguidance import LLTokenizer

        inner = tokenizer.backend_tokenizer.to_str()
        count = max(size, 1 + max(tokenizer.get_vocab().values()))
        _VOCABULARIES[tokenizer] = LLTokenizer(inner, n_vocab=count, eos_token=sorted(end_ids))
    return _VOCABULARIES[tokenizer]
