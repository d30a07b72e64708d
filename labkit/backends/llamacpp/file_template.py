"""The chat template of a GGUF file: run in a process of its own, and not by llama.cpp.

A template of unknown origin can end llama.cpp's process, which is this one, or never come to an
end. llama.cpp runs a file's template when it opens the file, so it is given another one, unless the
file is one of the catalogue's.
"""

from pathlib import Path

from labkit.models.catalogue import CATALOGUE
from labkit.models.entry import WheelSource
from labkit.models.storage import store
from labkit.models.storage.gguf_parts import text_field


def template_of(file: Path) -> str | None:
    """A file's own chat template; None of a base model."""
    return text_field(file, "tokenizer.chat_template") or None


def is_of_catalogue(file: Path) -> bool:
    """Whether a file has the checksum that the catalogue has for its model."""
    entry = CATALOGUE.get(file.parent.parent.name)
    if not entry or not isinstance(entry.source, WheelSource):
        return False
    if file.parent != store.part_folder(entry.name, "gguf"):
        return False
    listed = store.read_manifest(file.parent).get("files", {}).get(file.name, {})
    return listed.get("sha256") == entry.source.sha256
