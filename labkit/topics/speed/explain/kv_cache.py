"""The KV cache: what every token leaves behind, and how long a text may get for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labkit.backends.generate import Backend
from labkit.backends.local.modes import grow_cache
from labkit.errors import LabError
from labkit.formatting import in_lines
from labkit.models.machine import inspect_machine
from labkit.models.memory_plan import cache_bytes

LENGTHS = (64, 128, 256, 512)


@dataclass(frozen=True, slots=True)
class CacheSize:
    """The cache at one length.

    Attributes:
        tokens: that it holds.
        computed_bytes: from the configuration.
        used_bytes: of its keys and values (measured).
        held_bytes: with the room that is kept for the next tokens (measured).
    """

    tokens: int
    computed_bytes: int
    used_bytes: int
    held_bytes: int


@dataclass(frozen=True, slots=True, repr=False)
class CacheGrowth:
    """How a model's cache grows with the text.

    Attributes:
        model: its name.
        dtype: of the cache.
        sizes: at each length that was tried.
        token_bytes: what one token adds (computed).
        weights_bytes: of the model, to compare.
        context: the most tokens that the model was made for.
        free_bytes: memory that is free beside the model.
        longest: the most tokens of one text that fit into it, and into the context (computed).
    """

    model: str
    dtype: str
    sizes: tuple[CacheSize, ...]
    token_bytes: int
    weights_bytes: int
    context: int
    free_bytes: int
    longest: int

    @property
    def limited_by(self) -> str:
        """What ends a text here: the model's ``"context"`` or the ``"memory"``."""
        return "context" if self.longest >= self.context else "memory"

    @property
    def tokens_like_weights(self) -> int:
        """So many tokens of cache, in one text or in many, take as much memory as the weights."""
        return self.weights_bytes // self.token_bytes

    @property
    def summary(self) -> str:
        """Bytes a token, and the longest text."""
        return (
            f"{self.model}: {self.token_bytes:,} bytes of cache a token in {self.dtype}; the "
            f"longest text here has {self.longest:,} tokens, limited by the {self.limited_by} "
            f"(computed; measured up to {self.sizes[-1].tokens:,} tokens)"
        )

    def __repr__(self) -> str:
        return in_lines(self.summary)


def measure_cache(model: Backend, *, lengths: Sequence[int] = LENGTHS) -> CacheGrowth:
    """How the KV cache grows: computed from the configuration, and measured beside it.

    Args:
        model: from ``labkit.load``.
        lengths: of the text in tokens, rising, within the model's context.
    Raises:
        LabError: for a model that does not show its cache.
    """
    if not hasattr(model, "plan"):
        raise LabError(f"{model.name} does not show its cache.", "Take a model from labkit.load.")
    lengths = tuple(n for n in lengths if n <= model.context)
    if not lengths or list(lengths) != sorted(set(lengths)) or lengths[0] < 1:
        raise ValueError(f"lengths must rise, from 1 to {model.context}; got {lengths!r}")
    config, dtype = model.model.config.get_text_config().to_dict(), model.plan.needs.dtype
    sizes = tuple(
        CacheSize(tokens, cache_bytes(config, tokens, dtype), used, held)
        for tokens, used, held in grow_cache(model, lengths)
    )
    free = free_bytes(model)
    return CacheGrowth(
        model=model.name,
        dtype=dtype,
        sizes=sizes,
        token_bytes=cache_bytes(config, 1, dtype),
        weights_bytes=model.plan.needs.weights_bytes,
        context=model.context,
        free_bytes=free,
        longest=longest_text(config, dtype, free, model.context),
    )


def free_bytes(model: Backend) -> int:
    """Memory that is free on the model's device."""
    machine = inspect_machine()
    if model.plan.device.startswith("cuda"):
        return max((gpu.free_bytes for gpu in machine.gpus), default=0)
    return machine.available_bytes


def longest_text(config: Mapping[str, Any], dtype: str, free: int, context: int) -> int:
    """The most tokens, up to the context, whose cache is at most so many bytes; by halving.

    >>> shape = {"num_attention_heads": 1, "hidden_size": 1, "num_hidden_layers": 1}
    >>> longest_text({**shape, "model_type": "llama"}, "float32", 88, 100)
    11
    """
    low, high = 0, context
    while low < high:
        middle = (low + high + 1) // 2
        fits = cache_bytes(config, middle, dtype) <= free
        low, high = (middle, high) if fits else (low, middle - 1)
    return low
