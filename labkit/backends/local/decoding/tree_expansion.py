"""The tree of likeliest continuations, level by level: one batched pass serves a level."""

from collections.abc import Iterator, Sequence

import torch

from labkit.backends.local.decoding.forward import next_scores, prefill
from labkit.backends.local.kv_cache import select_rows
from labkit.backends.local.model import LocalModel
from labkit.backends.local.out_of_memory import frees_memory


@frees_memory
@torch.inference_mode()
def expand_tree(
    model: LocalModel, ids: Sequence[int], width: int, depth: int
) -> Iterator[list[tuple[int, int, float]]]:
    """The likeliest `width` tokens after each text of the previous level, for `depth` levels.

    Yields:
        For each level its texts as (index of the parent text, token id, log-probability of the
        token after that text); the prompt is text 0 above the first level. A text that the model
        has ended has no children.
    """
    cache, scores = prefill(model.model, ids)
    rows = [0]
    for level in range(depth):
        top = scores.log_softmax(-1).topk(width)
        texts = [
            (parent, *pair)
            for parent, *leading in zip(
                rows, top.indices.tolist(), top.values.tolist(), strict=True
            )
            for pair in zip(*leading, strict=True)
        ]
        yield texts
        rows = [n for n, (_, token_id, _) in enumerate(texts) if token_id not in model.end_ids]
        if level == depth - 1 or not rows:
            return
        # A text's cache row is that of its parent, counted among the texts that were continued.
        select_rows(cache, torch.tensor([n // width for n in rows], device=scores.device))
        unread = torch.tensor([[texts[n][1]] for n in rows], device=scores.device)
        scores = next_scores(model.model, unread, cache)
