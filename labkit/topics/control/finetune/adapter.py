"""The adapter: two small matrices beside each linear layer (LoRA), and its strength.

Source: Hu and others 2021, "LoRA: Low-Rank Adaptation of Large Language Models"; all linear layers,
as in "LoRA Without Regret" (Thinking Machines, 2025).
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from labkit.backends.local.model import LocalModel, load

from .result import TuningOptions


def with_adapter(model: LocalModel, options: TuningOptions) -> LocalModel:
    """A float32 copy of a model with an untrained adapter beside all of its linear layers."""
    from peft import LoraConfig, inject_adapter_in_model

    copy = load(
        model.folder, device=model.plan.device, dtype="float32", packed=False, accept_terms=True
    )
    config = LoraConfig(
        r=options.rank, lora_alpha=2 * options.rank, target_modules="all-linear", lora_dropout=0.0
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        inject_adapter_in_model(config, copy.model)
    return copy


@contextmanager
def at_strength(model: LocalModel, strength: float) -> Iterator[LocalModel]:
    """The model with its adapter at another strength inside a with block; 0: without it."""
    set_strength(model, strength)
    try:
        yield model
    finally:
        set_strength(model, 1.0)


def set_strength(model: LocalModel, strength: float) -> None:
    """Scales what the adapter adds: 0: nothing, 1: as it was trained."""
    from peft.tuners.lora import LoraLayer

    for layer in model.model.modules():
        if isinstance(layer, LoraLayer):
            layer.set_scale("default", strength)
