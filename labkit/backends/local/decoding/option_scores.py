"""How likely a model finds given continuations of many prompts, all in padded batches.

What all prompts begin with is read once. The rest of each is a row, padded on the right: a causal
model never looks there, so nothing needs a mask, whatever its layers are.
"""

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

import torch
from transformers import DynamicCache

from labkit.backends.local.device import synchronize
from labkit.backends.local.kv_cache import growing_cache, select_rows
from labkit.backends.local.out_of_memory import frees_memory
from labkit.models.architecture import cache_argument

from .forward import prefill

ROWS = 16  # of a batch: more read no faster on a CPU
WORTH_READING_ONCE = 8  # tokens: below that, a copy of the cache costs more than it saves

Ids = Sequence[int]


def shared_length(sequences: Sequence[Ids]) -> int:
    """How many tokens all sequences begin with, at least one less than the shortest has.

    >>> shared_length([[1, 2, 3], [1, 2, 4, 5]]), shared_length([[1, 2], [1, 2]])
    (2, 1)
    """
    columns = zip(*(each[:-1] for each in sequences), strict=False)
    return sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))


class SharedPrefix:
    """The tokens that all rows begin with, read once, and repeated for each batch.

    Args:
        model: a model of transformers.
        sequences: all that will be read.

    Attributes:
        length: number of tokens read once; 0 where it is not worth it, or the model cannot
            continue a state by several tokens.
    """

    @torch.inference_mode()
    def __init__(self, model, sequences: Sequence[Ids]):
        self._model = model
        self._cache: DynamicCache | None = None
        self.length = self.worth(model, sequences)
        if self.length:
            self._cache, _ = prefill(model, sequences[0][: self.length])

    @staticmethod
    def worth(model, sequences: Sequence[Ids]) -> int:
        """The length that is read once; see `length`."""
        length = shared_length(sequences)
        continues = cache_argument(type(model)) == "past_key_values"
        return length if continues and length >= WORTH_READING_ONCE else 0

    @torch.inference_mode()
    def repeated(self, rows: int) -> DynamicCache:
        """A cache of its own for a batch, with the prefix in every row."""
        if self._cache is None:
            return growing_cache(self._model.config)
        cache = copy.deepcopy(self._cache)
        select_rows(cache, torch.zeros(rows, dtype=torch.long, device=self._model.device))
        return cache


@dataclass(frozen=True, slots=True)
class _Row:
    """A prompt with the beginning of an option behind it, and the options that it scores."""

    item: int
    ids: tuple[int, ...]
    options: dict[int, tuple[int, ...]]
    first: int  # position of the scores for an option's first token


def _rows(item: int, prompt: Ids, options: Sequence[Ids]) -> Iterator[_Row]:
    """The fewest rows that hold all options: what is another one's beginning needs no own row."""
    prompt = tuple(prompt)
    left = {n: (*prompt, *option[:-1]) for n, option in enumerate(options)}
    while left:
        row = max(left.values(), key=len)
        own = [n for n, each in left.items() if row[: len(each)] == each]
        yield _Row(item, row, {n: tuple(options[n]) for n in own}, len(prompt) - 1)
        left = {n: each for n, each in left.items() if n not in own}


@frees_memory
@torch.inference_mode()
def option_logprobs(
    model, prompts: Sequence[Ids], options: Sequence[Sequence[Ids]]
) -> Iterator[tuple[int, dict[int, float]]]:
    """Log-probability of each option after its prompt, as the batches are done.

    Args:
        model: a model of transformers.
        prompts: tokens of each prompt, at least one.
        options: for each prompt, the tokens of its options, each at least one.
    Yields:
        The prompt's number, and sums of natural log-probabilities by the option's number; a
        prompt comes several times where its options need several rows.
    """
    rows = [row for n, prompt in enumerate(prompts) for row in _rows(n, prompt, options[n])]
    rows.sort(key=lambda row: len(row.ids))
    prefix = SharedPrefix(model, prompts)
    for start in range(0, len(rows), ROWS):
        batch = rows[start : start + ROWS]
        for row, scores in zip(batch, _read(model, batch, prefix), strict=True):
            yield row.item, scores


def _read(model, batch: Sequence[_Row], prefix: SharedPrefix) -> list[dict[int, float]]:
    ends = [(row.first, len(ids)) for row in batch for ids in row.options.values()]
    wanted = sorted({first + n for first, count in ends for n in range(count)})
    column = {position: n for n, position in enumerate(wanted)}
    logits = read_padded(model, [row.ids for row in batch], prefix, wanted)
    logprobs = logits.float().log_softmax(-1)
    return [
        {
            option: sum(float(own[column[row.first + n], each]) for n, each in enumerate(ids))
            for option, ids in row.options.items()
        }
        for row, own in zip(batch, logprobs, strict=True)
    ]


def read_padded(
    model,
    sequences: Sequence[Ids],
    prefix: SharedPrefix,
    wanted: Sequence[int],
    cache: DynamicCache | None = None,
) -> torch.Tensor:
    """One pass over rows padded on the right; (rows, wanted, vocab) logits at those positions.

    Args:
        model: a model of transformers.
        sequences: the tokens of each row, the prefix included.
        prefix: what all begin with.
        wanted: positions in the whole sequences, rising, none within the prefix but its last.
        cache: where to keep what is read; None: nowhere.
    """
    rests = [list(each[prefix.length :]) for each in sequences]
    width = max(map(len, rests))
    padded = torch.tensor([rest + [0] * (width - len(rest)) for rest in rests], device=model.device)
    positions = torch.tensor([each - prefix.length for each in wanted], device=model.device)
    cache = prefix.repeated(len(rests)) if cache is None else cache
    logits = model(
        input_ids=padded,
        use_cache=True,
        logits_to_keep=positions,
        **{str(cache_argument(type(model))): cache},
    ).logits
    # Not every architecture leaves out the others.
    return logits if logits.shape[1] == len(wanted) else logits[:, positions]


@torch.inference_mode()
def time_prefill(model, ids: Ids, cache: DynamicCache | None = None) -> float:
    """Seconds to read tokens whole, or after what a cache holds."""
    synchronize(model.device.type)  # a GPU may still be filling the cache
    began = time.perf_counter()
    _, scores = prefill(model, ids, cache)
    float(scores[0, 0])  # waits for a GPU
    return time.perf_counter() - began


def growing_text(model) -> Callable[[Ids], float]:
    """See `labkit.backends.loaded.decoding.growing_text`."""
    cache, known = growing_cache(model.config), 0

    def read(ids: Ids) -> float:
        nonlocal known
        new, known = ids[known:], len(ids)
        return time_prefill(model, new, cache)

    return read
