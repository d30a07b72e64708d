"""From a name to a tokenizer: a short name, a hub id, a folder, a file, or a loaded model."""

import base64
import difflib
import functools
import json
import os
from pathlib import Path
from typing import Any

from labkit.errors import LabError
from labkit.models.catalogue import CATALOGUE, NICKNAMES, full_name
from labkit.models.entry import HubSource
from labkit.models.machine import has_torch
from labkit.models.storage import store
from labkit.models.storage.checked_folder import require_gguf
from labkit.models.storage.hub import fetch_hub_file
from labkit.models.temporary_setting import temporary_setting

from .catalogue import ALIASES, TOKENIZERS, KnownTokenizer
from .files import get_tokenizers
from .from_gguf import tokenizer_of_gguf
from .growth import require_bounded
from .plain import PlainTokenizer, read_library, written_ns
from .readers import Reader, SentencePieceReader, TiktokenReader, TokenizersReader
from .shared import open_shared, shared_address

TEKKEN_SPECIAL = 1000  # ids that Mistral's reader reserves before the first token of text


def open_tokenizer(source: Any) -> Reader:
    """The tokenizer of that name, downloaded if needed and cached from then on.

    Args:
        source: a short name of `TOKENIZERS`, a model's name, a hub id, a folder or a
            ``tokenizer.json``; or a model from ``labkit.load``.
    Raises:
        LabError: unknown name (the message suggests the nearest), no network, damaged files.
    """
    if isinstance(own := getattr(source, "tokenizer", None), PlainTokenizer):
        known = next((name for name, each in TOKENIZERS.items() if each.model == source.name), None)
        if known and (address := shared_address()):
            return open_shared(known, address)
        return _reader(type(own.library).from_str(own.library.to_str()), source.name)
    if (folder := getattr(source, "folder", None)) is not None:
        return _open_json(Path(folder) / "tokenizer.json", source.name)
    if not isinstance(source, str | Path) or not str(source):
        raise ValueError(f"name must be that of a tokenizer, or a model; got {source!r}")
    name = ALIASES.get(str(source), str(source))
    if name in TOKENIZERS and (address := shared_address()):
        return open_shared(name, address)
    return open_here(name)


def known_tokenizers() -> tuple[str, ...]:
    """Short names of the tokenizers that need only the lab's own download."""
    return tuple(name for name, known in TOKENIZERS.items() if not _is_missing(known))


def _is_missing(known: KnownTokenizer) -> bool:
    """Whether it belongs to a model that has terms and is not on this machine."""
    if known.model is None or CATALOGUE[known.model].terms is None:
        return False
    return "safetensors" not in store.list_models().get(known.model, ())


def open_here(name: str) -> Reader:
    """The same for a name or a path, in this process whatever the environment says."""
    name = full_name(name)
    if name in TOKENIZERS or name in CATALOGUE:
        return _open_listed(name)
    path = Path(os.path.abspath(os.path.expanduser(name)))
    if os.path.isfile(path):
        return _open_json(path, path.stem)
    if os.path.isdir(path):
        return _open_json(path / "tokenizer.json", path.name)
    stored = store.list_models()
    if name in stored:
        return _open_stored(name)
    if name.count("/") == 1 and not name.startswith(("/", ".", "~")):
        return _open_hub(name)
    known = [*TOKENIZERS, *CATALOGUE, *NICKNAMES, *stored]
    near = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.4)
    guess = f" Did you mean '{near[0]}'?" if near else ""
    raise LabError(
        f"The lab knows no tokenizer '{name}'.{guess}",
        f"Give a short name ({', '.join(TOKENIZERS)}), a model's name, a hub id such as "
        "'owner/name', or the path of a folder or a tokenizer.json.",
    )


@functools.lru_cache(maxsize=32)
def _open_listed(name: str) -> Reader:
    """One that the lab lists, whose files do not change."""
    if name in TOKENIZERS:
        return _open_known(TOKENIZERS[name])
    return _open_model(name, name, CATALOGUE[name].title)


