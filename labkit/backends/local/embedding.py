"""Texts as vectors whose angle says how near their meanings are, by a small embedding model."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from labkit.errors import LabError
from labkit.models.catalogue import CATALOGUE, full_name
from labkit.models.gguf_to_safetensors import quiet_transformers
from labkit.models.loading import get_model

# The length that all-MiniLM-L6-v2 was trained for (its sentence_bert_config.json).
MOST_TOKENS = 256
BATCH_SIZE = 32


class Embedder:
    """A model of sentence-transformers' kind: the mean of the last layer's vectors, length 1.

    Args:
        name: an embedding model of the catalogue; downloaded first if it is not on this machine.
    Raises:
        LabError: not an embedding model, no network, no disk space.
    """

    def __init__(self, name: str = "all-minilm-l6-v2"):
        from transformers import AutoModel, AutoTokenizer

        self.name = full_name(name)
        if self.name not in CATALOGUE or CATALOGUE[self.name].kind != "embedding":
            known = ", ".join(each for each, e in CATALOGUE.items() if e.kind == "embedding")
            raise LabError(f"{name} is not an embedding model.", f"The lab has {known}.")
        folder, _ = get_model(self.name)
        here = {"local_files_only": True, "trust_remote_code": False}
        with quiet_transformers():
            self.tokenizer: Any = AutoTokenizer.from_pretrained(folder, **here)
            self.model = AutoModel.from_pretrained(folder, use_safetensors=True, **here).eval()

    @torch.inference_mode()
    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """The vectors of texts: (texts, width) float32, each of length 1.

        A text is read up to its first `MOST_TOKENS` tokens. The dot product of two vectors is the
        cosine of their angle.
        """
        vectors = [
            self._embed_batch(list(texts[start : start + BATCH_SIZE]))
            for start in range(0, len(texts), BATCH_SIZE)
        ]
        width = self.model.config.hidden_size
        return np.concatenate(vectors) if vectors else np.empty((0, width), np.float32)

    def _embed_batch(self, texts: list[str]) -> np.ndarray:
        batch = self.tokenizer(
            texts, padding=True, truncation=True, max_length=MOST_TOKENS, return_tensors="pt"
        )
        states = self.model(**batch).last_hidden_state
        is_text = batch["attention_mask"].unsqueeze(-1)
        mean = (states * is_text).sum(dim=1) / is_text.sum(dim=1)
        return torch.nn.functional.normalize(mean, dim=1).numpy()
