"""Examples as tokens, the batches of a training, and the loss on them."""

import random
from collections.abc import Iterator, Sequence
from typing import TypeVar

import torch

from labkit.backends.local.decoding.option_scores import option_logprobs
from labkit.backends.local.model import LocalModel
from labkit.backends.prompts import Messages

from .result import TuningOptions

IGNORED = -100  # transformers' label of a token that no loss is taken of
Item = TypeVar("Item")
Ids = tuple[list[int], int]  # tokens of prompt and answer, and how many are the prompt's


def example_ids(model: LocalModel, prompt: str | Messages, answer: str) -> Ids:
    """The tokens of a prompt, its answer and the end; a base model reads the plain text."""
    ids = model.encode(prompt if model.chat else f"{prompt}\n")
    written = model.tokenizer(answer, add_special_tokens=False)["input_ids"]
    return [*ids, *written, model.tokenizer.eos_token_id], len(ids)


def batches(train: Sequence[Item], options: TuningOptions) -> Iterator[list[Item]]:
    """The examples of each step: all in a new order, again and again."""
    order: list[int] = []
    shuffle = random.Random(options.seed)
    for _ in range(options.steps):
        while len(order) < options.batch_size:
            order += shuffle.sample(range(len(train)), len(train))
        taken, order = order[: options.batch_size], order[options.batch_size :]
        yield [train[number] for number in taken]


def batch_loss(model: LocalModel, batch: Sequence[Ids]) -> torch.Tensor:
    """Mean loss over the answers' tokens, in nats, padded on the right."""
    width, first = max(len(ids) for ids, _ in batch), min(start for _, start in batch)
    rows = [ids + [0] * (width - len(ids)) for ids, _ in batch]
    labels = [
        [IGNORED] * start + ids[start:] + [IGNORED] * (width - len(ids)) for ids, start in batch
    ]
    device = model.model.device
    scores = model.model(
        input_ids=torch.tensor(rows, device=device),
        use_cache=False,
        logits_to_keep=width - first + 1,  # from the token before the first answer
    ).logits
    wanted = torch.tensor(labels, device=device)[:, first:].flatten()
    flat = scores[:, :-1].flatten(0, 1).float()
    return torch.nn.functional.cross_entropy(flat, wanted, ignore_index=IGNORED)


@torch.inference_mode()
def mean_loss(model: LocalModel, examples: Sequence[Ids]) -> float:
    """Mean loss over the answers' tokens of many examples, in nats."""
    total, count = 0.0, 0
    for start in range(0, len(examples), 4):
        batch = examples[start : start + 4]
        tokens = sum(len(ids) - first for ids, first in batch)
        total += tokens * float(batch_loss(model, batch))
        count += tokens
    return total / count


def answer_logprobs(model: LocalModel, prompt: str, texts: Sequence[str]) -> list[float]:
    """Log-probability of each text as the whole answer to a prompt, its end included, in nats."""
    encoded = [example_ids(model, prompt, each) for each in texts]
    ids, start = encoded[0]
    options = [each[start:] for each, _ in encoded]
    found: dict[int, float] = {}
    for _, scores in option_logprobs(model.model, [ids[:start]], [options]):
        found |= scores
    return [found[number] for number in range(len(texts))]
