"""A position in a text, moved token by token, forwards and back, whatever computes the scores."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from labkit.backends.local.detokenizer import Detokenizer
from labkit.backends.local.processors import draw_from_scores, scores_by_stage
from labkit.backends.settings import Settings
from labkit.checks import check_whole


class TextPosition(ABC):
    """A text, and the model's scores for the token after it.

    Attributes:
        prompt_ids: the prompt's tokens, with which every text begins.
        ids: the tokens so far, including the prompt's.
        scores: (vocab,) float32, the model's scores for the next token.
        tokens_read: total number of tokens that the model has read.
    """

    def __init__(self, model: Any, prompt_ids: Sequence[int]):
        self._model = model
        self.ids: tuple[int, ...] = ()
        self.scores = np.zeros(0, np.float32)
        self.tokens_read = 0
        self.prompt_ids = tuple(prompt_ids)
        self.go_to(self.prompt_ids)

    @abstractmethod
    def go_to(self, ids: Sequence[int]) -> None:
        """Moves to any text that begins with the prompt.

        Raises:
            ValueError: ids do not begin with the prompt, or do not fit the vocabulary or context.
        """

    def take(self, token_id: int) -> None:
        """Appends a token."""
        self.go_to((*self.ids, token_id))

    def back(self, tokens: int = 1) -> None:
        """Removes the last tokens, down to the prompt.

        Raises:
            ValueError: tokens is no whole number, or more than were taken.
        """
        tokens = int(tokens) if isinstance(tokens, np.integer) else tokens
        check_whole("tokens", tokens)
        taken = len(self.ids) - len(self.prompt_ids)
        if tokens > taken:
            raise ValueError(f"tokens must be 1 to {taken}, as many as were taken; got {tokens!r}")
        self.go_to(self.ids[:-tokens])

    def _check(self, ids: tuple[int, ...], vocabulary: int) -> None:
        if ids[: len(self.prompt_ids)] != self.prompt_ids:
            raise ValueError("ids must begin with the prompt's tokens")
        if len(ids) > self._model.context:
            raise ValueError(
                f"ids must fit the context of {self._model.context:,} tokens; got {len(ids):,}"
            )
        for each in ids:
            if not isinstance(each, int | np.integer) or not 0 <= each < vocabulary:
                raise ValueError(f"ids must be tokens, 0 to {vocabulary - 1:,}; got {each!r}")

    def draw(self, settings: Settings) -> int:
        """Draws a token with these settings, without appending it."""
        settings = settings.seeded()
        *_, last = scores_by_stage(self.scores, self.ids, settings).values()
        return int(draw_from_scores(last, 1, settings.seed or 0)[0])

    @property
    def text(self) -> str:
        """The text after the prompt."""
        new = self.ids[len(self.prompt_ids) :]
        whole = Detokenizer(self._model.tokenizer, self.prompt_ids)
        return "".join(
            whole.push(token, last=number == len(new)) for number, token in enumerate(new, 1)
        )

    def text_of(self, token_id: int) -> str:
        """Text of a single token."""
        return self._model.text_of(token_id)

    def encode(self, text: str) -> list[int]:
        """The tokens of a text to append."""
        return self._model.tokenizer(text, add_special_tokens=False)["input_ids"]

    def most_characters(self, tokens: int) -> int:
        """The most characters that a number of tokens can spell."""
        return self._model.most_characters(tokens)
