"""Beam search by transformers' own `generate`; one more pass per text gives its scores."""

import math
import time
from collections.abc import Callable, Sequence

import torch
from transformers import GenerationConfig, StoppingCriteriaList

from labkit.backends.local.detokenizer import AnswerDetokenizer
from labkit.backends.local.model import ALTERNATIVES, LocalModel
from labkit.backends.local.out_of_memory import frees_memory
from labkit.backends.local.sampler import SampledToken
from labkit.backends.prompts import Messages
from labkit.backends.reply import Outcome, Reply, Step
from labkit.backends.settings import Settings
from labkit.interrupts.delayed import noted_interrupts


@frees_memory
def search_beams(
    model: LocalModel,
    prompt: str | Messages,
    beams: int,
    max_tokens: int,
    *,
    raw: bool = False,
    on_step: Callable[[], None] = lambda: None,
) -> list[Reply]:
    """The texts that a search with that many beams ends with, best first.

    An interrupt ends it: the texts so far come back, those that have no end as interrupted.
    No text is known before the search has ended, so every step's `elapsed_s` is the time of the
    whole search, and there is no decoding speed to report.
    """
    began = time.perf_counter()
    ids = model.encode(prompt, raw=raw)
    room = min(max_tokens, model.context - len(ids))
    with noted_interrupts() as was_interrupted:
        texts = _search(model, ids, beams, room, on_step, was_interrupted)
        unfinished = "interrupted" if was_interrupted() else "length"
    elapsed_s = time.perf_counter() - began
    settings = Settings(temperature=0, max_tokens=max_tokens)
    replies = []
    for new in texts:
        finish = "stop" if new[-1] in model.end_ids else unfinished
        steps = _steps(model, ids, new, elapsed_s)
        replies.append(Reply(model.name, prompt, settings, steps, Outcome(finish, len(ids))))
    return replies


def _search(
    model, ids: list[int], beams: int, room: int, on_step, was_interrupted
) -> list[list[int]]:
    """The new tokens of each text, up to its end token."""

    def count(input_ids, scores, **_):
        on_step()
        device = input_ids.device
        return torch.full((len(input_ids),), was_interrupted(), dtype=torch.bool, device=device)

    ends, device = sorted(model.end_ids) or None, model.model.device
    config = GenerationConfig(
        num_beams=beams,
        num_return_sequences=beams,
        do_sample=False,
        max_new_tokens=room,
        eos_token_id=ends,
        pad_token_id=ends[0] if ends else 0,
    )
    rows = model.model.generate(
        torch.tensor([ids], device=device),
        attention_mask=torch.ones(1, len(ids), dtype=torch.long, device=device),
        generation_config=config,
        stopping_criteria=StoppingCriteriaList([count]),
    )
    return [_without_padding(row, model.end_ids) for row in rows[:, len(ids) :].tolist()]


def _without_padding(new: list[int], ends: frozenset[int]) -> list[int]:
    """A row up to its end token; after it, padding fills the row to the longest one's length."""
    first = next((index for index, token_id in enumerate(new) if token_id in ends), len(new))
    return new[: first + 1]


@torch.inference_mode()
def _steps(
    model: LocalModel, ids: list[int], new: Sequence[int], elapsed_s: float
) -> tuple[Step, ...]:
    """The steps of a text, with the scores of one pass over it."""
    whole = torch.tensor([[*ids, *new]], device=model.model.device)
    scores = model.model(input_ids=whole, logits_to_keep=len(new) + 1).logits
    # Not every architecture leaves out the others.
    scores = scores[0, -len(new) - 1 : -1].float()
    logprobs = scores.log_softmax(-1)
    top = logprobs.topk(min(ALTERNATIVES, logprobs.shape[-1]))
    entropies = torch.special.entr(logprobs.exp()).sum(-1) / math.log(2)
    own = logprobs.gather(-1, whole[0, len(ids) :, None])[:, 0]
    leading = zip(top.indices.tolist(), top.values.tolist(), strict=True)
    text = AnswerDetokenizer(model.tokenizer, ids)
    rows = zip(new, own.tolist(), entropies.tolist(), leading, strict=True)
    return tuple(
        model.step(
            SampledToken(token_id, logprob, None, entropy, tuple(zip(*pairs, strict=True))),
            "".join(text.push(token_id, last=number == len(new))),
            elapsed_s,
            text.thinking,
        )
        for number, (token_id, logprob, entropy, pairs) in enumerate(rows, 1)
    )
