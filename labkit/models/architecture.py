"""A model's configuration, read and checked before its weights: what the lab can run.

Code that comes with a model never runs.
"""

import inspect
import math
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from labkit.errors import LabError

from .gguf_to_safetensors import first_line
from .memory_plan import CONTEXTS, SIZES, field_of
from .storage.checked_folder import AGAIN, read_json

LARGEST = 10**12
MOST_LABELS = 10_000
# Without one of each there is no model; ALiBi's and state-space models lack some of the fields.
AT_LEAST_ONE = (*SIZES, "num_key_value_heads", "intermediate_size", "sliding_window", *CONTEXTS)
BOUNDS = {  # by the end of a field's name
    "token_id": (-1, 2**31),  # -1 stands for no token
    **dict.fromkeys(("eps", "epsilon", "dropout", "pdrop"), (0, 1)),
    **dict.fromkeys(("softcapping", "theta", "factor", "scalar"), (1e-9, LARGEST)),
    **dict.fromkeys(("_size", "_dim", "_heads", "_layers", "_experts"), (0, LARGEST)),
}
ANY = (-math.inf, math.inf)  # which NaN is not in


def read_config(folder: Path):
    """The configuration of a model that continues text, in a folder.

    Raises:
        LabError: another kind of model, quantized weights, or no configuration.
    """
    from transformers import AutoConfig

    if os.path.isfile(folder / "adapter_config.json"):
        raise LabError(
            f"{folder} holds an adapter, which changes another model, and not a model of its own.",
            "Merge it into its base model where you trust both, and save that.",
        )
    if not os.path.isfile(folder / "config.json"):
        raise LabError(f"{folder} has no config.json: it is not a model's folder.", AGAIN)
    labels = read_json(folder / "config.json").get("num_labels")
    if isinstance(labels, int | float) and labels > MOST_LABELS:  # each would get a name
        raise LabError(f"The configuration in {folder} says num_labels {labels:g}.", AGAIN)
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except Exception as error:  # a value of the wrong kind fails anywhere in it
        raise LabError(
            f"transformers does not know the architecture of the configuration in {folder}: "
            f"{first_line(error)}",
            "Code that comes with a model is not run. Take another model, or a newer lab.",
        ) from None
    _require_bounds(folder, config)
    _require_decoder(folder, config)
    _require_unquantized(folder, config)
    return config


def _require_bounds(folder: Path, config) -> None:
    """Refuses numbers that describe no model: transformers takes most of them, and fails later."""
    text = config.get_text_config(decoder=True)
    usual = [(name, field_of(text, name)) for name in AT_LEAST_ONE]
    for name, value in (*_numbers(text.to_dict()), *_numbers(dict(usual))):
        low, high = _bounds(name)
        if not low <= value <= high:
            raise LabError(
                f"The configuration in {folder} says {name} {value!r:.40}; the lab takes {low:g} "
                f"to {high:g}.",
                AGAIN,
            )


def _numbers(value: Any, name: str = "") -> Iterator[tuple[str, float]]:
    """Every number in it, with the name of its field."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _numbers(each, str(key))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _numbers(each, name)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield name, value


def _bounds(name: str) -> tuple[float, float]:
    """The least and the most that a field may be; of an unknown one, any number."""
    if name in AT_LEAST_ONE:
        return 1, LARGEST
    return next((bounds for end, bounds in BOUNDS.items() if name.endswith(end)), ANY)


def _require_decoder(folder: Path, config) -> None:
    """Refuses what does not continue text, or keeps its cache where the lab has no access."""
    from transformers import AutoModelForCausalLM, AutoModelForMaskedLM

    models = AutoModelForCausalLM._model_mapping
    encodes = type(config) in AutoModelForMaskedLM._model_mapping
    if (
        config.is_encoder_decoder
        or type(config) not in models
        or (encodes and not getattr(config, "is_decoder", True))
    ):
        raise LabError(
            f"The model in {folder} does not continue text: {config.model_type} is "
            f"{'an encoder with a decoder' if config.is_encoder_decoder else 'not a decoder'}.",
            "Take a decoder-only model, such as smollm2-135m.",
        )
    if not cache_argument(models[type(config)]):
        raise LabError(
            f"The lab cannot run {config.model_type}: it keeps what it has read in a form of its "
            "own, not in transformers' common cache.",
            "Take a model of another architecture, such as smollm2-135m.",
        )


def _require_unquantized(folder: Path, config) -> None:
    packed = getattr(config, "quantization_config", None) or getattr(config, "quantization", None)
    if not packed:
        return
    fields = packed if isinstance(packed, dict) else packed.to_dict()
    by = str(fields.get("quant_method") or "mlx").upper()
    of_flag = next((n for n in (4, 8) if fields.get(f"load_in_{n}bit")), None)  # bitsandbytes'
    bits = fields.get("bits") or of_flag
    raise LabError(
        f"The weights in {folder} are quantized by {by}{f' to {bits} bits' if bits else ''}, which "
        "the lab does not read.",
        "Take the same model with its original weights of 16 or 32 bits, or as a GGUF file.",
    )


@cache
def cache_argument(architecture: type) -> str | None:
    """The argument by which a model's class takes transformers' common cache, or None."""
    has_own = hasattr(architecture, "_setup_cache")  # in its modules
    if has_own or not architecture._supports_default_dynamic_cache():
        return None
    taken = inspect.signature(architecture.forward).parameters
    return next((name for name in ("past_key_values", "cache_params") if name in taken), None)
