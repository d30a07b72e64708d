"""The KV cache, which grows in place."""

from typing import cast

import torch
from transformers import DynamicCache
from transformers.cache_utils import (
    DynamicLayer,
    DynamicSlidingWindowLayer,
    LinearAttentionCacheLayerMixin,
)

from labkit.models.memory_plan import BYTES_PER_WEIGHT, cache_bytes, config_fields

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


def select_rows(cache: DynamicCache, rows: torch.Tensor) -> None:
    """Makes these rows of a cache all of its rows, in this order; a row may be there repeatedly.

    By the one operation that layers with a state of constant size have too: that of beam search.
    """
    cache.reorder_cache(cast(torch.LongTensor, rows))


def can_crop(cache: DynamicCache, more: int = 0) -> bool:
    """Whether tokens can be removed, n more read first.

    A sliding window keeps only the last, and a state of constant size is not rolled back.
    """
    if not cache.is_croppable or _stateful_layers(cache):
        return False
    windowed = [each for each in cache.layers if isinstance(each, DynamicSlidingWindowLayer)]
    return all(layer.get_seq_length() + more < layer.sliding_window for layer in windowed)


def kv_tensors(cache: DynamicCache) -> list[torch.Tensor]:
    """The keys and values of all layers that have some."""
    found = [getattr(layer, name, None) for layer in cache.layers for name in ("keys", "values")]
    return [each for each in found if each is not None]


def state_bytes(cache: DynamicCache) -> int:
    """Size of the states that do not grow with the text."""
    states = [
        state
        for layer in _stateful_layers(cache)
        for state in (*layer.conv_states.values(), *layer.recurrent_states.values())
    ]
    return sum(state.nbytes for state in states if state is not None)


def _stateful_layers(cache: DynamicCache) -> list[LinearAttentionCacheLayerMixin]:
    """The layers that keep a state of constant size, of linear attention or a convolution."""
    return [each for each in cache.layers if isinstance(each, LinearAttentionCacheLayerMixin)]


def rows_that_fit(config, tokens: int, dtype: str, free_bytes: int) -> int:
    """The most rows of this length, prompt included, for a batch in half of the free memory."""
    fields = config_fields(config)
    # Copies while a token is chosen.
    scores = 8 * fields["vocab_size"] * BYTES_PER_WEIGHT["float32"]
    # The cache twice, while rows drop out.
    row_bytes = 2 * cache_bytes(fields, tokens + ROOM, dtype) + scores
    return max(1, free_bytes // 2 // row_bytes)
