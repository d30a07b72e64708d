"""Answers to many prompts at once, each as long as it needs.

The prompts of a batch differ in length. They are padded on the right, and the padding is masked
while the answers are written. Layers that keep a state of constant size, or only a window, cannot
be masked that way: with them a batch holds prompts of one length.
"""

import inspect
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

import torch
from transformers import DynamicCache

from labkit.backends.constraints.token_mask import TokenMask
from labkit.backends.local.kv_cache import GrowingLayer, growing_cache, select_rows
from labkit.backends.local.out_of_memory import frees_memory
from labkit.models.architecture import cache_argument

from .option_scores import Ids, SharedPrefix, read_padded

# Each step reads all weights, for however many rows; above 48 a CPU has nothing left to gain.
LEAST_ROWS, MOST_ROWS = 16, 48
TOKENS = 16_000  # of a batch, whose cache is 0.7 GB then in the small model


@frees_memory
@torch.inference_mode()
def padded_answers(
    model,
    prompts: Sequence[Ids],
    *,
    max_tokens: int,
    end_ids: frozenset[int],
    is_complete: Callable[[list[int]], bool] = lambda ids: False,
    temperature: float = 0.0,
    seed: int = 0,
    masks: Sequence[TokenMask | None] = (),
) -> Iterator[tuple[int, list[int]]]:
    """The tokens of each answer, end token left out, as they end.

    Args:
        model: a model of transformers.
        prompts: tokens of each prompt, at least one.
        max_tokens: limit of each answer.
        end_ids: tokens that end an answer.
        is_complete: whether an answer is long enough as it is, by its tokens so far.
        temperature: 0: each token is the likeliest; else tokens are drawn.
        seed: of the draws.
        masks: for each prompt, what its answer keeps to; None: to nothing.
    Yields:
        The prompt's number, and the tokens of its answer.
    """
    prefix = SharedPrefix(model, prompts)
    draws = torch.Generator(model.device).manual_seed(seed)
    for numbers in _batches(model, prompts, max_tokens):
        rows = [prompts[number] for number in numbers]
        answers = _Rows(model, rows, prefix, [masks[n] if masks else None for n in numbers])
        while answers.running:
            answers.advance(temperature, draws)
            ended = {
                row
                for row in answers.running
                if answers.written[row][-1] in end_ids
                or len(answers.written[row]) >= max_tokens
                or is_complete(answers.written[row])
            }
            answers.drop(ended)
            for row in sorted(ended):
                ids = answers.written[row]
                yield numbers[row], ids[:-1] if ids[-1] in end_ids else ids


def _batches(model, prompts: Sequence[Ids], max_tokens: int) -> Iterator[list[int]]:
    """The prompts' numbers, shortest first, as many at a time as `TOKENS` allows."""
    longest = max(map(len, prompts)) + max_tokens
    rows = min(MOST_ROWS, max(LEAST_ROWS, TOKENS // longest))
    order = sorted(range(len(prompts)), key=lambda number: len(prompts[number]))
    groups = [order]
    if not _can_mask(model):
        groups = [list(same) for _, same in groupby(order, key=lambda n: len(prompts[n]))]
    for group in groups:
        yield from (group[start : start + rows] for start in range(0, len(group), rows))


def _can_mask(model) -> bool:
    takes = inspect.signature(model.forward).parameters
    layers = growing_cache(model.config).layers
    return (
        {"attention_mask", "position_ids"} <= takes.keys()
        and bool(layers)
        and all(isinstance(layer, GrowingLayer) for layer in layers)
    )


class _Rows:
    """A batch of prompts of different lengths, and what has been written after each."""

    def __init__(
        self, model, rows: Sequence[Ids], prefix: SharedPrefix, masks: Sequence[TokenMask | None]
    ):
        self._model, self._masks = model, masks
        self.written: list[list[int]] = [[] for _ in rows]
        self.running = list(range(len(rows)))
        self._cache: DynamicCache = prefix.repeated(len(rows))
        lengths = [len(row) for row in rows]
        wanted = sorted({length - 1 for length in lengths})
        logits = read_padded(model, rows, prefix, wanted, self._cache)
        self._next = torch.stack(
            [own[wanted.index(length - 1)] for own, length in zip(logits, lengths, strict=True)]
        )
        self._positions = torch.tensor(lengths, device=model.device)[:, None]
        columns = torch.arange(max(lengths), device=model.device)
        self._mask = (columns < self._positions).long()
        self._is_padded = len(wanted) > 1

    def advance(self, temperature: float, draws: torch.Generator) -> None:
        """Writes a token of each running row: the likeliest, or one that is drawn."""
        if self.written[self.running[0]]:
            self._next = self._read_last()
        masks = [self._masks[row] for row in self.running]
        for mask, scores in zip(masks, self._next, strict=True):
            if mask:
                scores[torch.from_numpy(~mask.allowed()).to(scores.device)] = -torch.inf
        if temperature:
            shares = (self._next.float() / temperature).softmax(-1)
            tokens = torch.multinomial(shares, 1, generator=draws)[:, 0].tolist()
        else:
            tokens = self._next.argmax(-1).tolist()
        for row, mask, token in zip(self.running, masks, tokens, strict=True):
            self.written[row].append(token)
            if mask:
                mask.take(token)

    def _read_last(self) -> torch.Tensor:
        last = [[self.written[row][-1]] for row in self.running]
        self._mask = torch.nn.functional.pad(self._mask, (0, 1), value=1)
        masked = {"attention_mask": self._mask, "position_ids": self._positions}
        logits = self._model(
            input_ids=torch.tensor(last, device=self._model.device),
            use_cache=True,
            **{str(cache_argument(type(self._model))): self._cache},
            **(masked if self._is_padded else {}),
        ).logits
        self._positions = self._positions + 1
        return logits[:, -1]

    def drop(self, ended: set[int]) -> None:
        """Removes the rows that ended."""
        kept = [index for index, row in enumerate(self.running) if row not in ended]
        self.running = [self.running[index] for index in kept]
        if not ended or not kept:
            return
        indices = torch.tensor(kept, device=self._model.device)
        select_rows(self._cache, indices)
        self._mask, self._positions = self._mask[indices], self._positions[indices]
