"""Where models are stored on this machine, and how each part is written completely or not at all.

    <home>/models/<name>/gguf/          the file as downloaded, with labkit.json
    <home>/models/<name>/safetensors/   what transformers loads, with labkit.json
    <home>/models/tokenizers/tokenizers/  the files of all known tokenizers, with labkit.json
    <home>/models/datasets/datasets/    data sets that others made, with labkit.json
    <home>/models/.<name>.<part>/       work in progress; safe to delete
    <home>/models/.<name>.lock          one download at a time, also between machines on one home

``<home>`` is ``LABKIT_HOME``, or the user's cache folder. A hub id such as ``owner/name`` has the
folder ``owner--name``, as in the hub's own cache. A part is written to a temporary folder, which is
then renamed: if the process is killed at any moment, the part is complete or absent.
``labkit.json`` has the sha256 and size of each file.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from labkit.errors import LabError
from labkit.filesystem.read import parse, read_file
from labkit.filesystem.write import write_json

MANIFEST = "labkit.json"
PARTS = ("gguf", "safetensors", "tokenizers", "datasets")


def home() -> Path:
    """The folder of all that the lab stores: ``LABKIT_HOME``, or the user's cache folder."""
    if chosen := os.environ.get("LABKIT_HOME"):
        return Path(os.path.expanduser(chosen))
    import platformdirs

    return platformdirs.user_cache_path("labkit")


def models_folder() -> Path:
    """The folder of all models, created if missing."""
    folder = home() / "models"
    try:
        _make_shared(folder.parent)
        _make_shared(folder)
        os.scandir(folder).close()
    except OSError as error:
        raise LabError(
            f"The lab's folder {folder} cannot be created or read: {error.strerror}.",
            "Set LABKIT_HOME to a folder that you may write to.",
        ) from None
    return folder


