"""How much memory a model needs, and on which device and dtype it runs, before it is read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
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
MOST_LAYERS = 10_000
# Layers that store no keys and values, but a state of constant size or nothing.
WITHOUT_KEYS = ("conv", "linear_attention", "mamba", "moe", "mlp", "dummy")
# The fields that other code asks for; some configurations compute them.
SIZES = ("num_attention_heads", "num_hidden_layers", "hidden_size", "vocab_size", "head_dim")
# Names of the most tokens that a model attends to; ALiBi's and state-space models state none.
CONTEXTS = ("max_position_embeddings", "max_seq_len", "seq_length")
UNLIMITED = 2**20


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
    layers = config["kv_layers"] if "kv_layers" in config else _kv_layers(config)
    numbers = sum(width * min(tokens, window or tokens) for width, window in layers)
    return numbers * BYTES_PER_WEIGHT[dtype]


def _kv_layers(config: Mapping[str, Any]) -> list[tuple[int, int | None]]:
    """For each layer the numbers that it stores of a token, and its window."""
    layers, kinds = config["num_hidden_layers"], config.get("layer_types")
    if kinds is None:  # every layer slides; in the catalogue's Gemma 3, every sixth attends to all
        to_all = 6 if config["model_type"] == "gemma3_text" else layers + 1
        kinds = ["sliding_attention" if (i + 1) % to_all else "full" for i in range(layers)]
    width, window = _kv_width(config.get), config.get("sliding_window")
    attends = config.get("full_attn_idxs") or range(layers)  # of LFM2; the others convolve
    return [
        (width, window if kind == "sliding_attention" else None)
        for index, kind in enumerate(kinds)
        if kind not in WITHOUT_KEYS and index in attends
    ]


def _kv_width(get: Callable[[str], Any]) -> int:
    """The numbers that an attention layer stores of a token: a key and a value for each head.

    Args:
        get: gives a field of the layer's configuration by its name, or None.
    """
    if get("kv_lora_rank"):  # DeepSeek's latent vector, from which all heads are computed
        return get("kv_lora_rank") + get("qk_rope_head_dim")
    heads, width = get("num_attention_heads"), head_width(get)
    if get("multi_query") and not get("new_decoder_architecture"):  # Falcon, StarCoder
        return 2 * width
    return 2 * (get("num_key_value_heads") or get("num_kv_heads") or heads) * width


def head_width(get: Callable[[str], Any]) -> int:
    """The numbers in one attention head's vectors, by the fields of a configuration."""
    return get("head_dim") or get("hidden_size") // get("num_attention_heads")


def config_fields(config) -> dict[str, Any]:
    """The fields of a ``PretrainedConfig`` that decide a model's size, by their usual names.

    GPT-2's ``n_head`` is ``num_attention_heads``, as transformers itself maps it; ``kv_layers``
    lists the layers that store keys and values, which are those of transformers' own cache: in
    hybrid models not all do.

    Raises:
        LabError: the configuration lacks what an attention layer needs.
    """
    from transformers import DynamicCache
    from transformers.cache_utils import CacheLayerMixin

    text = config.get_text_config(decoder=True)
    usual = {name: field_of(text, name) for name in (*text.attribute_map, *SIZES)}
    fields = text.to_dict() | {name: value for name, value in usual.items() if value is not None}
    try:
        fields["kv_layers"] = tuple(
            (_kv_width(partial(field_of, each)), getattr(layer, "sliding_window", None))
            for layer, each in zip(
                DynamicCache(config=config).layers, text.per_layer_config, strict=True
            )
            if isinstance(layer, CacheLayerMixin)
        )
    except (TypeError, LookupError, ValueError, ZeroDivisionError, AttributeError) as error:
        raise LabError(
            f"The lab cannot tell from the configuration of {text.model_type} how much its cache "
            f"stores: {type(error).__name__}: {error}",
            "Take another model, or a newer lab.",
        ) from None
    return fields


def context_length(config) -> int:
    """The most tokens that a model was made for; `UNLIMITED` without such a limit."""
    text = config.get_text_config(decoder=True)
    return next(filter(None, (getattr(text, name, None) for name in CONTEXTS)), UNLIMITED)


def field_of(config, name: str) -> Any:
    """A field that the architecture has; a file can state others, which nothing reads."""
    known = name in config.attribute_map or hasattr(type(config), name)
    try:
        return getattr(config, name, None) if known else None
    except RuntimeError:  # it differs from layer to layer, and must be asked for there
        return None


def needs(parameters: int, config: Mapping[str, Any], dtype: str) -> MemoryNeeds:
    """The memory that a model needs in a dtype, by its parameters and its configuration."""
    return MemoryNeeds(
        weights_bytes=parameters * BYTES_PER_WEIGHT[dtype],
        cache_bytes=cache_bytes(config, CONVERSATION_TOKENS, dtype),
        dtype=dtype,
    )


def count_parameters(config) -> int:
    """Parameters of a causal ``PretrainedConfig``, counted on the meta device without memory.

    Raises:
        LabError: it describes no model that can be built.
    """
    import torch
    from transformers import AutoModelForCausalLM

    text = config.get_text_config(decoder=True)
    try:
        if text.num_hidden_layers > MOST_LAYERS:  # each takes a moment even without memory
            raise ValueError(f"it has {text.num_hidden_layers:,} layers")
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    except Exception as error:  # a wrong value fails in whatever layer meets it
        raise LabError(
            f"The configuration of {text.model_type} describes no model that can be built: {error}",
            "Download or copy the model's config.json again.",
        ) from None
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
    device = device or ("cuda" if machine.gpus else "mps" if machine.apple_gpu else "cpu")
    if device.startswith("cuda"):
        gpu_free = gpu_free_bytes(machine, device)
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


def gpu_free_bytes(machine: Machine, device: str) -> int:
    """Free memory of the GPU that a device names: ``"cuda"`` is the first."""
    index = int(device.partition(":")[2] or 0)
    return machine.gpus[index].free_bytes if index < len(machine.gpus) else 0


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
