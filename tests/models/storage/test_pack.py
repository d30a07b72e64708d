"""An archive gives back what went into it, whole, and is trusted with nothing."""

import io
import json
import shutil
import stat
import zipfile
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import labkit
from labkit.errors import LabError
from labkit.models.catalogue import CATALOGUE
from labkit.models.storage import pack as packing
from labkit.models.storage import store
from labkit.models.storage.pack import check_target, collect_parts, pack
from labkit.models.storage.unpack import require_same_python, unpack

from ..kill_harness import kill_often


def place(name="small", part="safetensors", content=b"0" * 5000):
    with store.new_part(name, part, "a test") as aside:
        (aside / "model.safetensors").write_bytes(content)
        (aside / "sub").mkdir()
        (aside / "sub" / "notes.txt").write_text("more")
    return store.part_folder(name, part)


def contents(folder):
    files = {path for path in folder.rglob("*") if path.is_file() and path.name != store.MANIFEST}
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture
def new_home(tmp_path, monkeypatch):
    """``new_home()``: from here on we are another machine."""

    def move():
        monkeypatch.setenv("LABKIT_HOME", str(tmp_path / "other"))

    return move


@pytest.fixture
def packed(home, tmp_path, new_home):
    """An archive of one model, on a machine that has none."""
    place()
    file = tmp_path / "lab.zip"
    pack(file, stored_parts("small"))
    new_home()
    return file


def stored_parts(*names):
    return [
        packing._stored_part(name, part) for name in names for part in store.list_models()[name]
    ]


def assert_nothing_is_left():
    assert store.list_models() == {}
    assert [path.name for path in store.models_folder().iterdir() if path.is_dir()] == []


def test_what_is_packed_comes_out(home, tmp_path, new_home):
    folders = [place(), place("small", "gguf", b"GGUF"), place("owner/name", content=b"1" * 70)]
    before = [contents(folder) for folder in folders]
    assert pack(tmp_path / "lab.zip", stored_parts("small", "owner/name")) > 5000
    new_home()
    done = unpack(tmp_path / "lab.zip")
    assert (done.placed, done.already) == (("small", "owner/name"), ())
    assert store.list_models() == {"owner/name": ("safetensors",), "small": ("gguf", "safetensors")}
    after = [store.models_folder() / folder.relative_to(home / "models") for folder in folders]
    assert [contents(folder) for folder in after] == before
    assert [store.damaged(folder, thorough=True) for folder in after] == [[], [], []]
    assert store.read_manifest(after[0])["source"] == "a test"
    assert [path.name for path in tmp_path.iterdir() if "lab.zip" in path.name] == ["lab.zip"]


def test_the_same_models_give_the_same_archive(home, tmp_path):
    place()
    for name in ("a.zip", "b.zip"):
        pack(tmp_path / name, stored_parts("small"))
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_a_folder_of_ones_own_is_packed_and_loads_by_its_name(make_tiny, home, tmp_path, new_home):
    folder = make_tiny(tmp_path / "My model")
    (folder / "pytorch_model.bin").write_bytes(b"not wanted")
    pack(tmp_path / "lab.zip", collect_parts(str(folder)))
    new_home()
    assert unpack(tmp_path / "lab.zip").placed == ("My-model",)
    assert "pytorch_model.bin" not in contents(store.part_folder("My-model", "safetensors"))
    model = labkit.load("My-model")
    assert labkit.generate(model, "the cat", max_tokens=2, temperature=0).text is not None


def test_a_gguf_file_of_ones_own_is_packed(tiny_gguf, home, tmp_path, new_home):
    (part,) = collect_parts(str(tiny_gguf))
    assert part.name == f"tiny-{store.sha256_of(tiny_gguf)[:8]}", "the file's name, and which"
    pack(tmp_path / "lab.zip", [part])
    new_home()
    unpack(tmp_path / "lab.zip")
    assert labkit.load(part.name).model.config.num_hidden_layers == 2


def test_a_folder_with_a_name_of_the_catalogue_is_refused(make_tiny, home, tmp_path):
    with pytest.raises(LabError, match="which is taken"):
        collect_parts(str(make_tiny(tmp_path / "smollm2-135m")))


