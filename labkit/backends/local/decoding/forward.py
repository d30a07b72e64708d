"""The forward pass: it reads a prompt once, and then a token for each of n rows; often one row.

With one row, a step takes the time of reading the weights; thirty-two rows read them once too, and
a step takes only a few times as long. Rows differ only in settings and seeds, so all have the
same length at any time, and nothing is padded. A row that ends leaves the batch.

The same seed gives a row the same text in any batch, as far as the scores are the same: matrix
products of other sizes add up in another order, so scores differ in their last digits, and where
two tokens are nearly equal, or a random number falls between two, the texts can differ.
"""

import copy
from collections.abc import Iterator, Sequence

import torch
from transformers import DynamicCache

from labkit.backends.local.kv_cache import growing_cache, select_rows
from labkit.backends.local.sampler import SampledToken, Sampler
from labkit.backends.settings import Settings
from labkit.models.architecture import cache_argument


def prefill(model, ids: Sequence[int], cache: DynamicCache | None = None):
    """One forward pass over tokens that a cache of one row, or a fresh one, does not hold yet.

    Returns:
        The cache, and the scores as (1, vocab) float32.
    """
    # Falcon-Mamba continues its state by a single token only, and says nothing at several.
    at_once = cache is None or cache_argument(type(model)) == "past_key_values"
    steps = [ids] if at_once else [[each] for each in ids]
    cache = growing_cache(model.config) if cache is None else cache
    unread = [torch.tensor([step], device=model.device) for step in steps]
    return cache, [next_scores(model, step, cache) for step in unread][-1]


def prefill_all(model, ids: Sequence[int], cache: DynamicCache) -> torch.Tensor:
    """As `prefill`, with the scores after each of the tokens: (tokens, vocab) float32."""
    unread = torch.tensor([list(ids)], device=model.device)
    return _logits(model, unread, cache)[0].float()


def next_scores(model, unread: torch.Tensor, cache: DynamicCache) -> torch.Tensor:
    """Scores after the last unread token of each row: (rows, vocab) float32."""
    return _logits(model, unread, cache, logits_to_keep=1)[:, -1].float()


def _logits(model, unread: torch.Tensor, cache: DynamicCache, **options) -> torch.Tensor:
    taken = {str(cache_argument(type(model))): cache}
    return model(input_ids=unread, use_cache=True, **taken, **options).logits


class Batch:
    """Rows that continue one prompt.

    Args:
        prefilled: the prompt's cache and scores, from `prefill`; the cache is consumed unless
            `shared`.
        rows: settings of each row, with seeds.
        leading: how many alternatives to report.
        shared: whether other batches continue the same prompt after this one.

    Attributes:
        running: indices of the rows that have not ended.
    """

    def __init__(self, model, prompt_ids, prefilled, rows: Sequence[Settings], leading, *, shared):
        self._model = model
        cache, scores = prefilled
        self._cache = copy.deepcopy(cache) if shared else cache
        if len(rows) > 1:
            select_rows(self._cache, torch.zeros(len(rows), dtype=torch.long, device=model.device))
        self._next = scores.expand(len(rows), -1)
        self._ids = torch.tensor([list(prompt_ids)] * len(rows), device=model.device)
        self._sampler = Sampler(rows, leading)
        self._unread: torch.Tensor | None = None
        self.running = list(range(len(rows)))

    def advance(self) -> Iterator[tuple[int, SampledToken]]:
        """The next token of each running row, as (row, token) pairs."""
        scores = self._next
        if self._unread is not None:
            scores = next_scores(self._model, self._unread, self._cache)
        self._unread, sampled = self._sampler.sample(self._ids, scores)
        self._ids = torch.cat((self._ids, self._unread), dim=1)
        return zip(list(self.running), sampled, strict=True)

    def drop(self, ended: set[int]) -> None:
        """Removes the rows that ended."""
        remaining = [index for index, row in enumerate(self.running) if row not in ended]
        self.running = [self.running[index] for index in remaining]
        if not ended or not remaining:
            return
        indices = torch.tensor(remaining, device=self._ids.device)
        self._ids = self._ids[indices]
        self._unread = self._ids[:, -1:]
        select_rows(self._cache, indices)
        self._sampler.keep(remaining)
