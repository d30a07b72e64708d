"""A position in a text, moved token by token, forwards and back, without recomputing the cache."""

from collections.abc import Sequence
from itertools import takewhile

import torch
from transformers import DynamicCache

from labkit.backends.local.decoding.forward import prefill
from labkit.backends.local.detokenizer import Detokenizer
from labkit.backends.local.kv_cache import can_crop
from labkit.backends.local.model import LocalModel
from labkit.backends.local.out_of_memory import frees_memory
from labkit.backends.local.sampler import Sampler
from labkit.backends.settings import Settings


class Cursor:
    """A text, and the model's scores for the token after it.

    A move to any other text keeps the cache of the tokens that both begin with, and reads only the
    rest. The last token is always read: the scores come from it. Layers with a sliding window
    forget what is outside it, so once a text is longer than the window, going back reads it again;
    so it always does with layers that keep a state of constant size.

    Attributes:
        prompt_ids: the prompt's tokens, with which every text begins.
        ids: the tokens so far, including the prompt's.
        scores: (vocab,) float32, the model's logits for the next token.
        tokens_read: total number of tokens that the model has read.
    """

    def __init__(self, model: LocalModel, prompt_ids: Sequence[int]):
        self._model = model
        self._cache: DynamicCache | None = None
        self.ids: tuple[int, ...] = ()
        self.tokens_read = 0
        self.prompt_ids = tuple(prompt_ids)
        self.go_to(self.prompt_ids)

    def take(self, token_id: int) -> None:
        """Appends a token."""
        self.go_to((*self.ids, token_id))

    def back(self, tokens: int = 1) -> None:
        """Removes the last tokens, down to the prompt.

        Raises:
            ValueError: tokens is more than were taken.
        """
        taken = len(self.ids) - len(self.prompt_ids)
        if not 1 <= tokens <= taken:
            raise ValueError(f"tokens must be 1 to {taken}, as many as were taken; got {tokens!r}")
        self.go_to(self.ids[:-tokens])

    @frees_memory
    @torch.inference_mode()
    def go_to(self, ids: Sequence[int]) -> None:
        """Moves to any text that begins with the prompt.

        Raises:
            ValueError: ids do not begin with the prompt, or do not fit the vocabulary or context.
        """
        ids = tuple(ids)
        if ids == self.ids:
            return
        self._check(ids)
        cache, shared = self._crop(ids)
        cache, scores = prefill(self._model.model, ids[shared:], cache)
        self._cache, self.ids, self.scores = cache, ids, scores[0].cpu().numpy()
        self.tokens_read += len(ids) - shared

    def _check(self, ids: tuple[int, ...]) -> None:
        if ids[: len(self.prompt_ids)] != self.prompt_ids:
            raise ValueError("ids must begin with the prompt's tokens")
        if len(ids) > self._model.context:
            raise ValueError(
                f"ids must fit the context of {self._model.context:,} tokens; got {len(ids):,}"
            )
        vocabulary = self._model.model.config.get_text_config().vocab_size
        if not all(0 <= token_id < vocabulary for token_id in ids):
            raise ValueError(f"ids must be tokens, 0 to {vocabulary - 1:,}; got {max(ids):,}")

    def _crop(self, ids: tuple[int, ...]) -> tuple[DynamicCache | None, int]:
        """The cache of the tokens shared with these ids, and how many they are.

        The cursor holds no cache until the model has read the rest: an interrupted pass leaves
        some layers of it longer than the others.
        """
        cache, self._cache = self._cache, None
        pairs = zip(self.ids, ids[:-1], strict=False)
        shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        surplus = len(self.ids) - shared
        if cache is None or not shared or (surplus and not can_crop(cache)):
            return None, 0
        if surplus:
            cache.crop(-surplus)
        return cache, shared

    def draw(self, settings: Settings) -> int:
        """Draws a token with these settings, without appending it."""
        ids, scores = torch.tensor([self.ids]), torch.from_numpy(self.scores)[None]
        tokens, _ = Sampler([settings.seeded()], 1).sample(ids, scores)
        return int(tokens)

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
