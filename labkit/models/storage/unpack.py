"""Reading an archive that `pack` wrote, on a machine that may never have been online.

An archive may come from anywhere: what it holds is checked by name, kind, size and sha256, and each
part of a model is written aside, so that it is here whole or not at all.
"""

import json
import re
import stat
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from labkit.errors import LabError

from . import store
from .pack import FORMAT, copy, progress, this_python

FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]*")
UNSAFE = re.compile(r'[\\:*?"<>|\x00-\x1f]')


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What an archive held.

    Attributes:
        placed: names of models that are here now and were not before.
        already: names of models that were here, the same.
        terms: name of each model that has terms, to its licence and their address.
    """

    placed: tuple[str, ...]
    already: tuple[str, ...]
    terms: dict[str, tuple[str, str]]


def unpack(file: Path) -> Unpacked:
    """Puts an archive's models into the store; those that are here and the same are left.

    Raises:
        LabError: no archive of the lab, cut off, damaged, or with something in it that has no
            place there; too little disk. What was complete before stays.
    """
    placed, already = {}, {}
    with _opened(file) as archive:
        manifest = _read_list(file, archive)
        parts = {place: _members(place, manifest) for place in manifest["models"]}
        missing = {place: files for place, files in parts.items() if not _is_here(place, files)}
        total = sum(told["bytes"] for files in missing.values() for told in files.values())
        store.require_disk(total, f"Unpacking {file.name}")
        with progress(total, file.name) as bar:
            for place, files in parts.items():
                told = manifest["models"][place]
                with store.locked(told["name"]):
                    if _is_here(place, files):  # also: another process unpacked it meanwhile
                        already[told["name"]] = None
                        continue
                    _place(archive, place, files, told, bar)
                    placed[told["name"]] = None
    told = [told for told in manifest["models"].values() if told.get("terms")]
    terms = {each["name"]: (each["license"], each["terms"]) for each in told}
    return Unpacked(tuple(placed), tuple(name for name in already if name not in placed), terms)


def require_same_python(file: Path) -> None:
    """Raises a LabError if the archive's packages are for another Python or system.

    Standard library alone: the question comes up before anything is installed.
    """
    with _opened(file) as archive:
        packages = _read_list(file, archive)["packages"]
    if packages and packages != this_python():
        here, there = (" on ".join(told.values()) for told in (this_python(), packages))
        raise LabError(
            f"The packages in {file} are for {there}; this is {here}.",
            "Run it with that Python, or make the archive on a machine like this one. Where the "
            "lab is set up already, its models unpack all the same.",
        )


@contextmanager
def _opened(file: Path) -> Iterator[zipfile.ZipFile]:
    if not file.is_file():
        raise LabError(f"There is no file {file}.", "Check the path.")
    try:
        with zipfile.ZipFile(file) as archive:
            yield archive
    except (zipfile.BadZipFile, EOFError) as error:
        raise LabError(
            f"{file} is no archive of the lab, or it was cut off or damaged on the way: {error}.",
            "Copy it again, or make it again: python3 -m labkit models pack FILE NAME.",
        ) from None
    except OSError as error:
        raise LabError(
            f"{file} was not unpacked: {error}.", "Run the same again: what is here is left."
        ) from None


def _read_list(file: Path, archive: zipfile.ZipFile) -> dict:
    """The archive's list of what it holds, held against what it really holds."""
    try:
        manifest = json.loads(archive.read(store.MANIFEST))
        known = manifest["labkit"] == FORMAT
    except (KeyError, ValueError, TypeError):
        raise LabError(
            f"{file} is not an archive of the lab.",
            "Give the file that `python3 -m labkit models pack` made.",
        ) from None
    if not known:
        raise LabError(
            f"{file} was packed by another version of the lab (format {manifest['labkit']}).",
            f"This one reads format {FORMAT}: update the lab, or pack again with this one.",
        )
    try:
        odd = _oddity(archive, manifest)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        odd = f"its list is not one that the lab writes ({error!r})"
    if odd:
        raise LabError(f"{file} is refused: {odd}.", "Take an archive from a place that you trust.")
    return manifest


def _oddity(archive: zipfile.ZipFile, manifest: dict) -> str:
    """What of an archive has no place in one; empty when all is well."""
    files, infos = manifest["files"], archive.infolist()
    names = [info.filename for info in infos]
    if len({name.casefold() for name in names}) != len(names):
        return "it holds two files of one name"
    if sorted(names) != sorted([*files, store.MANIFEST]):
        return "what it holds is not what its list names"
    for place, told in manifest["models"].items():
        _, folder, part, rest = place.split("/")
        kept_as = store.folder_name(told["name"])
        if place != f"models/{folder}/{part}/" or folder != kept_as or rest:
            return f"'{place}' is no place for the model '{told['name']}'"
        if not FOLDER.fullmatch(folder) or part not in store.PARTS or "source" not in told:
            return f"'{place}' is no place for a model"
    for info in infos:
        if odd := _odd_file(info, files.get(info.filename), manifest["models"]):
            return f"'{info.filename}' {odd}"
    return ""


def _odd_file(info: zipfile.ZipInfo, told: dict | None, places: Iterable[str]) -> str:
    steps = info.filename.split("/")
    if UNSAFE.search(info.filename) or {"", ".", ".."} & set(steps):
        return "is no name that a file may have"
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
        return "is a link or something else that is no file"
    if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
        return "is compressed or locked, which the lab never does"
    if told is None:
        return ""
    in_a_model = "/".join(steps[:3]) + "/" in places and len(steps) > 3
    in_packages = steps[0] == "packages" and len(steps) == 2 and steps[1].endswith(".whl")
    if not ((in_a_model and steps[3:] != [store.MANIFEST]) or in_packages):
        return "lies where nothing belongs"
    return "" if info.file_size == int(told["bytes"]) else "has not the size that the list states"


def _members(place: str, manifest: dict) -> dict[str, dict]:
    files = manifest["files"].items()
    return {name.removeprefix(place): told for name, told in files if name.startswith(place)}


def _is_here(place: str, files: dict[str, dict]) -> bool:
    """Whether the very same files lie in the store, undamaged."""
    folder = store.models_folder() / place.removeprefix("models/")
    known = store.read_manifest(folder).get("files", {})
    same = {file: told["sha256"] for file, told in known.items()}
    wanted = {file: told["sha256"] for file, told in files.items()}
    return same == wanted and not store.damaged(folder)


def _place(archive: zipfile.ZipFile, place: str, files: dict, told: dict, bar) -> None:
    with store.placing(told["name"], place.split("/")[2], str(told["source"])) as aside:
        for name, expected in files.items():
            target = aside / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(place + name) as file, target.open("wb") as out:
                came = copy(file, out, bar)
            if came["sha256"] != expected["sha256"]:
                raise LabError(
                    f"{name} of {told['name']} has not the checksum that the archive states.",
                    "The archive is damaged: copy it again, or make it again.",
                )
