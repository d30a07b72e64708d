"""The KV cache: the memory that each token takes, and how long a text can get."""

from bisect import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labkit.backends.capabilities import WITH_WEIGHTS, HasPlan, check_backend
from labkit.backends.generate import Backend
from labkit.checks import checked_several
from labkit.errors import LabError
from labkit.formatting import in_lines
from labkit.lab_book.entry import BookEntry
from labkit.models.machine import inspect_machine, usable_by_torch
from labkit.models.memory_plan import cache_bytes, config_fields, gpu_free_bytes

LENGTHS = (64, 128, 256, 512)


@dataclass(frozen=True, slots=True)
class CacheSize:
    """The size of the cache at one length.

    Attributes:
        tokens: number of tokens in it.
        computed_bytes: size by the configuration.
        used_bytes: size of its keys and values (measured).
        allocated_bytes: size with the room reserved for the next tokens (measured).
    """

    tokens: int
    computed_bytes: int
    used_bytes: int
    allocated_bytes: int


@dataclass(frozen=True, slots=True, repr=False)
class CacheGrowth:
    """How a model's cache grows with the text.

    Attributes:
        model: name of the model.
        dtype: dtype of the cache.
        sizes: size at each length measured.
        token_bytes: bytes that one token adds (computed).
        weights_bytes: size of the weights, to compare.
        context: context length of the model, in tokens.
        free_bytes: free memory beside the model.
        longest: longest text in tokens that fits the free memory and the context (computed).
        missing: sentences on lengths that could not be tried, and why.
    """

    model: str
    dtype: str
    sizes: tuple[CacheSize, ...]
    token_bytes: int
    weights_bytes: int
    context: int
    free_bytes: int
    longest: int
    missing: tuple[str, ...] = ()

    @property
    def limited_by(self) -> str:
        """What limits a text here: the model's ``"context"`` or the ``"memory"``."""
        return "context" if self.longest >= self.context else "memory"

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """The bytes of the cache for each token."""
        size, name = self.token_bytes / 1000, "cache_kb_per_token"
        more = {"origin": "computed", "model": self.model}
        return (BookEntry(name, "cache per token", size, "kB", **more),)

    @property
    def summary(self) -> str:
        """Bytes per token, and the longest text."""
        return (
            f"{self.model}: {self.token_bytes:,} bytes of cache per token in {self.dtype}; the "
            f"longest text here has {self.longest:,} tokens, limited by the {self.limited_by} "
            f"(computed; measured up to {self.sizes[-1].tokens:,} tokens)"
        )

    def __repr__(self) -> str:
        return in_lines(self.summary, *self.missing)


def measure_cache(model: Backend, *, lengths: Sequence[int] = LENGTHS) -> CacheGrowth:
    """How the KV cache grows: computed from the configuration, and measured.

    Args:
        model: a model from ``labkit.load``.
        lengths: lengths of the text in tokens, rising; those beyond the model's context are left
            out, and said.
    Raises:
        ValueError: a length is invalid, or all are beyond the context.
        LabError: for a model without a readable cache.
    """
    check_backend("model", model)
    if not isinstance(model, HasPlan):
        raise LabError(f"{model.name} does not expose its cache.", WITH_WEIGHTS)
    several = "one or more whole numbers that rise, as in (64, 128)"
    wanted = checked_several("lengths", lengths, int, several)
    if list(wanted) != sorted(set(wanted)) or not 1 <= wanted[0] <= model.context:
        raise ValueError(f"lengths must rise, from 1 to {model.context:,}; got {wanted!r}")
    lengths = [n for n in wanted if n <= model.context]
    beyond = ", ".join(f"{n:,}" for n in wanted[len(lengths) :])
    from labkit.backends.local.generation_modes import grow_cache

    config, dtype = config_fields(model.model.config), model.plan.needs.dtype
    if not (token_bytes := cache_bytes(config, 1, dtype)):
        raise LabError(
            f"{model.name} has no KV cache: it keeps a state of the same size at any length.",
            "Take a model with attention, such as smollm2-135m.",
        )
    sizes = tuple(
        CacheSize(tokens, cache_bytes(config, tokens, dtype), used, allocated)
        for tokens, used, allocated in grow_cache(model, lengths)
    )
    free = free_bytes(model)
    return CacheGrowth(
        model=model.name,
        dtype=dtype,
        sizes=sizes,
        token_bytes=token_bytes,
        weights_bytes=model.plan.needs.weights_bytes,
        context=model.context,
        free_bytes=free,
        longest=longest_text(config, dtype, free, model.context),
        missing=(f"Beyond the context of {model.context:,} tokens: {beyond}.",) if beyond else (),
    )


def free_bytes(model: Backend) -> int:
    """Free memory on the model's device."""
    machine = inspect_machine()
    if model.plan.device.startswith("cuda"):
        return gpu_free_bytes(usable_by_torch(machine), model.plan.device)
    return machine.available_bytes


def longest_text(config: Mapping[str, Any], dtype: str, free: int, context: int) -> int:
    """The most tokens, up to the context, whose cache fits the free bytes.

    >>> shape = {"num_attention_heads": 1, "hidden_size": 1, "num_hidden_layers": 1}
    >>> longest_text({**shape, "model_type": "llama"}, "float32", 88, 100)
    11
    """
    return bisect(range(1, context + 1), free, key=lambda n: cache_bytes(config, n, dtype))