def test_what_is_here_and_the_same_is_left(packed):
    unpack(packed)
    file = store.part_folder("small", "safetensors") / "model.safetensors"
    number = file.stat().st_ino
    done = unpack(packed)
    assert (done.placed, done.already) == ((), ("small",))
    assert file.stat().st_ino == number


def test_what_is_here_and_damaged_or_another_is_replaced(packed):
    folder = place(content=b"another model")
    assert unpack(packed).placed == ("small",)
    assert contents(folder)["model.safetensors"] == b"0" * 5000
    (folder / "model.safetensors").write_bytes(b"1" * 5000)
    assert unpack(packed).placed == ("small",)
    assert contents(folder)["model.safetensors"] == b"0" * 5000


def test_terms_travel_and_are_not_accepted_by_travelling(home, tmp_path, new_home):
    place("llama-3.2-1b")
    pack(tmp_path / "lab.zip", stored_parts("llama-3.2-1b"))
    new_home()
    entry = CATALOGUE["llama-3.2-1b"]
    assert unpack(tmp_path / "lab.zip").terms == {entry.name: (entry.license, entry.terms)}
    with pytest.raises(LabError, match=r"Llama 3\.2 community licence"):
        collect_parts(entry.name)


def test_a_damaged_model_is_not_packed(home, tmp_path):
    (place() / "model.safetensors").write_bytes(b"1" * 5000)
    with pytest.raises(LabError, match=r"small is damaged: model\.safetensors"):
        pack(tmp_path / "lab.zip", stored_parts("small"))
    assert not list(tmp_path.glob("lab.zip*"))


def test_an_archive_that_cannot_be_written_leaves_the_old_one(home, tmp_path, monkeypatch):
    place()
    (tmp_path / "lab.zip").write_text("the old one")
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    with monkeypatch.context() as patch, pytest.raises(LabError, match="disk"):
        patch.setattr(shutil, "disk_usage", lambda folder: usage)
        pack(tmp_path / "lab.zip", stored_parts("small"))
    with monkeypatch.context() as patch, pytest.raises(LabError, match="written: No space"):
        patch.setattr(packing, "copy", no_space)
        pack(tmp_path / "lab.zip", stored_parts("small"))
    assert [path.name for path in tmp_path.glob("lab.zip*")] == ["lab.zip"]
    assert (tmp_path / "lab.zip").read_text() == "the old one"


def no_space(*_):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("place", [".", "no/such/folder/lab.zip"])
def test_a_place_for_no_archive(tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LabError, match="No archive can be written"):
        check_target(packing.Path(place))


# What may come in


def test_too_small_a_disk_is_reported_before_a_byte_is_written(packed, monkeypatch):
    usage = shutil.disk_usage(".")._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(LabError, match=r"Unpacking lab\.zip needs 0 MB of disk"):
        unpack(packed)
    assert_nothing_is_left()


def test_a_disk_that_fills_up_while_it_is_written(packed, monkeypatch):
    monkeypatch.setattr("labkit.models.storage.unpack.copy", no_space)
    with pytest.raises(LabError, match=r"was not unpacked: .*No space"):
        unpack(packed)
    assert_nothing_is_left()


@pytest.mark.parametrize("kept", [0, 1, 100, 3000, -1500, -100, -1])
def test_an_archive_that_was_cut_off(packed, kept):
    packed.write_bytes(packed.read_bytes()[:kept])
    with pytest.raises(LabError, match="truncated"):
        unpack(packed)
    assert_nothing_is_left()


def test_an_archive_with_a_hole(packed):
    content = bytearray(packed.read_bytes())
    content[2000:2100] = b"1" * 100
    packed.write_bytes(content)
    with pytest.raises(LabError, match="damaged"):
        unpack(packed)
    assert_nothing_is_left()


def test_no_file_and_no_archive(home, tmp_path):
    with pytest.raises(LabError, match="There is no file"):
        unpack(tmp_path / "none.zip")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("a.txt", "a")
    with pytest.raises(LabError, match="is not an archive of the lab"):
        unpack(tmp_path / "other.zip")


WEIGHTS = "models/small/safetensors/model.safetensors"


