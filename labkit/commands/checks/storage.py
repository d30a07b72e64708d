"""Disk, the models that lie on it, and what unfinished work has left."""

import contextlib
import re
import shutil

from labkit.models.catalogue import CATALOGUE, DEFAULT, find
from labkit.models.storage import inventory, store

from . import FAILING, FINE, WARNING, Check, listed

UNFINISHED = re.compile(rf"\.(.+)\.(wheels|(?:{'|'.join(store.PARTS)})(?:\.old)?)")
ROOMY = 2e9  # bytes; below, one more model may be too much


def look():
    """All of it: one line where the folder itself cannot be used."""
    yield from disk()
    yield from models()
    yield from unfinished()


def disk():
    """What is free where the models lie."""
    folder = store.models_folder()
    free = shutil.disk_usage(folder).free
    detail = f"{free / 1e9:.1f} GB free for models ({folder})"
    entry = find(DEFAULT)
    # As fetched and unpacked, then in float32 for transformers.
    need = 2 * entry.download_bytes + 4 * entry.parameters
    mend = "Make room, or set LABKIT_HOME to a folder on a larger disk."
    if free < need and DEFAULT not in store.list_models():
        detail += f"; {DEFAULT} takes {need / 1e9:.1f} GB while it is set up"
        yield Check("Disk", FAILING, detail, mend)
    elif free < ROOMY:
        yield Check("Disk", WARNING, detail, mend)
    else:
        yield Check("Disk", FINE, detail)


def models():
    """Each model that is here, in the hub's cache too: every byte of it against its checksum."""
    found = {name: kept for name, kept in inventory.inventory().items() if kept.here}
    for kept in found.values():
        damaged = [f"{file} ({part})" for part, files in inventory.damaged(kept) for file in files]
        what = f"{', '.join(kept.folders)}, {kept.disk_bytes / 1e6:,.0f} MB"
        if damaged:
            detail = f"{what}; damaged: {listed(damaged)}"
            yield Check(f"Model {kept.name}", FAILING, detail, _renew(kept))
        else:
            yield Check(f"Model {kept.name}", FINE, f"{what}; every byte as it came")
    if not found:
        detail = f"none yet: {DEFAULT} is fetched when it is first used"
        yield Check("Models", FINE, f"{detail} ({find(DEFAULT).download_bytes / 1e6:.0f} MB)")


def _renew(kept):
    remove = f"python3 -m labkit models remove {kept.name}"
    if kept.name in CATALOGUE or inventory.HUB_CACHE in kept.folders:
        return f"{remove}, then: python3 -m labkit models get {kept.name}"
    source = store.read_manifest(next(iter(kept.folders.values()))).get("source")
    return f"{remove}, then bring it again from {source or 'where it came from'}."


def unfinished():
    """Work that was cut off; a line only where there is some."""
    left = {}
    for folder in sorted(store.models_folder().iterdir()):
        found = UNFINISHED.fullmatch(folder.name)
        if found and folder.is_dir():
            left.setdefault(found[1].replace("--", "/"), []).append(folder)
    for name, folders in left.items():
        with contextlib.suppress(FileNotFoundError):  # another process goes on meanwhile
            yield _left(name, sum(map(store.bytes_of, folders)) / 1e6)
    for name, kept in inventory.inventory().items():
        if not kept.here and name not in left:
            yield _left(name, kept.disk_bytes / 1e6)


def _left(name, megabytes):
    label = f"Unfinished {name}"
    if _is_at_work(name):
        return Check(label, FINE, f"another process is preparing it ({megabytes:,.0f} MB so far)")
    mend = (
        f"python3 -m labkit models get {name} goes on with it; "
        f"python3 -m labkit models remove {name} deletes it."
    )
    return Check(label, WARNING, f"{megabytes:,.0f} MB of work that was cut off", mend)


def _is_at_work(name):
    """Whether some process holds the model's lock."""
    import filelock

    path = store.beside(name, "lock")
    if not path.exists():
        return False
    try:
        with filelock.FileLock(path, timeout=0):
            return False
    except filelock.Timeout:
        return True
    except OSError:  # a home that is not ours to write: nobody else's work is told from here
        return False
