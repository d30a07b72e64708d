"""Space on a disk: asked for before much is written, and the error of a disk that is full."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from labkit.errors import LabError

# That a disk takes no more: it is full, a quota or a limit is reached, or it may not be written.
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM)
MORE_SPACE = (
    "Free some space (python3 -m labkit models list shows the models), or use a larger disk: "
    "LABKIT_HOME is the folder of the lab's own models, HF_HOME that of the hub's."
)


@contextmanager
def disk_errors(what: str) -> Iterator[None]:
    """Raises a LabError where the disk does not take what is downloaded."""
    try:
        yield
    except OSError as error:
        if error.errno not in DISK_ERRORS:
            raise
        raise not_stored(what, error) from None


def not_stored(what: str, error: OSError) -> LabError:
    """The error for a download that this machine's disk does not take."""
    return LabError(f"{what} cannot be stored: {error}.", MORE_SPACE)


def existing_folder(folder: Path) -> Path | None:
    """A folder, or the nearest above it that exists; None: its drive is not there (Windows)."""
    return next((each for each in (folder, *folder.parents) if os.path.exists(each)), None)


def require_disk(need_bytes: int, what: str, folder: Path) -> None:
    """Raises a LabError if the disk of a folder, which need not exist, has less space."""
    path = existing_folder(folder)
    if path is None:
        raise LabError(f"{what} cannot be stored: {folder.anchor} is not there.", MORE_SPACE)
    free = shutil.disk_usage(path).free
    if free < need_bytes:
        raise LabError(
            f"{what} needs {need_bytes / 1e6:,.0f} MB of disk and {free / 1e6:,.0f} MB are free "
            f"in {path}.",
            MORE_SPACE,
        )
