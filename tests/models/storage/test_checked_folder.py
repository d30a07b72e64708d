"""A folder of weights is looked at before it is read: no pickle, nothing outside or missing."""

import json
import shutil

import pytest
import torch

from labkit.errors import LabError
from labkit.models.storage.checked_folder import check_folder, weight_files

FIRST, SECOND = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"


@pytest.fixture
def sharded(make_tiny, tmp_path):
    """A folder of two shards, and ``rename(shard)``: its index names another second one."""
    from safetensors.torch import load_file, save_file

    folder = make_tiny(tmp_path / "m")
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    half = len(weights) // 2
    shards = {FIRST: list(weights)[:half], SECOND: list(weights)[half:]}
    for shard, names in shards.items():
        save_file({name: weights[name] for name in names}, folder / shard, {"format": "pt"})

    def rename(second):
        lists = {FIRST: shards[FIRST], second: shards[SECOND]}
        files = {name: shard for shard, names in lists.items() for name in names}
        index = json.dumps({"metadata": {}, "weight_map": files})
        (folder / "model.safetensors.index.json").write_text(index)
        return folder

    rename(SECOND)
    return folder, rename


def test_shards_that_are_all_there_pass(sharded):
    folder, _ = sharded
    assert check_folder(folder) == folder
    assert [file.name for file in weight_files(folder)] == [FIRST, SECOND]


def test_an_index_that_names_a_missing_shard(sharded):
    folder, _ = sharded
    (folder / SECOND).unlink()
    with pytest.raises(LabError, match=rf"names '{SECOND}', which is not in the folder"):
        check_folder(folder)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "weights.txt", "weights"])
def test_a_pickle_that_an_index_names_is_not_read(sharded, monkeypatch, name):
    folder, rename = sharded
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("it was unpickled"))
    torch.save({}, rename(name) / name)
    with pytest.raises(LabError, match=f"{name}', which is not a safetensors file: refused"):
        check_folder(folder)


def test_a_pickle_under_the_name_of_a_shard_is_not_read(sharded):
    folder, _ = sharded
    torch.save({}, folder / SECOND)
    with pytest.raises(LabError, match=f"{SECOND} is damaged, or not a safetensors file"):
        check_folder(folder)


def test_a_shard_outside_the_folder_is_refused(sharded, tmp_path):
    folder, rename = sharded
    shutil.copy(folder / SECOND, tmp_path / "out.safetensors")
    for outside in ("../out.safetensors", str(tmp_path / "out.safetensors")):
        with pytest.raises(LabError, match="outside its folder: refused"):
            check_folder(rename(outside))


def test_a_link_out_of_the_folder_is_refused(sharded, tmp_path):
    folder, _ = sharded
    (folder / SECOND).rename(tmp_path / "out.safetensors")
    (folder / SECOND).symlink_to(tmp_path / "out.safetensors")
    with pytest.raises(LabError, match="outside its folder: refused"):
        check_folder(folder)


def test_the_links_of_the_hubs_cache_are_followed(sharded, tmp_path):
    folder, _ = sharded
    snapshot = tmp_path / "models--owner--name" / "snapshots" / "0123abcd"
    blobs = snapshot.parents[1] / "blobs"
    blobs.mkdir(parents=True)
    snapshot.mkdir(parents=True)
    for file in folder.iterdir():
        file.rename(blobs / file.name)
        (snapshot / file.name).symlink_to(blobs / file.name)
    assert len(weight_files(snapshot)) == 2


@pytest.mark.parametrize("index", ["", "[]", "{}", '{"weight_map": {"a": 5}}', '{"weight_map": 5}'])
def test_a_damaged_index_is_said(sharded, index):
    folder, _ = sharded
    (folder / "model.safetensors.index.json").write_text(index)
    with pytest.raises(LabError, match=r"index\.json"):
        check_folder(folder)


@pytest.mark.parametrize("name", ["../out.safetensors", "sub/model.safetensors", 5])
def test_a_configuration_cannot_name_weights_elsewhere(sharded, name):
    folder, _ = sharded
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"transformers_weights": name}))
    with pytest.raises(LabError, match="names weights outside it"):
        check_folder(folder)


def test_the_files_that_are_checked_are_those_that_transformers_opens(sharded):
    """Oracle: its own list of them."""
    from transformers.modeling_utils import _get_resolved_checkpoint_files

    folder, _ = sharded
    theirs, _ = _get_resolved_checkpoint_files(folder, None, None, True, None, False)
    assert sorted(theirs) == sorted(map(str, weight_files(folder)))