def _make_shared(folder: Path) -> None:
    """Creates a folder if it is missing, for others to read whatever the umask is."""
    if not os.path.isdir(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _share(folder)


def _share(path: Path) -> None:
    """Lets others read a file or a folder: a class shares a home."""
    with suppress(PermissionError):  # a disk has none, or another user was first
        path.chmod(path.stat().st_mode | (0o755 if os.path.isdir(path) else 0o644))


def folder_name(name: str) -> str:
    """The name of a model's folder."""
    return name.replace("/", "--")


def model_folder(name: str) -> Path:
    """The folder of all parts of a model."""
    return models_folder() / folder_name(name)


def part_folder(name: str, part: str) -> Path:
    """The folder of a part of a model, once it is complete."""
    return model_folder(name) / part


def beside(name: str, what: str) -> Path:
    """A path next to the model's folder, for its lock and its work in progress."""
    return models_folder() / f".{folder_name(name)}.{what}"


def unfinished(name: str) -> list[Path]:
    """Folders that a download or a conversion is writing, or has left behind."""
    kinds = ["wheels", "removed", *PARTS, *(f"{part}.old" for part in PARTS)]
    return [folder for kind in kinds if os.path.isdir(folder := beside(name, kind))]


def list_models() -> dict[str, tuple[str, ...]]:
    """The names of all stored models, with their complete parts."""
    found = {}
    for folder in sorted(models_folder().glob("[!.]*")):
        parts = tuple(part for part in PARTS if os.path.isfile(folder / part / MANIFEST))
        if parts:
            found[folder.name.replace("--", "/")] = parts
    return found


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Holds the model's lock: of thirty students on one home, one downloads, the others wait."""
    import filelock

    file = beside(name, "lock")
    lock = filelock.FileLock(file)
    try:
        try:
            lock.acquire(timeout=0.2)
        except filelock.Timeout:
            print(f"Another process is preparing {name}; waiting for it …", flush=True)
            lock.acquire()
    except OSError as error:
        if os.path.islink(file) or os.path.isdir(file):
            raise LabError(
                f"{file} is a link or a folder, and not the lab's.", "Remove it."
            ) from None
        raise LabError(
            f"The lab's folder {models_folder()} cannot be written to: {error.strerror}.",
            "Ask its owner to download the model, or set LABKIT_HOME to a folder of yours.",
        ) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def new_part(name: str, part: str, source: str) -> Iterator[Path]:
    """An empty folder to write a part to; on success it replaces the part, its source noted."""
    aside, target = beside(name, part), part_folder(name, part)
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    try:
        yield aside
        write_manifest(aside, source)
        for path in (aside, *aside.rglob("*")):  # safetensors writes for the owner alone
            _share(path)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    _make_shared(target.parent)
    replaced = beside(name, f"{part}.old")
    shutil.rmtree(replaced, ignore_errors=True)
    if os.path.exists(target):  # a damaged one is renamed, so that at no moment half of it is there
        target.rename(replaced)
    aside.rename(target)
    shutil.rmtree(replaced, ignore_errors=True)


def sha256_of(path: Path) -> str:
    """The file's sha256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def write_manifest(folder: Path, source: str) -> None:
    """Records checksum, size and modification time of each file in the folder's ``labkit.json``."""
    files = {
        path.relative_to(folder).as_posix(): {"sha256": sha256_of(path), "stamp": _stamp(path)}
        for path in sorted(folder.rglob("*"))
        if os.path.isfile(path) and path.name != MANIFEST
    }
    write_json(folder / MANIFEST, {"source": source, "files": files})


@dataclass(frozen=True, slots=True)
class _ManifestEntry:
    """What a manifest says of one file."""

    sha256: str
    stamp: tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Manifest:
    """The content of a ``labkit.json``."""

    source: str
    files: dict[str, _ManifestEntry]


def read_manifest(folder: Path) -> dict:
    """The folder's manifest; empty if it is missing, damaged, or names files outside the folder."""
    try:
        content = parse(read_file(folder / MANIFEST), _Manifest)
    except (LabError, ValueError):
        return {}
    inside = all(Path(name).parts and not _leaves(name) for name in content.files)
    return asdict(content) if inside else {}


def _leaves(name: str) -> bool:
    """Whether a path points out of its folder."""
    return Path(name).is_absolute() or ".." in Path(name).parts or "\0" in name


def damaged(folder: Path, *, thorough: bool = False) -> list[str]:
    """The files of a folder that are missing or changed against its manifest; empty if none is.

    A file whose size and modification time are those of its last check is not read again unless
    `thorough`, so that loading does not read the weights twice.
    """
    manifest = read_manifest(folder)
    if not manifest.get("files"):
        return [MANIFEST]
    bad, fresh = unlisted(folder, manifest["files"]) if thorough else [], False
    for name, known in manifest["files"].items():
        path = folder / name
        if not os.path.isfile(path):
            bad.append(name)
        elif thorough or _stamp(path) != known["stamp"]:
            if not _has_sum(path, known["sha256"]):
                bad.append(name)
            elif _stamp(path) != known["stamp"]:
                known["stamp"], fresh = _stamp(path), True
    if fresh and os.access(folder, os.W_OK):  # copied or restored: valid from now on
        with suppress(LabError):  # the disk is full: read again next time
            write_json(folder / MANIFEST, manifest)
    return bad


def unlisted(folder: Path, files: dict) -> list[str]:
    """Files that nobody downloaded, which transformers might read: ``added_tokens.json``."""
    names = (path.relative_to(folder) for path in folder.rglob("*") if not os.path.isdir(path))
    visible = sorted(name.as_posix() for name in names if not name.name.startswith("."))
    return [name for name in visible if name not in files and name != MANIFEST]


def _has_sum(path: Path, sha256: str) -> bool:
    try:
        return sha256_of(path) == sha256
    except OSError:
        return False


def bytes_of(folder: Path) -> int:
    """Size of a folder on disk, in bytes; another process may be removing it."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            total += path.stat().st_size if os.path.isfile(path) else 0
    return total


def remove(name: str) -> int:
    """Removes a model, including unfinished work; returns the bytes freed.

    It is renamed first: at no moment is half of it there.

    Raises:
        LabError: some of it cannot be removed.
    """
    with locked(name):
        folder, aside = model_folder(name), beside(name, "removed")
        try:
            freed = sum(map(_delete, unfinished(name)))
            if os.path.exists(folder):
                folder.rename(aside)
                freed += _delete(aside)
        except OSError as error:
            raise LabError(
                f"{name} cannot be removed: {error.strerror}. What is left of it is in {aside}.",
                "Ask the folder's owner; on Windows, close the programs that have it open.",
            ) from None
    return freed


def _delete(folder: Path) -> int:
    size = bytes_of(folder)
    shutil.rmtree(folder)
    return size
