"""What a GGUF file says of its model, under the names that transformers' configurations have."""

from pathlib import Path
from typing import Any

from labkit.errors import LabError
from labkit.models.storage.gguf_parts import open_gguf

FIELDS = {
    "hidden_size": "embedding_length",
    "num_hidden_layers": "block_count",
    "num_attention_heads": "attention.head_count",
    "num_key_value_heads": "attention.head_count_kv",
    "head_dim": "attention.key_length",
    "sliding_window": "attention.sliding_window",
    "num_experts": "expert_count",
}
REQUIRED = ("hidden_size", "num_hidden_layers", "num_attention_heads")


def read_gguf_config(file: Path) -> dict[str, Any]:
    """The sizes of a GGUF file's model.

    Raises:
        LabError: damaged, or a model whose layers are not all alike.
    Source: github.com/ggml-org/ggml, docs/gguf.md, "LLM".
    """
    reader = open_gguf(file)
    kind = reader.get_field("general.architecture")
    name = kind.contents() if kind else "unknown"
    found = {key: reader.get_field(f"{name}.{field}") for key, field in FIELDS.items()}
    config = {key: field.contents() for key, field in found.items() if field}
    shapes = {tensor.name: tensor.shape for tensor in reader.tensors}
    lists = [key for key, value in config.items() if not isinstance(value, int)]
    if lists or "token_embd.weight" not in shapes or not all(map(config.get, REQUIRED)):
        raise LabError(f"The lab cannot tell from {file.name} what a token of {name} takes.")
    config["vocab_size"] = int(max(shapes["token_embd.weight"]))
    return config | {"model_type": name, "tie_word_embeddings": "output.weight" not in shapes}
