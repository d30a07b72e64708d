"""Many rows from one prompt: it is read once, and one forward pass serves all rows that go on.

With one row, a step's time is that of reading the weights; thirty-two rows read them once too, and
a step takes only a few times as long. Rows differ in settings and seeds alone, so all have the
same length at any time, and nothing is padded. A row that ends leaves the batch.

The same seed gives a row the same text in any batch, as far as the scores are the same: matrix
products of other sizes add up in another order, so scores differ in their last digits, and where
two tokens are as good as equal, or a drawn number falls on the border of two, rows can part.
"""

import copy
from collections.abc import Iterator, Sequence

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from ..models.needs import BYTES_PER_WEIGHT, cache_bytes
from .base import Settings
from .chain import Choice, Chooser

ROOM = 64  # tokens by which a cache grows at once


class GrowingLayer(DynamicLayer):
    """A layer's cache with room to grow in: a step writes its token, and copies no other."""

    _room = None

    def update(self, key_states, value_states, *args, **kwargs):
        """As transformers' own: (rows, heads, new, width) in; all so far out."""
        start = self.get_seq_length()
        end = start + key_states.shape[-2]
        self.keys = self._append(0, start, end, key_states)
        self.values = self._append(1, start, end, value_states)
        self.is_initialized = True
        return self.keys, self.values

    def _append(self, which: int, start: int, end: int, new: torch.Tensor) -> torch.Tensor:
        if self._room is None:
            self._room = [None, None]
            self.dtype, self.device = new.dtype, new.device
        room = self._room[which]
        if room is None or room.shape[-2] < end or room.shape[0] != new.shape[0]:
            rows, heads, _, width = new.shape
            room = new.new_empty(rows, heads, end + ROOM, width)
            if start:
                room[:, :, :start] = (self.keys, self.values)[which]
            self._room[which] = room
        room[:, :, start:end] = new
        return room[:, :, :end]

    def batch_repeat_interleave(self, repeats: int) -> None:
        """Each row so many times."""
        super().batch_repeat_interleave(repeats)
        self._room = None

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """These rows alone."""
        super().batch_select_indices(indices)
        self._room = None

    def reset(self) -> None:
        """Forgets all."""
        super().reset()
        self._room = None


def growing_cache(config) -> DynamicCache:
    """A model's cache; layers that keep all tokens grow in place."""
    cache = DynamicCache(config=config)
    plain = [type(layer) is DynamicLayer for layer in cache.layers]
    cache.layers = [
        GrowingLayer() if is_plain else layer
        for layer, is_plain in zip(cache.layers, plain, strict=True)
    ]
    return cache


def read(model, ids: Sequence[int], cache: DynamicCache | None = None):
    """One forward pass over tokens: extends the cache, and gives the scores after the last.

    Args:
        model: transformers' model.
        ids: tokens that the cache does not hold yet.
        cache: of one row; None for a fresh one.
    Returns:
        The cache, and scores as (1, vocab) float32.
    """
    cache = growing_cache(model.config) if cache is None else cache
    return cache, _scores(model, torch.tensor([ids], device=model.device), cache)


def read_all(model, ids: Sequence[int], cache: DynamicCache) -> torch.Tensor:
    """As `read`, with the scores after each of the tokens: (tokens, vocab) float32."""
    unread = torch.tensor([list(ids)], device=model.device)
    return model(input_ids=unread, past_key_values=cache, use_cache=True).logits[0].float()


def _scores(model, unread: torch.Tensor, cache: DynamicCache) -> torch.Tensor:
    out = model(input_ids=unread, past_key_values=cache, use_cache=True, logits_to_keep=1)
    return out.logits[:, -1].float()


def rows_that_fit(config, tokens: int, dtype: str, free_bytes: int) -> int:
    """How many rows of that length one batch may have: half of the free memory is left alone.

    Args:
        config: transformers' configuration of the model.
        tokens: length of a row, the prompt included.
        dtype: of the cache, a name of `BYTES_PER_WEIGHT`.
        free_bytes: memory that is free.
    """
    text = config.get_text_config().to_dict()
    scores = 8 * text["vocab_size"] * BYTES_PER_WEIGHT["float32"]  # copies while a token is chosen
    a_row = 2 * cache_bytes(text, tokens + ROOM, dtype) + scores  # twice, while rows leave
    return max(1, free_bytes // 2 // a_row)


class Batch:
    """Rows that go on from one prompt.

    Args:
        model: transformers' model.
        prompt_ids: the prompt.
        prompt: its cache and its scores, from `read`; the cache is used up unless `shared`.
        rows: settings of each row, with seeds.
        leading: how many alternatives to report.
        shared: other batches go on from the same prompt after this one.

    Attributes:
        running: numbers of the rows that go on.
    """

    def __init__(self, model, prompt_ids, prompt, rows: Sequence[Settings], leading, *, shared):
        self._model = model
        cache, scores = prompt
        self._cache = copy.deepcopy(cache) if shared else cache
        if len(rows) > 1:
            self._cache.batch_repeat_interleave(len(rows))
        self._next = scores.expand(len(rows), -1)
        self._ids = torch.tensor([list(prompt_ids)] * len(rows), device=model.device)
        self._chooser = Chooser(rows, leading)
        self._unread: torch.Tensor | None = None
        self.running = list(range(len(rows)))

    def advance(self) -> Iterator[tuple[int, Choice]]:
        """The next token of each running row: (row, choice) pairs."""
        scores = self._next
        if self._unread is not None:
            scores = _scores(self._model, self._unread, self._cache)
        self._unread, choices = self._chooser.choose(self._ids, scores)
        self._ids = torch.cat((self._ids, self._unread), dim=1)
        return zip(list(self.running), choices, strict=True)

    def drop(self, ended: set[int]) -> None:
        """Goes on without these rows."""
        kept = [place for place, row in enumerate(self.running) if row not in ended]
        self.running = [self.running[place] for place in kept]
        if not ended or not kept:
            return
        places = torch.tensor(kept, device=self._ids.device)
        self._ids, self._unread = self._ids[places], self._unread[places]
        self._cache.batch_select_indices(places)
        self._chooser.keep(kept)