def rewrite(file, *, change=None, drop=(), add=(), as_listed=True, **more):
    """The archive again, with other members or another list; `add` holds ZipInfos and contents."""
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(members.pop(store.MANIFEST)) | more
    new = io.BytesIO()
    with zipfile.ZipFile(new, "w") as archive:
        for name, content in members.items():
            if name not in drop:
                archive.writestr(name, content)
        for info, content in add:
            archive.writestr(info, content)
            if as_listed:
                sums = manifest["files"][WEIGHTS] | {"bytes": len(content)}
                manifest["files"][info.filename] = sums
        if change:
            change(manifest)
        archive.writestr(store.MANIFEST, json.dumps(manifest))
    file.write_bytes(new.getvalue())


def link(name):
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


def squeezed(name):
    info = zipfile.ZipInfo(name)
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


HERE = "models/small/safetensors/"


@pytest.mark.parametrize(
    "info",
    [
        zipfile.ZipInfo("models/small/safetensors/../../../../evil.txt"),
        zipfile.ZipInfo("../evil.txt"),
        zipfile.ZipInfo("/evil.txt"),
        zipfile.ZipInfo(HERE + "a//b"),
        zipfile.ZipInfo(HERE + "./b"),
        zipfile.ZipInfo(HERE + "C:evil.txt"),
        zipfile.ZipInfo(HERE + "a\\..\\..\\evil.txt"),
        zipfile.ZipInfo(HERE + "a\nb"),
        zipfile.ZipInfo(HERE + "labkit.json"),
        zipfile.ZipInfo(HERE + "MODEL.safetensors"),
        zipfile.ZipInfo(HERE + "\x1b[31mred"),
        zipfile.ZipInfo(HERE + "gpj.\u202etxt"),
        zipfile.ZipInfo(HERE + "\uff0e\uff0e/up"),
        zipfile.ZipInfo(HERE + "a\uff0fb"),
        zipfile.ZipInfo(HERE + "zero\u200bwidth"),
        zipfile.ZipInfo(HERE + "labkit.json."),
        zipfile.ZipInfo(HERE + "model.safetensors "),
        zipfile.ZipInfo(HERE + "CON"),
        zipfile.ZipInfo(HERE + "aux.json"),
        zipfile.ZipInfo(HERE + "Nul/a.json"),
        zipfile.ZipInfo("models/another/safetensors/a.txt"),
        zipfile.ZipInfo("packages/deep/a.whl"),
        zipfile.ZipInfo("packages/a.py"),
        zipfile.ZipInfo("evil.txt"),
        link(HERE + "link"),
        squeezed(HERE + "bomb"),
    ],
    ids=lambda info: repr(info.filename),
)
def test_a_file_that_belongs_nowhere_is_refused(packed, tmp_path, info):
    rewrite(packed, add=[(info, "/etc/passwd")])
    with pytest.raises(LabError, match="is refused"):
        unpack(packed)
    assert_nothing_is_left()
    assert not list(tmp_path.rglob("evil*"))


def test_names_that_are_one_file_on_some_system_are_refused(packed):
    rewrite(packed, add=[(info_here("caf\u00e9"), "1"), (info_here("cafe\u0301"), "2")])
    with pytest.raises(LabError, match="two of its files have the same name"):
        unpack(packed)


def info_here(name):
    return zipfile.ZipInfo(HERE + name)


def test_a_file_that_the_list_does_not_name(packed):
    rewrite(packed, add=[(zipfile.ZipInfo(HERE + "more"), "x")], as_listed=False)
    with pytest.raises(LabError, match="not those that its manifest names"):
        unpack(packed)


def test_a_file_that_is_named_and_missing(packed):
    rewrite(packed, drop=[WEIGHTS])
    with pytest.raises(LabError, match="not those that its manifest names"):
        unpack(packed)


def grow(manifest):
    manifest["files"][WEIGHTS]["bytes"] += 1


def forge(manifest):
    manifest["files"][WEIGHTS]["sha256"] = "0" * 64


def rename_model(name):
    def change(manifest):
        manifest["models"][HERE]["name"] = name

    return change


def add_empty_model(manifest):
    model = manifest["models"][HERE] | {"name": "empty"}
    manifest["models"]["models/empty/safetensors/"] = model


