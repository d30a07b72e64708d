"""A part of a model is here whole or not at all."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import PureWindowsPath

import pytest

from labkit.cli import main
from labkit.errors import LabError
from labkit.filesystem.disk_space import require_disk
from labkit.models.storage import store
from labkit.models.storage.checked_folder import require_no_additions

from ..kill_harness import kill_often

WEIGHTS = "model.safetensors"


def place(name="small", content=b"0" * 1000, part="safetensors"):
    with store.new_part(name, part, "a test") as aside:
        (aside / WEIGHTS).write_bytes(content)
        (aside / "sub").mkdir()
        (aside / "sub" / "more").write_text("more")
    return store.part_folder(name, part)


def test_a_placed_part_is_known_with_its_files(home):
    folder = place()
    assert store.list_models() == {"small": ("safetensors",)}
    manifest = store.read_manifest(folder)
    assert manifest["source"] == "a test"
    assert set(manifest["files"]) == {WEIGHTS, "sub/more"}
    assert store.damaged(folder, thorough=True) == []
    assert not store.unfinished("small")


@pytest.mark.skipif(os.name == "nt", reason="this system has no umask")
@pytest.mark.parametrize("umask", [0o077, 0o027])
def test_others_on_the_home_may_read(tmp_path, monkeypatch, umask):
    """A class shares it, whatever the umask of whoever makes it."""
    home = tmp_path / "made by the lab"
    monkeypatch.setenv("LABKIT_HOME", str(home))
    before = os.umask(umask)
    try:
        folder = place()
        assert store.damaged(folder) == []
    finally:
        os.umask(before)
    for path in (home, home / "models", folder.parent, folder, *folder.rglob("*")):
        wanted = 0o055 if path.is_dir() else 0o044
        assert path.stat().st_mode & wanted == wanted, path


def test_a_folder_that_somebody_closed_stays_closed(home):
    store.models_folder().chmod(0o700)
    place()
    assert store.models_folder().stat().st_mode & 0o777 == 0o700


def test_what_fails_leaves_nothing(home):
    with pytest.raises(RuntimeError), store.new_part("small", "gguf", "a test") as aside:
        (aside / "a.gguf").write_bytes(b"half")
        raise RuntimeError
    assert store.list_models() == {}
    assert not list(store.models_folder().iterdir())


def test_a_failed_replacement_leaves_what_was_there(home):
    folder = place()
    with pytest.raises(RuntimeError), store.new_part("small", "safetensors", "a test"):
        raise RuntimeError
    assert store.damaged(folder, thorough=True) == []


def test_a_part_replaces_another(home):
    place()
    folder = place(content=b"new")
    assert (folder / WEIGHTS).read_bytes() == b"new"
    assert not store.unfinished("small")


@pytest.mark.parametrize(
    ("change", "bad"),
    [
        (lambda folder: (folder / WEIGHTS).write_bytes(b"1" * 1000), [WEIGHTS]),
        (lambda folder: (folder / WEIGHTS).write_bytes(b"0" * 999), [WEIGHTS]),
        (lambda folder: (folder / "sub" / "more").unlink(), ["sub/more"]),
        (lambda folder: (folder / store.MANIFEST).write_text("{"), [store.MANIFEST]),
        (lambda folder: (folder / store.MANIFEST).unlink(), [store.MANIFEST]),
        (lambda folder: shutil.rmtree(folder), [store.MANIFEST]),
        (lambda folder: (folder / "notes.txt").write_text("mine"), []),
    ],
)
def test_damage_is_seen(home, change, bad):
    folder = place()
    change(folder)
    assert store.damaged(folder) == bad


def test_the_same_bytes_with_another_date_are_read_once(home, monkeypatch):
    folder = place()
    os.utime(folder / WEIGHTS, (1, 1))
    assert store.damaged(folder) == []
    monkeypatch.setattr(store, "sha256_of", lambda path: pytest.fail("read again"))
    assert store.damaged(folder) == []


def test_a_disk_too_full_for_a_new_date_leaves_a_part_in_use(home, monkeypatch):
    folder = place()
    os.utime(folder / WEIGHTS, (1, 1))

    def fail(*_):
        raise LabError("labkit.json cannot be written: No space left on device.", "Make room.")

    monkeypatch.setattr(store, "write_json", fail)
    assert store.damaged(folder) == []


def test_only_a_thorough_look_finds_what_rots_under_the_same_date(home):
    folder = place()
    status = (folder / WEIGHTS).stat()
    (folder / WEIGHTS).write_bytes(b"1" * 1000)
    os.utime(folder / WEIGHTS, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert store.damaged(folder) == []
    assert store.damaged(folder, thorough=True) == [WEIGHTS]


SUM = {"sha256": "0" * 64, "stamp": [1, 2]}


@pytest.mark.parametrize(
    "content",
    [
        *("", "[]", "null", "7", '{"files": 5}', "[" * 100_000, '{"a":' * 100_000),
        *(
            json.dumps({"source": source, "files": files})
            for source, files in (
                ("a test", {"model.safetensors": {"sha256": "0" * 64}}),
                ("a test", {"model.safetensors": SUM | {"stamp": 5}}),
                ("a test", {"model.safetensors": SUM | {"stamp": [-1, 10**400]}}),
                ("a test", {"model.safetensors": SUM | {"sha256": None}}),
                ("a test", {"../../up": SUM}),
                ("a test", {"/etc/passwd": SUM}),
                (None, {"model.safetensors": SUM}),
            )
        ),
    ],
)
def test_a_manifest_of_another_kind_counts_as_damage(home, content, capsys):
    folder = place()
    (folder / store.MANIFEST).write_text(content)
    assert store.read_manifest(folder) == {}
    assert store.damaged(folder) == store.damaged(folder, thorough=True) == [store.MANIFEST]
    assert main(["models", "list"]) == 0 and "small" in capsys.readouterr().out


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no such files")
def test_a_manifest_that_is_a_device_or_a_pipe_is_not_read(home):
    folder = place()
    for make in (lambda path: path.symlink_to("/dev/zero"), os.mkfifo, os.mkdir):
        (folder / store.MANIFEST).unlink()
        make(folder / store.MANIFEST)
        assert store.damaged(folder) == [store.MANIFEST]


def test_a_file_that_was_added_is_noticed(home):
    folder = place()
    (folder / "added_tokens.json").write_text("{}")
    (folder / ".DS_Store").write_text("")
    assert store.damaged(folder, thorough=True) == ["added_tokens.json"]
    with pytest.raises(LabError, match=r"did not put there: added_tokens\.json"):
        require_no_additions(folder)


def test_a_hub_id_is_a_name_too(home):
    folder = place("owner/name")
    assert folder == home / "models" / "owner--name" / "safetensors"
    assert list(store.list_models()) == ["owner/name"]
    with store.locked("owner/name"):
        pass
    assert store.remove("owner/name") > 1000
    assert store.list_models() == {}


def test_remove_takes_unfinished_work_and_nothing_of_a_neighbour(home):
    place("qwen2")
    place("qwen2.5-3b")
    for name in ("qwen2", "qwen2.5-3b"):
        store.beside(name, "wheels").mkdir()
        (store.beside(name, "wheels") / "a.part").write_bytes(b"0" * 10)
    assert store.remove("qwen2") > 1000
    assert list(store.list_models()) == ["qwen2.5-3b"]
    assert not store.unfinished("qwen2")
    assert len(store.unfinished("qwen2.5-3b")) == 1


def test_a_kill_in_the_middle_of_remove_leaves_no_half_model(home, monkeypatch):
    place()

    def killed(folder):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(store, "bytes_of", killed)
        store.remove("small")
    assert store.list_models() == {} and len(store.unfinished("small")) == 1
    assert store.remove("small") > 1000 and not store.unfinished("small")


def test_a_file_that_goes_while_sizes_are_added_up_counts_nothing(home, monkeypatch):
    """`models list` while another process removes."""
    folder = place()
    size = store.bytes_of(folder)
    (folder / "gone").symlink_to(folder / "nothing")
    monkeypatch.setattr(store.os.path, "isfile", lambda path: not os.path.isdir(path))
    assert store.bytes_of(folder) == size


@pytest.mark.parametrize("kind", ["a folder", "a link", "a looped link"])
def test_a_lock_that_is_no_file_is_a_sentence(home, tmp_path, kind):
    lock = store.beside("small", "lock")
    (tmp_path / "victim").write_text("mine")
    if kind == "a folder":
        lock.mkdir()
    else:
        lock.symlink_to(tmp_path / "victim" if kind == "a link" else lock)
    with pytest.raises(LabError, match=r"small\.lock"), store.locked("small"):
        pass
    assert (tmp_path / "victim").read_text() == "mine"


def test_a_home_that_cannot_be_made(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path / "file"))
    with pytest.raises(LabError, match="cannot be created") as error:
        store.list_models()
    assert "LABKIT_HOME" in error.value.hint


def test_a_home_that_cannot_be_written(home):
    with (  # what root cannot create either
        pytest.raises(LabError, match="cannot be written to: File name too long"),
        store.locked("s" * 300),
    ):
        pass


def test_who_comes_second_waits_and_says_so(home):
    code = "from labkit.models.storage import store\nwith store.locked('small'): print('mine')"
    with store.locked("small"):
        second = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        assert "waiting" in second.stdout.readline()
        assert second.poll() is None
    assert second.communicate(timeout=20)[0] == "mine\n"


def test_too_small_a_disk_gets_the_numbers(home, monkeypatch, tmp_path):
    usage = shutil.disk_usage(tmp_path)._replace(free=5_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    require_disk(5_000_000, "It", store.models_folder())
    with pytest.raises(LabError, match=r"It needs 7 MB of disk and 5 MB are free in /"):
        require_disk(7_000_000, "It", tmp_path / "not" / "there" / "yet")
    with pytest.raises(LabError, match=r"It cannot be stored: E:\\ is not there"):
        require_disk(1, "It", PureWindowsPath("E:\\models"))


PLACE = """
import filelock, platformdirs
def work():
    with store.locked("small"), store.new_part("small", "safetensors", "a test") as aside:
        for i in range(100):
            (aside / f"{i}.safetensors").write_bytes(bytes(200_000))