def _open_known(known: KnownTokenizer) -> Reader:
    if known.model:
        return _open_model(known.model, known.name, known.title)
    folder = get_tokenizers()
    file = folder / known.files[0]
    names = (known.name, known.title, known.kind)
    if known.name in ("gpt2", "cl100k", "o200k"):
        return TiktokenReader(*names, _openai_encoding(known.title, folder))
    if known.pattern:
        return TiktokenReader(*names, _qwen_encoding(known, known.pattern, file), form="NFC")
    if file.name.startswith("tekken"):
        encoding = _tekken_encoding(file)
        return TiktokenReader(*names, encoding, special=known.special, first=TEKKEN_SPECIAL)
    if file.suffix == ".json":
        return _open_json(file, known.name, known.title)
    import sentencepiece

    return SentencePieceReader(*names, sentencepiece.SentencePieceProcessor(model_file=str(file)))


def _openai_encoding(title: str, folder: Path):
    """Tiktoken's own definition with the files in our folder; it checks their sha256 itself."""
    import tiktoken

    with temporary_setting(os.environ, "TIKTOKEN_CACHE_DIR", str(folder)):
        return tiktoken.get_encoding("gpt2" if title == "GPT-2" else title)


def _qwen_encoding(known: KnownTokenizer, pattern: str, file: Path):
    import tiktoken
    from tiktoken.load import load_tiktoken_bpe

    return tiktoken.Encoding(
        known.name,
        pat_str=pattern,
        mergeable_ranks=load_tiktoken_bpe(str(file)),
        special_tokens={text: token_id for token_id, text in known.special},
    )


def _tekken_encoding(file: Path):
    """Like Mistral's reader: the file's pattern, and as many of its tokens as are in use.

    Its ids begin after those of the special tokens; so do the ranks here, which merge the same.
    """
    import tiktoken

    tekken = json.loads(file.read_text(encoding="utf-8"))
    used = tekken["config"]["default_vocab_size"] - TEKKEN_SPECIAL
    return tiktoken.Encoding(
        "tekken",
        pat_str=tekken["config"]["pattern"],
        mergeable_ranks={
            base64.b64decode(token["token_bytes"]): token["rank"] + TEKKEN_SPECIAL
            for token in tekken["vocab"][:used]
        },
        special_tokens={},
    )


def _open_model(model: str, name: str, title: str) -> Reader:
    from labkit.models.loading import get_model

    entry = CATALOGUE[model]
    if isinstance(entry.source, HubSource):
        return _open_hub(entry.source.repo_id)
    folder, gguf_file = get_model(model)
    if gguf_file and not os.path.isfile(folder / "tokenizer.json"):
        return _reader(tokenizer_of_gguf(gguf_file), name, title)
    return _open_json(folder / "tokenizer.json", name, title)


def _open_stored(name: str) -> Reader:
    """That of a model that was kept, converted or unpacked here."""
    file = store.part_folder(name, "safetensors") / "tokenizer.json"
    if not os.path.isfile(file):
        try:
            return _reader(tokenizer_of_gguf(require_gguf(name)), name)
        except LabError:
            if not has_torch():
                raise
        from labkit.models.loading import get_model

        get_model(name)  # of its kind, only transformers reads the tokenizer
    return _open_json(file, name)


def _open_json(file: Path, name: str, title: str = "") -> Reader:
    return _read_json(Path(os.path.abspath(file)), written_ns(file), name, title)


@functools.lru_cache(maxsize=32)
def _read_json(file: Path, _written_ns: int, name: str, title: str) -> Reader:
    return _reader(read_library(require_bounded(file)), name, title)


def _reader(library: Any, name: str, title: str = "") -> Reader:
    """A reader of a ``tokenizers.Tokenizer`` that nobody else uses."""
    model = type(library.model).__name__
    kind = f"byte-level {model}" if "ByteLevel" in repr(library.decoder) else model
    return TokenizersReader(name, title or name, kind, library)


def _open_hub(name: str) -> Reader:
    """Downloads one file of the repository, into the hub client's cache."""
    return _open_json(fetch_hub_file(name, "tokenizer.json"), name)
