"""One archive that sets up a machine which was never online: models, and the lab's packages.

    labkit.json                    what is in it: sha256 and size of each file, terms of each model
    models/<folder>/<part>/<file>  complete parts, as `store` keeps them
    packages/<wheel>               for one system and one Python, which labkit.json names

It is a plain zip, nothing compressed, for weights do not shrink. `unpack` reads it.
"""

import hashlib
import json
import platform
import re
import stat
import sys
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from labkit.errors import LabError
from labkit.models.catalogue import CATALOGUE

from . import store

FORMAT = 1
PIECE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Part:
    """One part of one model on its way into an archive.

    Attributes:
        name: the model's name on the machine where it is unpacked.
        part: ``"gguf"`` or ``"safetensors"``.
        source: where it came from.
        files: path inside the part to path on this machine.
        sha256: path inside the part to checksum, as far as they are known.
    """

    name: str
    part: str
    source: str
    files: dict[str, Path]
    sha256: dict[str, str]

    @property
    def place(self) -> str:
        """Its folder inside an archive."""
        return f"models/{store.folder_name(self.name)}/{self.part}/"


def this_python() -> dict[str, str]:
    """What packages are bound to: the Python and the system."""
    return {
        "python": f"{sys.implementation.name} {sys.version_info.major}.{sys.version_info.minor}",
        "system": f"{platform.system()} {platform.machine()}",
    }


def gather(name: str) -> list[Part]:
    """A model's parts for an archive, fetched first if the model is not here.

    Args:
        name: as for ``labkit.load``: short name, hub id, folder, .gguf file or kept name.
    """
    from labkit.models.loading import get_model

    folder, _ = get_model(name)
    if folder.parent.parent == store.models_folder():
        name = folder.parent.name.replace("--", "/")
        return [_kept_part(name, part) for part in store.kept()[name]]
    if Path(name).expanduser().is_dir():
        name = _local_name(folder)
    source = CATALOGUE[name].source.place if name in CATALOGUE else f"hub {name}"
    return [Part(name, "safetensors", source, _wanted_files(folder), {})]


def _kept_part(name: str, part: str) -> Part:
    folder = store.part_folder(name, part)
    manifest = store.read_manifest(folder)
    known = {file: told["sha256"] for file, told in manifest["files"].items()}
    return Part(name, part, manifest["source"], {file: folder / file for file in known}, known)


def _local_name(folder: Path) -> str:
    name = re.sub(r"[^A-Za-z0-9._]+", "-", folder.resolve().name).strip("-.")
    if not name or name in CATALOGUE:
        raise LabError(
            f"The folder {folder} would be unpacked as '{name}', a name that is taken or empty.",
            "Give the folder another name.",
        )
    return name


def _wanted_files(folder: Path) -> dict[str, Path]:
    """What loading reads of a folder that is not the lab's own, such as the hub's cache."""
    from huggingface_hub.utils import filter_repo_objects

    from .fetch import HUB_FILES, HUB_IGNORED

    names = sorted(path.name for path in folder.iterdir() if path.is_file())
    wanted = filter_repo_objects(names, allow_patterns=HUB_FILES, ignore_patterns=HUB_IGNORED)
    return {name: folder / name for name in wanted if name != store.MANIFEST}


def check_target(file: Path) -> None:
    """Raises a LabError if no file can be written there: better now than after a long fetch."""
    if file.is_dir() or not file.absolute().parent.is_dir():
        raise LabError(f"No archive can be written to {file}.", "Name a file in a folder of yours.")


def pack(file: Path, parts: Iterable[Part], wheels: Iterable[Path] = ()) -> int:
    """Writes the archive, aside and then in one move; returns its size in bytes.

    Raises:
        LabError: too little disk, a place that cannot be written, a damaged model.
    """
    parts, wheels = list(parts), sorted(wheels)
    paths = [path for part in parts for path in part.files.values()] + wheels
    total = sum(path.stat().st_size for path in paths)
    aside = file.with_name(f"{file.name}.part")
    store.require_disk(total + 1_000_000, f"Packing {file.name}", file.absolute().parent)
    try:
        with zipfile.ZipFile(aside, "w") as archive, progress(total, file.name) as bar:
            _write(archive, parts, wheels, bar)
        aside.replace(file)
    except OSError as error:
        raise LabError(f"{file} was not written: {error}.", "Name a file elsewhere.") from None
    finally:
        aside.unlink(missing_ok=True)
    return file.stat().st_size


def _write(archive: zipfile.ZipFile, parts: list[Part], wheels: list[Path], bar) -> None:
    files = {}
    for part in parts:
        for name, path in part.files.items():
            told = files[part.place + name] = _add(archive, part.place + name, path, bar)
            if told["sha256"] != part.sha256.get(name, told["sha256"]):
                raise LabError(
                    f"{part.name} is damaged: {name}.",
                    f"python3 -m labkit models remove {part.name}, then get it again.",
                )
    for wheel in wheels:
        name = f"packages/{wheel.name}"
        files[name] = _add(archive, name, wheel, bar)
    manifest = {
        "labkit": FORMAT,
        "models": {part.place: _told(part) for part in parts},
        "packages": this_python() if wheels else None,
        "files": files,
    }
    archive.writestr(_info(store.MANIFEST), json.dumps(manifest, indent=1))


def _told(part: Part) -> dict:
    entry = CATALOGUE.get(part.name)
    terms = {"license": entry.license, "terms": entry.terms} if entry and entry.terms else {}
    return {"name": part.name, "source": part.source, **terms}


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)  # 1980: the same files give the same archive
    info.external_attr = (stat.S_IFREG | 0o644) << 16
    return info


def _add(archive: zipfile.ZipFile, name: str, path: Path, bar) -> dict:
    with path.open("rb") as file, archive.open(_info(name), "w", force_zip64=True) as out:
        return copy(file, out, bar)


def copy(file, out, bar) -> dict:
    """Copies all of a file; returns the sha256 and the bytes of what went by."""
    digest, size = hashlib.sha256(), 0
    while piece := file.read(PIECE_BYTES):
        out.write(piece)
        digest.update(piece)
        size += len(piece)
        bar.update(len(piece))
    return {"sha256": digest.hexdigest(), "bytes": size}


def progress(total: int, title: str):
    """A bar that counts bytes."""
    from tqdm.auto import tqdm

    hidden = None if total else True  # None: shown in a terminal alone
    return tqdm(total=total, desc=title, unit="B", unit_scale=True, disable=hidden)