def describe(**values):
    return lambda manifest: manifest["models"][HERE].update(values)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (grow, "differs in size from the manifest"),
        (forge, "Checksum mismatch"),
        (rename_model("other"), "is not a valid folder for the model"),
        (rename_model("../small"), "is not a valid folder for the model"),
        (rename_model(None), "was not written by the lab"),
        (lambda manifest: manifest.update(labkit=2), "another version of the lab"),
        (lambda manifest: manifest.update(labkit="\x1b[31m"), r"format '\\x1b\[31m'"),
        (add_empty_model, "the model 'empty' has no files"),
        (describe(terms="https://example.org"), "terms and no licence"),
        (describe(license="\x1b[31mMIT", terms="x"), "cannot be printed"),
        (describe(license=["MIT"], terms="x"), "cannot be printed"),
        (describe(source=None), "cannot be printed"),
        (lambda manifest: manifest.update(packages={"python": "3"}), "for no known system"),
        (lambda manifest: manifest.update(packages=["3"]), "was not written by the lab"),
        (lambda manifest: manifest["files"][WEIGHTS].update(bytes=True), "size or checksum"),
        (lambda manifest: manifest["files"][WEIGHTS].update(sha256=None), "was not written by"),
        (lambda manifest: manifest["files"].update({WEIGHTS: None}), "was not written by the lab"),
        (lambda manifest: manifest.pop("files"), "was not written by the lab"),
        (lambda manifest: manifest.update(models=[]), "was not written by the lab"),
        (lambda manifest: manifest.update(models={"a": {}}), "was not written by the lab"),
        (lambda manifest: manifest["files"].update({WEIGHTS: {}}), "was not written by the lab"),
    ],
)
def test_a_list_that_is_wrong(packed, change, sentence):
    rewrite(packed, change=change)
    with pytest.raises(LabError, match=sentence):
        unpack(packed)
    assert_nothing_is_left()


@pytest.mark.parametrize("folder", ["..", ".", "", ".hidden", "a b"])
def test_an_invalid_folder_name(home, tmp_path, folder):
    place()
    (part,) = stored_parts("small")
    pack(tmp_path / "lab.zip", [replace(part, name=folder)])
    with pytest.raises(LabError, match="is refused"):
        unpack(tmp_path / "lab.zip")


# Packages


@pytest.fixture
def with_packages(home, tmp_path, monkeypatch, new_home):
    """``with_packages(python)``: an archive whose one package is for that Python."""

    def make(**changed):
        place()
        (tmp_path / "tiny-1.0-py3-none-any.whl").write_bytes(b"a wheel")
        python = packing.this_python() | changed
        with monkeypatch.context() as patch:
            patch.setattr(packing, "this_python", lambda: python)
            pack(tmp_path / "l.zip", stored_parts("small"), tmp_path.glob("*.whl"))
        new_home()
        return tmp_path / "l.zip"

    return make


def test_packages_for_this_python(with_packages):
    from labkit.install.wheels import wheels_in

    file = with_packages()
    require_same_python(file)
    assert wheels_in(file) == ["packages/tiny-1.0-py3-none-any.whl"]


@pytest.mark.parametrize("other", [{"python": "cpython 3.10"}, {"system": "Plan9 vax"}])
def test_packages_for_another_python_get_a_sentence_and_models_unpack(with_packages, other):
    file = with_packages(**other)
    with pytest.raises(LabError, match=next(iter(other.values()))):
        require_same_python(file)
    assert unpack(file).placed == ("small",)


def test_models_alone_fit_every_python(packed):
    require_same_python(packed)


# Kills

UNPACK = """
import filelock, platformdirs, tqdm.auto
from labkit.models.storage.unpack import unpack
def work():
    unpack(Path(sys.argv[1]))
"""


def test_a_killed_unpack_leaves_whole_models_or_none(home, tmp_path, new_home, start_python):
    place("small", "gguf", bytes(15_000_000))
    place("small", "safetensors", bytes(15_000_000))
    place("owner/name", "safetensors", bytes(15_000_000))
    pack(tmp_path / "lab.zip", stored_parts("small", "owner/name"))
    new_home()
    names = ["small", "owner/name"]
    kill_often(start_python, UNPACK, tmp_path / "lab.zip", names=names, parts=3)


