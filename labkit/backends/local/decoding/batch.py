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

from labkit.backends.local.cache import next_scores
from labkit.backends.local.sampler import SampledToken, Sampler
from labkit.backends.settings import Settings


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
        self._chooser = Sampler(rows, leading)
        self._unread: torch.Tensor | None = None
        self.running = list(range(len(rows)))

    def advance(self) -> Iterator[tuple[int, SampledToken]]:
        """The next token of each running row: (row, choice) pairs."""
        scores = self._next
        if self._unread is not None:
            scores = next_scores(self._model, self._unread, self._cache)
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