"""


def test_killed_at_any_moment_a_part_is_whole_or_absent(home, start_python):
    kill_often(start_python, PLACE, names=["small"], parts=1)


REPLACE = """
import os, signal, sys
from labkit.models.storage import store
renames = iter(range(int(sys.argv[1])))
rename = store.Path.rename
def rename_or_die(*paths):
    if next(renames, None) is None:
        os.kill(os.getpid(), signal.SIGKILL)
    rename(*paths)
store.Path.rename = rename_or_die
with store.locked("small"), store.new_part("small", "safetensors", "a test") as aside:
    (aside / "model.safetensors").write_bytes(b"new")
"""


@pytest.mark.parametrize("renames", [0, 1, 2])
def test_killed_while_it_replaces_another(home, start_python, renames):
    """Before the old part goes, between the two, and after all: the old, none, the new."""
    folder = place()
    start_python(REPLACE, renames).wait(20)
    content = (folder / WEIGHTS).read_bytes() if folder.exists() else b""
    assert content[:3] == [b"000", b"", b"new"][renames]
    if content:
        assert store.damaged(folder, thorough=True) == []
    place()
    assert not store.unfinished("small")


CONVERT = """
import transformers.models.llama.modeling_llama, transformers.models.llama.tokenization_llama
import gguf, torch, transformers.modeling_gguf_pytorch_utils
from transformers import AutoModelForCausalLM, AutoTokenizer
from tqdm.auto import tqdm
from labkit.models.gguf_to_safetensors import convert_gguf
def work():
    with store.locked("tiny"):
        convert_gguf("tiny", Path(sys.argv[1]))
"""


@pytest.mark.slow
def test_a_killed_conversion_is_whole_or_absent(home, tiny_gguf, start_python):
    kill_often(start_python, CONVERT, tiny_gguf, names=["tiny"], parts=1)
    config = json.loads((store.part_folder("tiny", "safetensors") / "config.json").read_text())
    assert config["num_hidden_layers"] == 2