@pytest.mark.parametrize("size", [20_000_000, None])
def test_a_manifest_without_end_is_not_read(packed, size):
    """As large as no manifest is, squeezed to nothing; and as deep as no manifest is."""
    content = b"[" * 200_000 if size is None else b" " * size
    with zipfile.ZipFile(packed, "w") as archive:
        squeeze = zipfile.ZIP_DEFLATED if size else zipfile.ZIP_STORED
        archive.writestr(store.MANIFEST, content, compress_type=squeeze)
    with pytest.raises(LabError, match="is not an archive of the lab"):
        unpack(packed)


@settings(max_examples=500, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_one_changed_byte_is_a_sentence_or_changes_nothing(packed, tmp_path, data):
    content = bytearray(packed.read_bytes())
    index = data.draw(st.integers(0, len(content) - 1))
    content[index] ^= data.draw(st.integers(1, 255))
    changed = tmp_path / "changed.zip"
    changed.write_bytes(content)
    try:
        require_same_python(changed)
        unpack(changed)
    except LabError as error:
        assert all(line.isprintable() for line in str(error).splitlines())
    else:
        folder = store.part_folder("small", "safetensors")
        assert contents(folder)["model.safetensors"] == b"0" * 5000
        store.remove("small")


def test_other_files_under_a_name_of_the_catalogue_are_refused(home, tmp_path, new_home):
    place("smollm2-135m", "gguf", b"GGUF")
    pack(tmp_path / "gguf.zip", stored_parts("smollm2-135m"))
    store.remove("smollm2-135m")
    place("smollm2-135m", content=b"1" * 500)
    pack(tmp_path / "converted.zip", stored_parts("smollm2-135m"))
    store.remove("smollm2-135m")
    place("SmolLM2-135M", "gguf", b"GGUF")  # the same folder on some systems
    pack(tmp_path / "case.zip", stored_parts("SmolLM2-135M"))
    store.remove("SmolLM2-135M")
    place("mistral-7b", content=b"1" * 500)
    pack(tmp_path / "folder.zip", stored_parts("mistral-7b"))
    new_home()
    with pytest.raises(LabError, match="is not the file that the catalogue knows"):
        unpack(tmp_path / "gguf.zip")
    with pytest.raises(LabError, match="in its case alone"):
        unpack(tmp_path / "case.zip")
    assert unpack(tmp_path / "converted.zip").placed == ()  # each machine converts it itself
    assert store.list_models() == {}
    here = place("mistral-7b")
    with pytest.raises(LabError, match="is here, whole, and its files differ"):
        unpack(tmp_path / "folder.zip")
    assert contents(here)["model.safetensors"] == b"0" * 5000
    (here / "model.safetensors").write_bytes(b"damaged")
    assert unpack(tmp_path / "folder.zip").placed == ("mistral-7b",)


def test_a_link_out_of_a_folder_does_not_travel(make_tiny, home, tmp_path):
    folder, secret = make_tiny(tmp_path / "mine"), tmp_path / "id_rsa"
    secret.write_text("a key")
    (folder / "notes.txt").symlink_to(secret)
    with pytest.raises(LabError, match="is a link to a file outside its folder"):
        collect_parts(str(folder))


PACK = """
import os, signal, sys
from pathlib import Path
from labkit.models.storage import pack
def die(*arguments):
    os.kill(os.getpid(), signal.SIGKILL)
setattr(*{"_add": (pack, "_add"), "replace": (os, "replace")}[sys.argv[2]], die)
pack.pack(Path(sys.argv[1]), [pack._stored_part("small", "safetensors")])
"""


@pytest.mark.parametrize("moment", ["_add", "replace"])
def test_a_killed_pack_leaves_the_old_archive(home, tmp_path, start_python, moment):
    place()
    file = tmp_path / "lab.zip"
    file.write_text("the old one")
    assert start_python(PACK, file, moment).wait(20) == -9
    assert file.read_text() == "the old one"
    pack(file, stored_parts("small"))
    assert zipfile.is_zipfile(file)
    assert [path.name for path in tmp_path.glob("lab.zip*")] == ["lab.zip"]
