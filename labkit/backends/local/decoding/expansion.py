"""The likeliest continuations of a prompt, a level at a time: one batched pass serves a level."""

from collections.abc import Iterator, Sequence

import torch

from labkit.backends.local.cache import prefill
from labkit.backends.local.model import LocalModel


@torch.inference_mode()
def grow_levels(
    model: LocalModel, ids: Sequence[int], width: int, depth: int
) -> Iterator[list[tuple[int, int, float]]]:
    """The likeliest tokens after every text of the level before.

    Args:
        model: the model.
        ids: the prompt.
        width: how many tokens follow each text.
        depth: how many levels.
    Yields:
        For each level its texts as (text of the level before, token id, log-probability of the
        token after that text); the prompt is text 0 of the level before the first. A text that
        the model has ended is not gone on with.
    """
    cache, scores = prefill(model.model, ids)
    rows = [0]
    for level in range(depth):
        top = scores.log_softmax(-1).topk(width)
        texts = [
            (before, *pair)
            for before, *leading in zip(
                rows, top.indices.tolist(), top.values.tolist(), strict=True
            )
            for pair in zip(*leading, strict=True)
        ]
        yield texts
        rows = [n for n, (_, token_id, _) in enumerate(texts) if token_id not in model.end_ids]
        if level == depth - 1 or not rows:
            return
        # A text's row of the cache lies where the text before it stood among those gone on with.
        cache.batch_select_indices(torch.tensor([n // width for n in rows], device=scores.device))
        unread = torch.tensor([[texts[n][1]] for n in rows], device=scores.device)
        out = model.model(input_ids=unread, past_key_values=cache, use_cache=True, logits_to_keep=1)
        scores = out.logits[:, -1].float()
