"""The files of all known tokenizers, downloaded once together."""

from pathlib import Path

from labkit.models.storage.file_set import FileSet

from .catalogue import DISK_BYTES, DOWNLOAD_BYTES, FILES

TOKENIZER_FILES = FileSet(
    "tokenizers", "The tokenizers", FILES, download_bytes=DOWNLOAD_BYTES, disk_bytes=DISK_BYTES
)


def get_tokenizers() -> Path:
    """The folder of all known tokenizers' files; see `FileSet.get`."""
    return TOKENIZER_FILES.get()
