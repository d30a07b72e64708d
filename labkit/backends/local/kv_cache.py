"""The KV cache, which grows in place, and `prefill`, which reads a prompt into it."""

from collections.abc import Sequence

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from labkit.models.memory_plan import BYTES_PER_WEIGHT, cache_bytes

ROOM = 64  # tokens of spare capacity whenever a cache grows


class GrowingLayer(DynamicLayer):
    """A layer's cache with spare capacity: a step writes its own token and copies no other."""

    def __init__(self):
        super().__init__()
        self._rooms: dict[str, torch.Tensor] = {}

    def update(self, key_states, value_states, *args, **kwargs):
        """As in transformers: takes (rows, heads, new, width), returns all tokens so far."""
        if not self.is_initialized:
            self.dtype, self.device, self.is_initialized = key_states.dtype, key_states.device, True
        self.keys = self._append("keys", self.keys, key_states)
        self.values = self._append("values", self.values, value_states)
        return self.keys, self.values

    def _append(self, name: str, old: torch.Tensor | None, new: torch.Tensor) -> torch.Tensor:
        start = 0 if old is None else old.shape[-2]
        end, room = start + new.shape[-2], self._rooms.get(name)
        # Rows that were repeated or selected lie elsewhere, not at the beginning of the room.
        is_within = room is not None and old is not None and room.data_ptr() == old.data_ptr()
        if room is None or not is_within or room.shape[-2] < end:
            rows, heads, _, width = new.shape
            room = self._rooms[name] = new.new_empty(rows, heads, end + ROOM, width)
            if old is not None:
                room[:, :, :start] = old
        room[:, :, start:end] = new
        return room[:, :, :end]


def growing_cache(config) -> DynamicCache:
    """A model's cache; its layers without a sliding window grow in place."""
    cache = DynamicCache(config=config)
    cache.layers = [
        GrowingLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers
    ]
    return cache


def prefill(model, ids: Sequence[int], cache: DynamicCache | None = None):
    """One forward pass over tokens that a cache of one row, or a fresh one, does not hold yet.

    Returns:
        The cache, and the scores as (1, vocab) float32.
    """
    cache = growing_cache(model.config) if cache is None else cache
    return cache, next_scores(model, torch.tensor([ids], device=model.device), cache)


def prefill_all(model, ids: Sequence[int], cache: DynamicCache) -> torch.Tensor:
    """As `prefill`, with the scores after each of the tokens: (tokens, vocab) float32."""
    unread = torch.tensor([list(ids)], device=model.device)
    return model(input_ids=unread, past_key_values=cache, use_cache=True).logits[0].float()


def next_scores(model, unread: torch.Tensor, cache: DynamicCache) -> torch.Tensor:
    """Scores after the last unread token of each row: (rows, vocab) float32."""
    out = model(input_ids=unread, past_key_values=cache, use_cache=True, logits_to_keep=1)
    return out.logits[:, -1].float()


def rows_that_fit(config, tokens: int, dtype: str, free_bytes: int) -> int:
    """The most rows of this length, prompt included, for a batch in half of the free memory."""
    text = config.get_text_config().to_dict()
    scores = 8 * text["vocab_size"] * BYTES_PER_WEIGHT["float32"]  # copies while a token is chosen
    row_bytes = 2 * cache_bytes(text, tokens + ROOM, dtype) + scores  # twice, while rows drop out
    return max(1, free_bytes // 2 // row_bytes)
