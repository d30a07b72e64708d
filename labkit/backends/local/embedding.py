"""Texts as vectors whose angle says how near their meanings are, by a small embedding model."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch

from labkit.checks import checked_several
from labkit.errors import LabError
from labkit.models.catalogue import CATALOGUE, full_name
from labkit.models.gguf_to_safetensors import quiet_transformers
from labkit.models.loading import get_model

from .out_of_memory import frees_memory

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

    @frees_memory
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

    @frees_memory
    @torch.inference_mode()
    def embed(self, texts: Iterable[str]) -> np.ndarray:
        """The vectors of texts: (texts, width) float32, each of length 1.

        A text is read up to its first `MOST_TOKENS` tokens. The dot product of two vectors is the
        cosine of their angle.

        Raises:
            ValueError: texts are one text, or not texts.
        """
        if isinstance(texts, list | tuple) and not texts:
            return np.empty((0, self.model.config.hidden_size), np.float32)
        several = checked_several("texts", texts, str, 'one or more texts, as in ["a", "b"]')
        vectors = [
            self._embed_batch(list(several[start : start + BATCH_SIZE]))
            for start in range(0, len(several), BATCH_SIZE)
        ]
        return np.concatenate(vectors)

    def _embed_batch(self, texts: list[str]) -> np.ndarray:
        batch = self.tokenizer(
            texts, padding=True, truncation=True, max_length=MOST_TOKENS, return_tensors="pt"
        )
        states = self.model(**batch).last_hidden_state
        is_text = batch["attention_mask"].unsqueeze(-1)
        mean = (states * is_text).sum(dim=1) / is_text.sum(dim=1)
        return torch.nn.functional.normalize(mean, dim=1).numpy()
