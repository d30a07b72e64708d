"""Writing an archive that sets up a machine without a network: models and the lab's packages.

    labkit.json                    contents: sha256 and size of each file, terms of each model
    models/<folder>/<part>/<file>  complete parts, as in `store`
    packages/<wheel>               for one system and one Python, named in labkit.json

It is a plain zip without compression, because weights do not compress. `unpack` reads it.
"""

import hashlib
import json
import os
import platform
import re
import stat
import sys
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from labkit.errors import LabError
from labkit.filesystem.disk_space import require_disk
from labkit.filesystem.write import replaced
from labkit.formatting import shell_quoted
from labkit.models.catalogue import CATALOGUE, full_name
from labkit.models.entry import WheelSource

from . import store

FORMAT = 1
PIECE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class ArchivePart:
    """One part of one model, to be written to an archive.

    Attributes:
        name: the model's name on the machine where it is unpacked.
        part: ``"gguf"`` or ``"safetensors"``.
        source: origin of the files.
        files: path on this machine of each file, by its path in the part.
        sha256: known checksum of each file, by its path in the part.
    """

    name: str
    part: str
    source: str
    files: dict[str, Path]
    sha256: dict[str, str]

    @property
    def archive_folder(self) -> str:
        """Its folder in the archive."""
        return f"models/{store.folder_name(self.name)}/{self.part}/"


def this_python() -> dict[str, str]:
    """The Python and the system that packages depend on."""
    return {
        "python": f"{sys.implementation.name} {sys.version_info.major}.{sys.version_info.minor}",
        "system": f"{platform.system()} {platform.machine()}",
    }


def collect_parts(name: str) -> list[ArchivePart]:
    """A model's parts for an archive, downloaded first if needed.

    Args:
        name: short name, hub id, folder, .gguf file or name in the store, as for ``labkit.load``.
    """
    from labkit.models.loading import get_model

    name = full_name(name)
    folder, _ = get_model(name)
    if folder.parent.parent == store.models_folder():
        name = folder.parent.name.replace("--", "/")
        parts = store.list_models()[name]
        return [_stored_part(name, part) for part in parts if not is_converted(name, part)]
    if name not in CATALOGUE and os.path.isdir(os.path.expanduser(name)):
        name = _local_name(folder)
    source = CATALOGUE[name].source.origin if name in CATALOGUE else f"hub {name}"
    return [ArchivePart(name, "safetensors", source, _wanted_files(folder), {})]


def is_converted(name: str, part: str) -> bool:
    """Whether each machine makes a part itself, of a file whose checksum the catalogue has.

    An archive has none, so that nobody's weights stand under that name.
    """
    source = CATALOGUE[name].source if name in CATALOGUE else None
    return part == "safetensors" and isinstance(source, WheelSource)


def _stored_part(name: str, part: str) -> ArchivePart:
    folder = store.part_folder(name, part)
    manifest = store.read_manifest(folder)
    known = {file: fields["sha256"] for file, fields in manifest["files"].items()}
    files = {file: folder / file for file in known}
    return ArchivePart(name, part, manifest["source"], files, known)


def _local_name(folder: Path) -> str:
    name = re.sub(r"[^A-Za-z0-9._]+", "-", folder.resolve().name).strip("-.")
    if not name or name in CATALOGUE:
        raise LabError(
            f"The folder {folder} would be unpacked as '{name}', which is taken or empty.",
            "Give the folder another name.",
        )
    return name


def _wanted_files(folder: Path) -> dict[str, Path]:
    """The files that loading needs from a folder outside the store, such as the hub's cache."""
    from huggingface_hub.utils import filter_repo_objects

    from .checked_folder import is_inside
    from .hub import HUB_FILES, HUB_IGNORED

    names = sorted(path.name for path in folder.iterdir() if os.path.isfile(path))
    wanted = filter_repo_objects(names, allow_patterns=HUB_FILES, ignore_patterns=HUB_IGNORED)
    files = {name: folder / name for name in wanted if name != store.MANIFEST}
    for file in files.values():  # a link could take along any file of this machine
        if not is_inside(file, folder):
            raise LabError(
                f"{file} is a link to a file outside its folder: refused.",
                "Copy the file itself into the folder if it belongs to the model.",
            )
    return files


def check_target(file: Path) -> None:
    """Raises a LabError if the file cannot be written: better now than after a long download."""
    if os.path.isdir(file) or not os.path.isdir(file.absolute().parent):
        raise LabError(f"No archive can be written to {file}.", "Name a file in a folder of yours.")


def pack(file: Path, parts: Iterable[ArchivePart], wheels: Iterable[Path] = ()) -> int:
    """Writes the archive to a temporary file and renames it; returns its size in bytes.

    Raises:
        LabError: too little disk space, a path that cannot be written, a damaged model.
    """
    parts, wheels = list(parts), sorted(wheels)
    paths = [path for part in parts for path in part.files.values()] + wheels
    total = sum(path.stat().st_size for path in paths)
    require_disk(total + 1_000_000, f"Packing {file.name}", file.absolute().parent)
    with (
        replaced(file, "Name a file elsewhere.") as out,
        zipfile.ZipFile(out, "w") as archive,
        progress(total, file.name) as bar,
    ):
        _write(archive, parts, wheels, bar)
    return file.stat().st_size


def _write(archive: zipfile.ZipFile, parts: list[ArchivePart], wheels: list[Path], bar) -> None:
    files = {}
    for part in parts:
        for name, path in part.files.items():
            inside = part.archive_folder + name
            files[inside] = _add(archive, inside, path, bar)
            if files[inside]["sha256"] != part.sha256.get(name, files[inside]["sha256"]):
                remove = f"python3 -m labkit models remove {shell_quoted(part.name)}"
                raise LabError(f"{part.name} is damaged: {name}.", f"{remove}, then get it again.")
    for wheel in wheels:
        name = f"packages/{wheel.name}"
        files[name] = _add(archive, name, wheel, bar)
    manifest = {
        "labkit": FORMAT,
        "models": {part.archive_folder: _describe(part) for part in parts},
        "packages": this_python() if wheels else None,
        "files": files,
    }
    archive.writestr(_info(store.MANIFEST), json.dumps(manifest, indent=1))


def _describe(part: ArchivePart) -> dict:
    entry = CATALOGUE.get(part.name)
    terms = {"license": entry.license, "terms": entry.terms} if entry and entry.terms else {}
    return {"name": part.name, "source": part.source, **terms}


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)  # dated 1980: the same files give the same archive
    info.external_attr = (stat.S_IFREG | 0o644) << 16
    return info


def _add(archive: zipfile.ZipFile, name: str, path: Path, bar) -> dict:
    with path.open("rb") as file, archive.open(_info(name), "w", force_zip64=True) as out:
        return copy(file, out, bar)


def copy(file, out, bar) -> dict:
    """Copies a file; returns sha256 and size of what was copied."""
    digest, size = hashlib.sha256(), 0
    while piece := file.read(PIECE_BYTES):
        out.write(piece)
        digest.update(piece)
        size += len(piece)
        bar.update(len(piece))
    return {"sha256": digest.hexdigest(), "bytes": size}


def progress(total: int, title: str):
    """A progress bar in bytes."""
    from tqdm.auto import tqdm

    hidden = None if total else True  # None: only in a terminal
    return tqdm(total=total, desc=title, unit="B", unit_scale=True, disable=hidden)
