"""The packages in an archive, each checked by its sha256 before anything is installed from it.

Like `bootstrap`, this uses the standard library alone.
"""

import hashlib
import json
import re
import struct
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path

from labkit.errors import LabError

MANIFEST = "labkit.json"
LARGEST_MANIFEST = 16_000_000  # bytes
BROKEN = (zipfile.BadZipFile, EOFError, RuntimeError, ValueError, struct.error, zlib.error)


def wheels_in(archive):
    """The names of the wheels in a zip's folder ``packages/``."""
    with _opened(archive) as opened:
        return [name for name in opened.namelist() if re.fullmatch(r"packages/[^/\\]+\.whl", name)]


def extract_wheels(archive, folder):
    """Writes an archive's wheels to a folder, which is returned.

    Raises:
        LabError: the archive is damaged, or a wheel is not the one that its manifest lists; a zip
            without a manifest is one that somebody has put together and trusts.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = wheels_in(archive)
    with _opened(archive) as opened:
        sums = _sums(opened)
        for name in names:
            target = folder / Path(name).name
            with opened.open(name) as file, target.open("wb") as out:
                found = hashlib.sha256()
                while piece := file.read(1 << 20):
                    found.update(piece)
                    out.write(piece)
            if sums is not None and sums.get(name) != found.hexdigest():
                raise LabError(
                    f"Checksum mismatch: {name!a} in {archive} differs from its manifest.",
                    "Nothing of it was installed. Copy the archive again, or make it again.",
                )
    return folder


def _sums(opened):
    """The checksum of each file by the archive's manifest; None if it has no manifest."""
    if MANIFEST not in opened.namelist():
        return None
    info = opened.getinfo(MANIFEST)
    if info.file_size > LARGEST_MANIFEST:
        raise ValueError("its manifest is too large")
    try:
        files = json.loads(opened.read(info))["files"]
        return {name: each["sha256"] for name, each in files.items()}
    except (KeyError, TypeError, AttributeError):
        raise ValueError("its manifest was not written by the lab") from None


@contextmanager
def _opened(archive):
    try:
        if not zipfile.is_zipfile(archive):
            raise LabError(
                f"{archive} is missing, or is not a zip file.",
                "Give the file that `python3 -m labkit models pack` made.",
            )
        with zipfile.ZipFile(archive) as opened:
            yield opened
    except BROKEN as error:
        raise LabError(
            f"{archive} is damaged: {str(error)!a}.", "Copy it again, or make it again."
        ) from None
    except OSError as error:
        raise LabError(
            f"{archive} cannot be unpacked: {error.strerror or error}.", "Check the file's name."
        ) from None
