"""Models of true shapes with random weights, made on the device itself, and texts for them."""

import gc
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from labkit.backends.local.decoding.forward import prefill_all
from labkit.backends.local.kv_cache import growing_cache
from labkit.backends.local.model import LocalModel
from labkit.formatting import GIB
from labkit.models.catalogue import CATALOGUE
from labkit.models.loading import LoadedModel
from labkit.models.machine import inspect_machine
from labkit.models.memory_plan import BYTES_PER_WEIGHT, config_fields, plan

SMALL, MIDDLE, LARGE = SHAPES = ("smollm2-135m", "smollm2-1.7b", "mistral-7b")
PROMPT = "the cat sat on the mat, and the hat sat on the cat; "
# Weights of the first day score all tokens nearly alike, and best the one that was read last. With
# scores this many times as far apart, and random signs, one token leads, and another each time.
SHARPNESS = 4.0
TINY = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 300,
    "max_position_embeddings": 512,
}
ENDS = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}  # of the tokenizer below


@dataclass(frozen=True)
class Rig:
    """A device, and whether this is a dry run with tiny shapes.

    Random models share one small tokenizer: what they write means nothing anyway.
    """

    device: str
    dry: bool
    tokenizer: Any = field(repr=False)

    def size(self, real, tiny):
        """A number for a GPU, or for a dry run."""
        return tiny if self.dry else real

    def config(self, name):
        fields = {**CATALOGUE[name].config, **(TINY if self.dry else {}), **ENDS}
        return AutoConfig.for_model(fields.pop("model_type"), **fields)

    def random_model(self, name, dtype, *, weights=None):
        """A model of the catalogue's shape; its weights random, or a copy of another's."""
        self._require_room(name, dtype)
        device, config = self.device, self.config(name)
        torch.manual_seed(0)
        with torch.device(device):
            model = AutoModelForCausalLM.from_config(config, dtype=getattr(torch, dtype)).eval()
        if weights:
            model.load_state_dict(weights.model.state_dict())
        else:
            with torch.no_grad():
                norm = model.model.norm.weight
                norm *= SHARPNESS * torch.randn(norm.shape, device=device).sign()
        count, machine = sum(each.numel() for each in model.parameters()), inspect_machine()
        chosen = plan(count, config_fields(config), machine, device=device, dtype=dtype)
        return LocalModel(
            LoadedModel(name, name, model, self.tokenizer, chosen, Path(), None, None, None)
        )

    def free(self):
        """Gives back the memory of models that nothing refers to any more."""
        if self.device == "cuda":
            gc.collect()
            torch.cuda.empty_cache()

    def free_bytes(self):
        if self.device == "cuda":
            return torch.cuda.mem_get_info()[0]
        return inspect_machine().available_bytes

    def _require_room(self, name, dtype):
        """Skips the test on a card whose free memory does not hold the weights and a batch."""
        self.free()
        needed = CATALOGUE[name].parameters * BYTES_PER_WEIGHT[dtype] / GIB + 2
        free = self.free_bytes() / GIB
        if not self.dry and free < needed:
            pytest.skip(f"needs {needed:.1f} GiB of the GPU's memory, and {free:.1f} are free")


def prompt_of(model, tokens):
    """A text of about that many tokens."""
    per_piece = len(model.encode(PROMPT * 4, raw=True)) / 4
    return PROMPT * max(1, int(tokens / per_piece))


@torch.inference_mode()
def logprobs(model, ids):
    """The log-probabilities after each of the tokens, by one pass: (tokens, vocab) on the CPU."""
    cache = growing_cache(model.model.config)
    return prefill_all(model.model, ids, cache).log_softmax(-1).cpu()


def mean_kl(reference, other):
    """The mean divergence of distributions from those of a reference, in nats."""
    reference, other = reference.double(), other.double()
    return (reference.exp() * (reference - other)).sum(-1).mean().item()


def worst_difference(model, prompt_ids, steps):
    """How far the steps' log-probabilities are from those of one pass over the whole text."""
    new = [step.token_id for step in steps]
    whole = logprobs(model, [*prompt_ids, *new])[len(prompt_ids) - 1 : -1]
    own = whole.gather(-1, torch.tensor(new)[:, None])[:, 0]
    return (own - torch.tensor([step.logprob for step in steps])).abs().max().item()
