"""The models the lab knows by a short name, with what is known of each before the download.

To add one, add an `Entry`. Its ``config`` has the few fields of the model's own ``config.json``
that decide its size; ``tests/models/test_catalogue.py`` builds the architecture from them and
compares the number of parameters with the one stated.
"""

import difflib

from labkit.errors import LabError

from .entry import Entry, HubSource
from .wheels import GEMMA_3_270M, MINILM_L6, QWEN_CODER_0_5B, QWEN_CODER_1_5B, SMOLLM2_135M


def _shape(model_type, hidden, inner, layers, heads, kv_heads, vocab, context, tied, **more):
    return {
        "model_type": model_type,
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "vocab_size": vocab,
        "max_position_embeddings": context,
        "tie_word_embeddings": tied,
        **more,
    }


def _hub(name, repo_id, license, parameters, config, *, kind="chat", gated=False, terms=None):
    title = repo_id.partition("/")[2]
    source = HubSource(repo_id, gated=gated)
    context = config.get("text_config", config)["max_position_embeddings"]
    return Entry(
        name, title, source, license, kind, parameters, context, 2 * parameters, config, terms
    )


_GEMMA_TERMS = "https://ai.google.dev/gemma/terms"
_LLAMA_32_TERMS = "https://www.llama.com/llama3_2/license/"
_LFM_TERMS = "https://www.liquid.ai/lfm-license"
_LFM2_LAYERS = [2, 5, 8, 10, 12, 14]  # those that attend; the others are convolutions
_LLAMA_2_TERMS = "https://ai.meta.com/llama/license/"

