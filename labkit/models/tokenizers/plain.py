"""A model's tokenizer with the calls of transformers' own that the lab makes, and without it."""

import functools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from labkit.errors import LabError
from labkit.models.machine import release_memory
from labkit.models.storage.checked_folder import read_json
from labkit.models.storage.gguf_parts import read_fields

from .from_gguf import tokenizer_of_gguf
from .panics import without_panic

_IDS = ("bos_token_id", "eos_token_id", "padding_token_id")


class PlainTokenizer:
    """A ``tokenizers.Tokenizer`` with a chat template, called as transformers' own is.

    Args:
        library: the ``tokenizers.Tokenizer``.
        chat_template: the model's, or None.
        special_tokens: names of special tokens and their texts, such as ``eos_token``.

    Attributes:
        library, chat_template: as given.
        special_tokens_map: as given, as transformers calls it.
    """

    def __init__(self, library: Any, chat_template: str | None, special_tokens: Mapping[str, str]):
        self.library, self.chat_template = library, chat_template
        self.special_tokens_map = dict(special_tokens)

    def __call__(
        self, text: str, *, add_special_tokens: bool = True, verbose: bool = False
    ) -> dict[str, list[int]]:
        """The text's tokens, as ``{"input_ids": …}``."""
        with without_panic("this model"):
            encoded = self.library.encode(text, add_special_tokens=add_special_tokens)
        return {"input_ids": encoded.ids}

    def __len__(self) -> int:
        return self.library.get_vocab_size()

    def decode(
        self,
        ids: Sequence[int],
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool = False,
    ) -> str:
        """The text of these tokens; bytes that do not form a character become U+FFFD."""
        return self.library.decode(list(ids), skip_special_tokens=skip_special_tokens)

    def get_chat_template(self) -> str | None:
        """The model's chat template."""
        return self.chat_template

    def get_vocab(self) -> dict[str, int]:
        """Each token's text, as the vocabulary writes it, and number."""
        return self.library.get_vocab()

    def get_added_vocab(self) -> dict[str, int]:
        """The tokens that were added to the vocabulary, special ones included."""
        added = self.library.get_added_tokens_decoder()
        return {token.content: number for number, token in added.items()}

    @property
    def vocab_size(self) -> int:
        """Number of tokens that were not added."""
        return self.library.get_vocab_size(with_added_tokens=False)

    @property
    def eos_token_id(self) -> int | None:
        """The token that ends a text."""
        token = self.special_tokens_map.get("eos_token")
        return None if token is None else self.library.token_to_id(token)


def read_plain_tokenizer(path: Path) -> PlainTokenizer:
    """The tokenizer of a model's folder or GGUF file.

    Raises:
        LabError: damaged, or a GGUF file whose tokenizer only transformers reads.
    """
    return _of_gguf(path) if path.suffix == ".gguf" else _of_folder(path)


def _of_folder(path: Path) -> PlainTokenizer:
    library = _library(path / "tokenizer.json")
    config = _json(path / "tokenizer_config.json")
    special = {name: _content(config[name]) for name in config if name.endswith("_token")}
    template, file = config.get("chat_template"), path / "chat_template.jinja"
    if os.path.isfile(file):
        template = file.read_text(encoding="utf-8", errors="replace")
    special = {name: text for name, text in special.items() if text}
    return PlainTokenizer(library, template if isinstance(template, str) else None, special)


def read_library(file: Path) -> Any:
    """The ``tokenizers.Tokenizer`` of a ``tokenizer.json``.

    Raises:
        LabError: damaged, or not one.
    """
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_file(str(file))
    except Exception as error:  # tokenizers raises nothing more specific
        raise LabError(
            f"{file} is not a tokenizer that can be read: {error}", "Name a tokenizer.json."
        ) from None


def written_ns(file: Path) -> int:
    """When a file was last written, in ns; 0 if it is not there. With its path, a key of caches."""
    return os.stat(file).st_mtime_ns if os.path.isfile(file) else 0


def _library(file: Path) -> Any:
    return _read_once(Path(os.path.abspath(file)), written_ns(file))  # a link keeps its name


@functools.lru_cache(maxsize=2)
def _read_once(file: Path, _written_ns: int) -> Any:
    """One for all models of a file, which do not change it: it takes 10 MB and more."""
    library = tokenizer_of_gguf(file) if file.suffix == ".gguf" else read_library(file)
    release_memory()
    return library


def _of_gguf(path: Path) -> PlainTokenizer:
    library = _library(path)
    names = {f"tokenizer.ggml.{name}" for name in _IDS} | {"tokenizer.chat_template"}
    fields = read_fields(path, names)
    special = {
        name.rpartition(".")[2].removesuffix("_id").replace("padding", "pad"): library.id_to_token(
            number
        )
        for name, number in fields.items()
        if isinstance(number, int)
    }
    return PlainTokenizer(library, fields.get("tokenizer.chat_template"), special)


def _content(token: Any) -> str | None:
    """A special token's text, which older files keep in an object."""
    token = token.get("content") if isinstance(token, dict) else token
    return token if isinstance(token, str) else None


def _json(path: Path) -> dict[str, Any]:
    return read_json(path) if os.path.isfile(path) else {}
