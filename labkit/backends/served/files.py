"""What a served model's own files on this machine say: its tokenizer and its configuration."""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from labkit.backends.llamacpp.gguf_config import FIELDS
from labkit.backends.llamacpp.model import get_gguf
from labkit.errors import LabError
from labkit.models.catalogue import full_name
from labkit.models.storage import store
from labkit.models.storage.checked_folder import read_json
from labkit.models.storage.gguf_parts import read_fields
from labkit.models.tokenizers.plain import PlainTokenizer, read_plain_tokenizer


@dataclass(frozen=True)
class ModelFiles:
    """The files of a model that are here; of its weights only a GGUF file, if any.

    Attributes:
        name: the model's.
        source: what ``labkit.load`` loads it by.
        folder: the safetensors folder, or that of the GGUF file.
        gguf_file: the GGUF file, or None.
    """

    name: str
    source: str
    folder: Path
    gguf_file: Path | None

    @cached_property
    def tokenizer(self) -> PlainTokenizer:
        """The model's tokenizer."""
        is_there = os.path.isfile(self.folder / "tokenizer.json")
        return read_plain_tokenizer(self.folder if is_there else self.gguf_file or self.folder)

    @cached_property
    def config(self) -> SimpleNamespace:
        """The model's sizes, under transformers' names."""
        file = self.folder / "config.json"
        if os.path.isfile(file):
            return SimpleNamespace(**read_json(file))
        assert self.gguf_file
        return SimpleNamespace(**_gguf_config(self.gguf_file), vocab_size=len(self.tokenizer))

    @cached_property
    def end_ids(self) -> frozenset[int]:
        """The tokens that end an answer."""
        file, ids = self.folder / "generation_config.json", []
        if os.path.isfile(file):
            published = read_json(file).get("eos_token_id")
            ids = published if isinstance(published, list) else [published]
        known = [*ids, self.tokenizer.eos_token_id]
        return frozenset(number for number in known if isinstance(number, int))


def find_files(name: str, *, accept_terms: bool = False) -> ModelFiles:
    """A model's files by its name or path; a GGUF file is fetched if nothing is here."""
    name, path = full_name(name), Path(os.path.expanduser(name))
    if os.path.isdir(path):
        return ModelFiles(path.name, name, path, None)
    folder = store.part_folder(name, "safetensors")
    try:
        gguf_file = get_gguf(name, accept_terms=accept_terms)
    except LabError:
        if not os.path.isfile(folder / "tokenizer.json"):
            raise
        gguf_file = None
    if gguf_file and not os.path.isfile(folder / "tokenizer.json"):
        folder = gguf_file.parent
    return ModelFiles(Path(name).name.removesuffix(".gguf"), name, folder, gguf_file)


def _gguf_config(file: Path) -> dict[str, Any]:
    kind = read_fields(file, {"general.architecture"}).get("general.architecture", "unknown")
    names = {**FIELDS, "max_position_embeddings": "context_length"}
    found = read_fields(file, {f"{kind}.{field}" for field in names.values()})
    known = {name: found.get(f"{kind}.{field}") for name, field in names.items()}
    return {"model_type": kind} | {name: each for name, each in known.items() if each is not None}
