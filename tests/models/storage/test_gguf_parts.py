"""A model that llama.cpp's tool split into several GGUF files is one model."""

import shutil
from pathlib import Path

import pytest
import torch

import labkit
from labkit.errors import LabError
from labkit.models import loading, quantize
from labkit.models.storage import store
from labkit.models.storage.gguf_parts import find_parts, open_gguf, sha256_of_parts, stored_name


@pytest.mark.parametrize("given", [0, 1])
def test_all_parts_are_read_whichever_is_named(tiny_gguf, split_gguf, home, given):
    """Oracle: the same model in a single file."""
    whole, split = labkit.load(tiny_gguf), labkit.load(split_gguf[given])
    theirs = whole.model.state_dict()
    assert split.model.state_dict().keys() == theirs.keys()
    for name, weight in split.model.state_dict().items():
        torch.testing.assert_close(weight, theirs[name], rtol=0, atol=0)


def test_llamacpp_reads_the_same(tiny_gguf, split_gguf, home):
    pytest.importorskip("xllamacpp", reason="pip install 'labkit[llamacpp]'")
    asked = {"raw": True, "temperature": 0, "max_tokens": 8}
    engine = labkit.load_llamacpp(split_gguf[0], context=64)
    theirs = labkit.generate(engine, "the cat", **asked)
    engine.close()
    ours = labkit.generate(labkit.load(split_gguf[0]), "the cat", **asked)
    assert ours.text == theirs.text


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("Model.Q4_1.gguf", "model.q4_1-0123abcd"),
        ("../../etc/passwd.gguf", "passwd-0123abcd"),
        ("..gguf", "gguf-0123abcd"),
        ("模型.gguf", "gguf-0123abcd"),
        (".hidden--name.gguf", "hidden-name-0123abcd"),
        ("a" * 300 + ".gguf", "a" * 60 + "-0123abcd"),
    ],
)
def test_a_copy_is_named_after_the_file_it_was_made_of(file, name):
    assert stored_name(Path(file), "0123abcd4567") == name


def test_a_missing_part_is_named(split_gguf, tmp_path, home):
    shutil.copy(split_gguf[0], tmp_path)
    with pytest.raises(LabError, match=r"one of 2 parts .*tiny-00002-of-00002\.gguf is missing"):
        labkit.load(tmp_path / split_gguf[0].name)
    assert not list(store.models_folder().glob("[!.]*"))


def test_a_part_under_another_name_is_not_converted(split_gguf, tmp_path, home):
    shutil.copy(split_gguf[0], tmp_path / "renamed.gguf")
    with pytest.raises(LabError, match="one of 2 parts") as refused:
        labkit.load(tmp_path / "renamed.gguf")
    assert "llama-gguf-split --merge" in refused.value.hint
    assert not list(store.models_folder().glob("*gguf-*/"))


@pytest.mark.parametrize("name", ["m-00001-of-00000.gguf", "m-00003-of-00002.gguf"])
def test_a_name_that_only_looks_like_that_of_a_part(tmp_path, name):
    with pytest.raises(LabError, match="There is no file"):
        find_parts(tmp_path / name)
    (tmp_path / name).touch()
    assert find_parts(tmp_path / name) == [tmp_path / name]


def test_parts_of_two_models_do_not_share_a_name(tiny_gguf, split_gguf):
    assert sha256_of_parts(tiny_gguf) == store.sha256_of(tiny_gguf)
    sums = {sha256_of_parts(split_gguf[0]), *map(store.sha256_of, split_gguf)}
    assert len(sums) == 3
    assert find_parts(split_gguf[1]) == split_gguf


def test_an_architecture_that_is_no_text_is_a_sentence(tiny_gguf, tmp_path, home):
    content = tiny_gguf.read_bytes().replace(b"llama", b"ll\xdcma", 2)
    (tmp_path / "flipped.gguf").write_bytes(content)
    with pytest.raises(LabError, match="flipped"):
        loading.get_model(str(tmp_path / "flipped.gguf"))
    assert store.list_models() == {}


@pytest.mark.parametrize("index", [216, 582])  # each a bit at which llama.cpp aborts
def test_a_file_that_ends_llamacpp_is_a_sentence(tiny_gguf, tmp_path, home, index):
    content = bytearray(tiny_gguf.read_bytes())
    for bit in range(8):
        content[index] ^= 1 << bit
        (tmp_path / "flipped.gguf").write_bytes(content)
        content[index] ^= 1 << bit
        try:
            labkit.load_llamacpp(tmp_path / "flipped.gguf", context=64).close()
        except LabError as error:
            if "signal" in str(error):
                return
    pytest.fail("llama.cpp no longer aborts there")


def test_a_copy_in_another_format_has_the_tensors_of_all_parts(split_gguf, home):
    copy = quantize.get_copies(split_gguf[0], ["F16"])["F16"]
    names = [tensor.name for tensor in open_gguf(split_gguf[0]).tensors]
    assert [tensor.name for tensor in open_gguf(copy).tensors] == names
    assert labkit.load(copy).model.config.num_hidden_layers == 2


@pytest.mark.parametrize("end", [10, 100, 1000, -1000])
def test_a_truncated_file_leaves_nothing(tiny_gguf, tmp_path, home, end):
    (tmp_path / "cut.gguf").write_bytes(tiny_gguf.read_bytes()[:end])
    with pytest.raises(LabError):
        labkit.load(tmp_path / "cut.gguf")
    assert not [path for path in store.models_folder().iterdir() if path.is_dir()]
