"""A position in a text, moved token by token, without recomputing the cache."""

from collections.abc import Sequence
from itertools import takewhile

import torch
from transformers import DynamicCache

from labkit.backends.local.decoding.forward import prefill
from labkit.backends.local.kv_cache import can_crop
from labkit.backends.local.model import LocalModel
from labkit.backends.local.out_of_memory import frees_memory

from .text_position import TextPosition


class Cursor(TextPosition):
    """A text, and the scores of a model in this process for the token after it.

    A move to any other text keeps the cache of the tokens that both begin with, and reads only the
    rest. The last token is always read: the scores come from it. Layers with a sliding window
    forget what is outside it, so once a text is longer than the window, going back reads it again;
    so it always does with layers that keep a state of constant size.
    """

    def __init__(self, model: LocalModel, prompt_ids: Sequence[int]):
        self._cache: DynamicCache | None = None
        super().__init__(model, prompt_ids)

    @frees_memory
    @torch.inference_mode()
    def go_to(self, ids: Sequence[int]) -> None:
        """See `TextPosition`."""
        ids = tuple(ids)
        if ids == self.ids:
            return
        self._check(ids, self._model.model.config.get_text_config().vocab_size)
        cache, shared = self._crop(ids)
        cache, scores = prefill(self._model.model, ids[shared:], cache)
        self._cache, self.ids, self.scores = cache, ids, scores[0].cpu().numpy()
        self.tokens_read += len(ids) - shared

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
