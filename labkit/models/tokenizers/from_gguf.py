"""A GGUF file's own tokenizer, without transformers: byte-level BPE, as most models have."""

from pathlib import Path
from typing import Any

from labkit.errors import LabError
from labkit.models.storage.gguf_parts import read_fields

_FIELDS = ("model", "pre", "tokens", "merges", "token_type", "add_bos_token")
_CONTROL, _USER_DEFINED = 3, 4  # types of tokens; 1 is text, 5 unused
# Of Qwen 2's own tokenizer.json, pre_tokenizer.
_QWEN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def tokenizer_of_gguf(file: Path) -> Any:
    """The ``tokenizers.Tokenizer`` of a GGUF file.

    Raises:
        LabError: its kind, or its rule for splitting text before merging, is not one of these.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models

    fields = read_fields(file, {f"tokenizer.ggml.{name}" for name in _FIELDS})
    model, pre, tokens, merges, types, begins = (
        fields.get(f"tokenizer.ggml.{name}") for name in _FIELDS
    )
    normalizer, splits = _rules(pre)
    if model != "gpt2" or splits is None or not tokens or not types or begins:
        raise LabError(
            f"The tokenizer of {file.name} ({model}, {pre}) cannot be read without transformers.",
            "Install torch and transformers: python3 -m labkit lab, without --light.",
        )
    pairs = [tuple(merge.split(" ", 1)) for merge in merges or ()]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    library = Tokenizer(models.BPE(vocabulary, pairs))
    library.pre_tokenizer, library.decoder = splits, decoders.ByteLevel()
    if normalizer:
        library.normalizer = normalizer
    for token, kind in zip(tokens, types, strict=True):
        if kind in (_CONTROL, _USER_DEFINED):
            is_special = kind == _CONTROL
            library.add_tokens([AddedToken(token, special=is_special, normalized=False)])
    return library


def _rules(pre: str | None) -> tuple[Any, Any]:
    """The normalizer and the splitting rule, as in the publishers' tokenizer.json."""
    from tokenizers import Regex, normalizers
    from tokenizers import pre_tokenizers as split

    bytes_of_words = split.ByteLevel(add_prefix_space=False)
    if pre == "smollm":
        return None, split.Sequence([split.Digits(individual_digits=True), bytes_of_words])
    if pre == "gpt-2":
        return None, bytes_of_words
    if pre == "qwen2":
        words = split.Split(Regex(_QWEN), "isolated")
        bytes_alone = split.ByteLevel(add_prefix_space=False, use_regex=False)
        return normalizers.NFC(), split.Sequence([words, bytes_alone])
    return None, None