_ENTRIES = (
    Entry(
        name="smollm2-135m",
        title="SmolLM2-135M-Instruct",
        source=SMOLLM2_135M,
        license="Apache-2.0",
        kind="chat",
        parameters=134_515_008,
        context=8192,
        download_bytes=92_871_040,
        config=_shape("llama", 576, 1536, 30, 9, 3, 49152, 8192, True),
    ),
    Entry(
        name="gemma-3-270m",
        title="Gemma 3 270M",
        source=GEMMA_3_270M,
        license="Gemma terms of use",
        terms=_GEMMA_TERMS,
        kind="base",
        parameters=268_098_176,
        context=32_768,
        download_bytes=238_175_024,
        config=_shape(
            "gemma3_text", 640, 2048, 18, 4, 1, 262_144, 32_768, True,
            head_dim=256, sliding_window=512,
        ),
    ),
    Entry(
        name="qwen2.5-coder-0.5b",
        title="Qwen2.5-Coder-0.5B-Instruct",
        source=QWEN_CODER_0_5B,
        license="Apache-2.0",
        kind="chat",
        parameters=494_032_768,
        context=32_768,
        download_bytes=477_610_024,
        config=_shape("qwen2", 896, 4864, 24, 14, 2, 151_936, 32_768, True),
        output_parameters=136_134_656,
    ),
    Entry(
        name="qwen2.5-coder-1.5b",
        title="Qwen2.5-Coder-1.5B-Instruct",
        source=QWEN_CODER_1_5B,
        license="Apache-2.0",
        kind="chat",
        parameters=1_543_714_304,
        context=32_768,
        download_bytes=1_092_845_809,
        config=_shape("qwen2", 1536, 8960, 28, 12, 2, 151_936, 32_768, True),
        output_parameters=233_373_696,
    ),
    Entry(
        name="all-minilm-l6-v2",
        title="all-MiniLM-L6-v2",
        source=MINILM_L6,
        license="Apache-2.0",
        kind="embedding",
        parameters=22_713_216,
        context=512,
        download_bytes=83_506_384,
        config=_shape("bert", 384, 1536, 6, 12, 12, 30_522, 512, True),
    ),
    _hub(
        "smollm2-360m", "HuggingFaceTB/SmolLM2-360M-Instruct", "Apache-2.0", 361_821_120,
        _shape("llama", 960, 2560, 32, 15, 5, 49152, 8192, True),
    ),
    _hub(
        "smollm2-1.7b", "HuggingFaceTB/SmolLM2-1.7B-Instruct", "Apache-2.0", 1_711_376_384,
        _shape("llama", 2048, 8192, 24, 32, 32, 49152, 8192, True),
    ),
    _hub(
        "qwen2.5-0.5b", "Qwen/Qwen2.5-0.5B-Instruct", "Apache-2.0", 494_032_768,
        _shape("qwen2", 896, 4864, 24, 14, 2, 151_936, 32_768, True),
    ),
    _hub(
        "qwen2.5-1.5b", "Qwen/Qwen2.5-1.5B-Instruct", "Apache-2.0", 1_543_714_304,
        _shape("qwen2", 1536, 8960, 28, 12, 2, 151_936, 32_768, True),
    ),
    _hub(
        "qwen2.5-3b", "Qwen/Qwen2.5-3B-Instruct", "Qwen research licence", 3_085_938_688,
        _shape("qwen2", 2048, 11_008, 36, 16, 2, 151_936, 32_768, True),
        terms="https://huggingface.co/Qwen/Qwen2.5-3B-Instruct/blob/main/LICENSE",
    ),
    _hub(
        "qwen3-0.6b", "Qwen/Qwen3-0.6B", "Apache-2.0", 596_049_920,
        _shape("qwen3", 1024, 3072, 28, 16, 8, 151_936, 40_960, True, head_dim=128),
    ),
    _hub(
        "qwen3-1.7b", "Qwen/Qwen3-1.7B", "Apache-2.0", 1_720_574_976,
        _shape("qwen3", 2048, 6144, 28, 16, 8, 151_936, 40_960, True, head_dim=128),
    ),
    _hub(
        "qwen3-4b", "Qwen/Qwen3-4B", "Apache-2.0", 4_022_468_096,
        _shape("qwen3", 2560, 9728, 36, 32, 8, 151_936, 40_960, True, head_dim=128),
    ),
    _hub(
        "gemma-3-1b", "google/gemma-3-1b-it", "Gemma terms of use", 999_885_952,
        _shape(
            "gemma3_text", 1152, 6912, 26, 4, 1, 262_144, 32_768, True,
            head_dim=256, sliding_window=512,
        ),
        gated=True, terms=_GEMMA_TERMS,
    ),
    _hub(
        "gemma-3-4b", "google/gemma-3-4b-it", "Gemma terms of use", 4_300_079_472,
        {
            "model_type": "gemma3",
            "text_config": _shape(
                "gemma3_text", 2560, 10_240, 34, 8, 4, 262_208, 131_072, True,
                head_dim=256, sliding_window=1024,
            ),
            "vision_config": {
                "model_type": "siglip_vision_model", "hidden_size": 1152,
                "intermediate_size": 4304, "num_hidden_layers": 27, "num_attention_heads": 16,
                "image_size": 896, "patch_size": 14, "vision_use_head": False,
            },
        },
        gated=True, terms=_GEMMA_TERMS,
    ),
    _hub(
        "smollm3-3b", "HuggingFaceTB/SmolLM3-3B", "Apache-2.0", 3_075_098_624,
        _shape("smollm3", 2048, 11_008, 36, 16, 4, 128_256, 65_536, True),
    ),
    _hub(
        "llama-3.2-1b", "meta-llama/Llama-3.2-1B-Instruct", "Llama 3.2 community licence",
        1_235_814_400,
        _shape("llama", 2048, 8192, 16, 32, 8, 128_256, 131_072, True, head_dim=64),
        gated=True, terms=_LLAMA_32_TERMS,
    ),
    _hub(
        "llama-3.2-3b", "meta-llama/Llama-3.2-3B-Instruct", "Llama 3.2 community licence",
        3_212_749_824,
        _shape("llama", 3072, 8192, 28, 24, 8, 128_256, 131_072, True, head_dim=128),
        gated=True, terms=_LLAMA_32_TERMS,
    ),
    _hub(
        "tinyllama-1.1b", "TinyLlama/TinyLlama-1.1B-Chat-v1.0", "Apache-2.0", 1_100_048_384,
        _shape("llama", 2048, 5632, 22, 32, 4, 32_000, 2048, False),
    ),
    _hub(
        "phi-3.5-mini", "microsoft/Phi-3.5-mini-instruct", "MIT", 3_821_079_552,
        _shape(
            "phi3", 3072, 8192, 32, 32, 32, 32_064, 131_072, False,
            pad_token_id=32_000, sliding_window=262_144,
        ),
    ),
    _hub(
        "phi-4-mini", "microsoft/Phi-4-mini-instruct", "MIT", 3_836_021_760,
        _shape(
            "phi3", 3072, 8192, 32, 24, 8, 200_064, 131_072, True,
            pad_token_id=199_999, sliding_window=262_144,
            rope_parameters={
                "rope_type": "default", "rope_theta": 10_000.0, "partial_rotary_factor": 0.75
            },
        ),
    ),
    _hub(
        "olmo-2-1b", "allenai/OLMo-2-0425-1B-Instruct", "Apache-2.0", 1_484_916_736,
        _shape("olmo2", 2048, 8192, 16, 16, 16, 100_352, 4096, False),
    ),
    _hub(
        "lfm2-350m", "LiquidAI/LFM2-350M", "LFM Open License v1.0", 354_483_968,
        _shape("lfm2", 1024, 6656, 16, 16, 8, 65_536, 128_000, True, full_attn_idxs=_LFM2_LAYERS),
        terms=_LFM_TERMS,
    ),
    _hub(
        "lfm2-1.2b", "LiquidAI/LFM2-1.2B", "LFM Open License v1.0", 1_170_340_608,
        _shape("lfm2", 2048, 12_288, 16, 32, 8, 65_536, 128_000, True, full_attn_idxs=_LFM2_LAYERS),
        terms=_LFM_TERMS,
    ),
    _hub(
        "mistral-7b", "mistralai/Mistral-7B-Instruct-v0.3", "Apache-2.0", 7_248_023_552,
        _shape("mistral", 4096, 14_336, 32, 32, 8, 32_768, 32_768, False, sliding_window=None),
    ),
    _hub(
        "ministral-8b", "mistralai/Ministral-8B-Instruct-2410", "Mistral research licence",
        8_019_808_256,
        _shape(
            "mistral", 4096, 12_288, 36, 32, 8, 131_072, 32_768, False,
            head_dim=128, sliding_window=None,
        ),
        gated=True, terms="https://mistral.ai/static/licenses/MRL-0.1.md",
    ),
    _hub(
        "llama-2-7b", "meta-llama/Llama-2-7b-chat-hf", "Llama 2 community licence",
        6_738_415_616,
        _shape("llama", 4096, 11_008, 32, 32, 32, 32_000, 4096, False),
        gated=True, terms=_LLAMA_2_TERMS,
    ),
)  # fmt: skip

