"""A text chosen token by token, forwards and back: the cache is cropped, not computed again."""

from collections.abc import Sequence
from itertools import takewhile

import torch
from transformers import DynamicCache

from labkit.backends.local.cache import prefill
from labkit.backends.local.detokenizer import Detokenizer
from labkit.backends.local.model import LocalModel
from labkit.backends.local.sampler import Sampler
from labkit.backends.settings import Settings


class Cursor:
    """A text, and what the model thinks may come next.

    Going anywhere, forwards, back or to another branch, keeps the cache of what both texts begin
    with and reads the rest alone. The last token is always read: the scores come from it. Layers
    with a sliding window forget what has left it, so once a text is longer than the window, going
    back reads it anew.

    Attributes:
        prompt_ids: the prompt's tokens, with which every text begins.
        ids: the tokens so far, the prompt's included.
        scores: (vocab,) float32, the model's logits for the next token.
        tokens_read: how many tokens the model has read in all: what walking has cost.

    Args:
        model: from ``labkit.load``.
        prompt_ids: the prompt's tokens, from its `encode`.
    """

    def __init__(self, model: LocalModel, prompt_ids: Sequence[int]):
        self._model = model
        self._cache: DynamicCache | None = None
        self.ids: tuple[int, ...] = ()
        self.tokens_read = 0
        self.prompt_ids = tuple(prompt_ids)
        self.go(self.prompt_ids)

    def take(self, token_id: int) -> None:
        """One token further."""
        self.go((*self.ids, token_id))

    def back(self, tokens: int = 1) -> None:
        """So many tokens back, as far as the prompt.

        Raises:
            ValueError: if fewer were taken.
        """
        taken = len(self.ids) - len(self.prompt_ids)
        if not 1 <= tokens <= taken:
            raise ValueError(f"tokens must be 1 to {taken}, as many as were taken; got {tokens!r}")
        self.go(self.ids[:-tokens])

    @torch.inference_mode()
    def go(self, ids: Sequence[int]) -> None:
        """To any text that begins with the prompt.

        Raises:
            ValueError: if it does not, a token is none of the vocabulary, or the context is full.
        """
        ids = tuple(ids)
        if ids == self.ids:
            return
        self._check(ids)
        cache, kept = self._crop(ids)
        cache, scores = prefill(self._model.model, ids[kept:], cache)
        self._cache, self.ids, self.scores = cache, ids, scores[0].cpu().numpy()
        self.tokens_read += len(ids) - kept

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
        """The cache of what is shared with these tokens, and how many those are.

        The walk is without a cache until the model has read: an interrupted pass leaves half of
        its layers longer than the others.
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
        """A token drawn as these settings say; it is not taken yet."""
        ids, scores = torch.tensor([self.ids]), torch.from_numpy(self.scores)[None]
        tokens, _ = Sampler([settings.seeded()], 1).choose(ids, scores)
        return int(tokens)

    @property
    def text(self) -> str:
        """What was written after the prompt."""
        new = self.ids[len(self.prompt_ids) :]
        whole = Detokenizer(self._model.tokenizer, self.prompt_ids)
        return "".join(
            whole.push(token, last=place == len(new)) for place, token in enumerate(new, 1)
        )

    def text_of(self, token_id: int) -> str:
        """What a token stands for by itself."""
        return self._model.text_of(token_id)

    def encode(self, text: str) -> list[int]:
        """The tokens of a text that goes on from here."""
        return self._model.tokenizer(text, add_special_tokens=False)["input_ids"]

    def most_characters(self, tokens: int) -> int:
        """How many characters so many tokens can spell at most."""
        return self._model.most_characters(tokens)


def can_crop(cache: DynamicCache, more: int = 0) -> bool:
    """Whether tokens can be taken back: a layer with a sliding window keeps the last ones alone.

    Args:
        cache: of a text.
        more: so many tokens are to be read, and taken back, after it.
    """
    sliding = (layer for layer in cache.layers if layer.is_sliding)
    within = all(layer.get_seq_length() + more < layer.sliding_window for layer in sliding)
    return cache.is_croppable and within
