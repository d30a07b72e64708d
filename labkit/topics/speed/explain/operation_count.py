"""Bytes and operations that a token takes, from a model's configuration alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from labkit.models.memory_plan import BYTES_PER_WEIGHT, cache_bytes, head_width

# What configurations call the number of experts in a layer.
EXPERT_COUNTS = ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")


@dataclass(frozen=True, slots=True)
class Work:
    """The least that must be read and computed (computed).

    Attributes:
        name: ``"decode"`` or ``"prefill"``.
        tokens: tokens processed: 1, or those of the prompt.
        memory_bytes: bytes read from memory and written to it.
        flops: multiplications and additions, each counted.
    """

    name: str
    tokens: int
    memory_bytes: int
    flops: int

    @property
    def intensity(self) -> float:
        """Arithmetic intensity: operations per byte."""
        return self.flops / self.memory_bytes

    def seconds(self, bytes_per_s: float, flops_per_s: float) -> float:
        """The least time: reading and computing overlap at best, so the longer of the two."""
        return max(self.memory_bytes / bytes_per_s, self.flops / flops_per_s)

    def bound(self, bytes_per_s: float, flops_per_s: float) -> str:
        """What takes longer: ``"memory"`` or ``"arithmetic"``."""
        return "memory" if self.intensity < flops_per_s / bytes_per_s else "arithmetic"


def decode_work(
    config: Mapping[str, Any],
    parameters: int,
    dtype: str,
    context: int,
    *,
    bytes_per_weight: float | None = None,
) -> Work:
    """One token at a context: every weight is read once, and the whole cache.

    Bytes: (weights - lookup) * bytes per weight + cache of the context + cache of one token. The
    embedding is a lookup of one row; if it is tied to the output layer, that layer reads all of it.
    Operations: 2 * (weights - lookup), one multiplication and one addition for each weight, and
    4 * layers * heads * head width * context for attention (scores, and their weighted sum).

    Args:
        config: fields of the ``config.json`` of a dense model.
        parameters: number of weights; tied ones once.
        dtype: dtype of the weights and the cache.
        context: tokens in the cache.
        bytes_per_weight: the mean over all weights where they are quantized; None: those of dtype.
    Raises:
        ValueError: for a mixture of experts, which reads only a part of its weights.
    Source: Kaplan et al. 2020, "Scaling Laws for Neural Language Models", table 1, where a
        forward pass is 2 N + 2 layers * context * width; here both products of attention count.
    """
    _require_dense(config)
    read = parameters - _lookup(config)
    weights = round(read * (bytes_per_weight or BYTES_PER_WEIGHT[dtype]))
    return Work(
        name="decode",
        tokens=1,
        memory_bytes=weights + cache_bytes(config, context + 1, dtype),
        flops=2 * read + _attention(config) * (context + 1),
    )


def prefill_work(config: Mapping[str, Any], parameters: int, dtype: str, tokens: int) -> Work:
    """A prompt in one pass: the weights are read once for all of its tokens.

    Bytes: as for one token, and the cache of the prompt is written. Operations: the layers for
    each token, the output layer for the last token alone, and attention of each token to all up to
    itself: tokens * (tokens + 1) / 2 pairs.

    The arguments are those of `decode_work`; ``tokens`` is the length of the prompt.
    """
    _require_dense(config)
    output = config["vocab_size"] * config["hidden_size"]
    layers = parameters - _lookup(config) - output
    pairs = tokens * (tokens + 1) // 2
    return Work(
        name="prefill",
        tokens=tokens,
        memory_bytes=(layers + output) * BYTES_PER_WEIGHT[dtype]
        + cache_bytes(config, tokens, dtype),
        flops=2 * layers * tokens + 2 * output + _attention(config) * pairs,
    )


def _lookup(config: Mapping[str, Any]) -> int:
    """Weights of an embedding that is only looked up; 0 if the output layer shares it."""
    return 0 if config.get("tie_word_embeddings") else config["vocab_size"] * config["hidden_size"]


def _attention(config: Mapping[str, Any]) -> int:
    """Operations per pair of tokens: 2 for the score and 2 for the sum, per unit of head width."""
    layers = len(config.get("kv_layers", range(config["num_hidden_layers"])))
    return 4 * layers * config["num_attention_heads"] * head_width(config.get) if layers else 0


def _require_dense(config: Mapping[str, Any]) -> None:
    sources = (config, config.get("ffn_config") or {})
    counts = (source.get(name) for source in sources for name in EXPERT_COUNTS)
    experts = max((int(np.max(count)) for count in counts if count), default=0)  # or one a layer
    if experts > 1:
        raise ValueError(
            f"config must be of a dense model: a mixture of {experts} experts reads only some of "
            "its weights per token"
        )