CATALOGUE: dict[str, Entry] = {entry.name: entry for entry in _ENTRIES}
DEFAULT = "smollm2-135m"
NICKNAMES = {"coder": "qwen2.5-coder-0.5b", "minilm": "all-minilm-l6-v2"}
GENERATIVE = [entry for entry in _ENTRIES if entry.kind != "embedding"]


def full_name(name: str) -> str:
    """The catalogue's name for a nickname; any other name as it is."""
    return NICKNAMES.get(name, name)


def find(name: str) -> Entry:
    """The catalogue's entry for a short name.

    Raises:
        LabError: the name is unknown; the message suggests the nearest.

    >>> find("smollm2-135m").title
    'SmolLM2-135M-Instruct'
    >>> find("smollm-135m")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    labkit.errors.LabError: The lab knows no model 'smollm-135m'. Did you mean 'smollm2-135m'?
      ...
    """
    if name in CATALOGUE:
        return CATALOGUE[name]
    near = difflib.get_close_matches(name.lower(), [*CATALOGUE, *NICKNAMES], n=1, cutoff=0.5)
    guess = f" Did you mean '{near[0]}'?" if near else ""
    raise LabError(
        f"The lab knows no model '{name}'.{guess}",
        "Give a short name (python3 -m labkit models list), a hub id such as 'owner/name', or "
        "the path of a folder or of a .gguf file.",
    )
