"""How much memory a model needs, and on which device and dtype it runs, before it is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labkit.errors import LabError
from labkit.formatting import GIB

from .catalogue import CATALOGUE
from .entry import Entry
from .machine import Machine

BYTES_PER_WEIGHT = {"float32": 4, "float16": 2, "bfloat16": 2}
# torch, the tokenizer and the activations of one short request: assumed, rounded up.
RUNTIME_BYTES = 512 * 1024**2
# Length of the conversation that must fit; see `MemoryNeeds.cache_bytes`.
CONVERSATION_TOKENS = 2048


@dataclass(frozen=True, slots=True)
class MemoryNeeds:
    """The memory that a model needs.

    Attributes:
        weights_bytes: parameters times bytes per parameter (computed).
        cache_bytes: keys and values of `CONVERSATION_TOKENS` tokens (computed).
        runtime_bytes: torch and the activations (assumed).
        dtype: dtype of the weights and the cache.
    """

    weights_bytes: int
    cache_bytes: int
    dtype: str
    runtime_bytes: int = RUNTIME_BYTES

    @property
    def memory_bytes(self) -> int:
        """The sum of all."""
        return self.weights_bytes + self.cache_bytes + self.runtime_bytes


def cache_bytes(config: Mapping[str, Any], tokens: int, dtype: str) -> int:
    """Size of the KV cache at a length.

    Two vectors (key and value) per token, layer and key/value head. A layer with a sliding window
    stores at most its window.

    Args:
        config: fields of the model's ``config.json``.
        tokens: length of the conversation.
        dtype: ``"float32"``, ``"float16"`` or ``"bfloat16"``.

    >>> cache_bytes(CATALOGUE["smollm2-135m"].config, 1, "float32")
    46080
    """
    heads = config["num_attention_heads"]
    width = config.get("head_dim") or config["hidden_size"] // heads
    kv_heads = config.get("num_key_value_heads") or heads
    per_token = 2 * kv_heads * width * BYTES_PER_WEIGHT[dtype]
    return sum(min(tokens, window) for window in _windows(config, tokens)) * per_token


def _windows(config: Mapping[str, Any], tokens: int) -> list[int]:
    """The most tokens that each layer stores."""
    layers = config["num_hidden_layers"]
    window = config.get("sliding_window") or tokens
    kinds = config.get("layer_types")
    if kinds is None:  # every layer slides; in the catalogue's Gemma 3, every sixth attends to all
        to_all = 6 if config["model_type"] == "gemma3_text" else layers + 1
        kinds = ["sliding_attention" if (i + 1) % to_all else "full" for i in range(layers)]
    return [window if kind == "sliding_attention" else tokens for kind in kinds]


def needs(parameters: int, config: Mapping[str, Any], dtype: str) -> MemoryNeeds:
    """The memory that a model needs in a dtype, by its parameters and its configuration."""
    return MemoryNeeds(
        weights_bytes=parameters * BYTES_PER_WEIGHT[dtype],
        cache_bytes=cache_bytes(config, CONVERSATION_TOKENS, dtype),
        dtype=dtype,
    )


def count_parameters(config) -> int:
    """Parameters of a causal ``PretrainedConfig``, counted on the meta device without memory."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    return sum(weight.numel() for weight in model.parameters())


@dataclass(frozen=True, slots=True)
class Plan:
    """How a model runs on a machine.

    Attributes:
        device: ``"cuda"``, ``"mps"`` or ``"cpu"``.
        needs: memory and dtype.
        available_bytes: free memory of the device.
        spread: whether accelerate splits the model between GPU and main memory, because the GPU
            alone is too small.
        packed: whether a second copy of the weights, which some processors read faster, fits as
            well.
    """

    device: str
    needs: MemoryNeeds
    available_bytes: int
    spread: bool = False
    packed: bool = False

    @property
    def fits(self) -> bool:
        """Whether the model can be loaded at all."""
        return self.needs.memory_bytes <= self.available_bytes


def plan(
    parameters: int,
    config: Mapping[str, Any],
    machine: Machine,
    *,
    device: str | None = None,
    dtype: str | None = None,
    half: str = "bfloat16",
) -> Plan:
    """Chooses device and dtype, and says whether the model fits.

    Device: CUDA, then MPS, then CPU. dtype: 16 bits on a GPU (bfloat16 if the GPU computes in it,
    else float16; float16 on MPS); float32 on a CPU, and bfloat16 there only if float32 does not
    fit: on CPUs that do not compute in 16 bits, prompts were measured to be read more slowly
    (tests/benchmarks/dtypes.py). A model too large for the GPU is split between GPU and memory.

    Args:
        parameters: number of weights.
        config: fields of the model's ``config.json``.
        machine: the machine to run on.
        device: the device to use; None: chosen.
        dtype: the dtype to use; None: chosen.
        half: the 16-bit dtype that a CUDA GPU computes in.
    """
    gpu_free = max((gpu.free_bytes for gpu in machine.gpus), default=0)
    device = device or ("cuda" if machine.gpus else "mps" if machine.apple_gpu else "cpu")
    if device.startswith("cuda"):
        need = needs(parameters, config, dtype or half)
        if need.memory_bytes <= gpu_free:
            return Plan(device, need, gpu_free)
        return Plan(device, need, gpu_free + machine.available_bytes, spread=True)
    if device == "mps":
        return Plan(device, needs(parameters, config, dtype or "float16"), machine.available_bytes)
    need = needs(parameters, config, dtype or "float32")
    if dtype is None and need.memory_bytes > machine.available_bytes:
        need = needs(parameters, config, "bfloat16")
    packed = need.memory_bytes + need.weights_bytes <= machine.available_bytes
    return Plan("cpu", need, machine.available_bytes, packed=packed)


def plan_entry(entry: Entry, machine: Machine) -> Plan:
    """`plan` for a model of the catalogue."""
    return plan(entry.stored_parameters, entry.text_config, machine)


def require_fit(name: str, chosen: Plan, machine: Machine) -> None:
    """Raises a LabError with the numbers, and the models that would fit, unless the plan fits."""
    if chosen.fits:
        return
    need = chosen.needs
    fitting = [
        e.name for e in CATALOGUE.values() if e.kind != "embedding" and plan_entry(e, machine).fits
    ]
    raise LabError(
        f"{name} needs {need.memory_bytes / GIB:.1f} GiB in {need.dtype} "
        f"({need.weights_bytes / GIB:.1f} weights, {need.cache_bytes / GIB:.1f} cache, "
        f"{need.runtime_bytes / GIB:.1f} torch), and {chosen.available_bytes / GIB:.1f} GiB are "
        "free here.",
        f"These fit: {', '.join(fitting) or 'none of the catalogue'}. Closing other programs "
        "frees memory.",
    )
