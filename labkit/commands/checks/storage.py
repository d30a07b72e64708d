"""Disk space, the stored models, and leftovers of unfinished work."""

import contextlib
import os
import re
import shutil

from labkit.formatting import number_of, shell_quoted
from labkit.models.catalogue import CATALOGUE, DEFAULT, find
from labkit.models.storage import inventory, store

from . import FAILING, FINE, WARNING, Check, listed

UNFINISHED = re.compile(rf"\.(.+)\.(wheels|(?:{'|'.join(store.PARTS)})(?:\.old)?)")
ROOMY = 2e9  # bytes; with less, one more model may not fit


def look():
    """All three; one line if the folder itself cannot be used."""
    yield from disk()
    yield from models()
    yield from unfinished()


def disk():
    """Free space on the disk of the models."""
    folder = store.models_folder()
    free = shutil.disk_usage(folder).free
    detail = f"{free / 1e9:.1f} GB free for models ({folder})"
    entry = find(DEFAULT)
    # As downloaded and unpacked, then in float32 for transformers.
    need = 2 * entry.download_bytes + 4 * entry.stored_parameters
    hint = "Make room, or set LABKIT_HOME to a folder on a larger disk."
    if free < need and DEFAULT not in store.list_models():
        detail += f"; {DEFAULT} takes {need / 1e9:.1f} GB while it is set up"
        yield Check("Disk", FAILING, detail, hint)
    elif free < ROOMY:
        yield Check("Disk", WARNING, detail, hint)
    else:
        yield Check("Disk", FINE, detail)


def models():
    """Each stored model, in the hub's cache too: every byte, by its checksum."""
    found = {name: stored for name, stored in inventory.inventory().items() if stored.here}
    for stored in found.values():
        damaged = [
            f"{file} ({part})" for part, files in inventory.damaged(stored) for file in files
        ]
        what = f"{', '.join(stored.folders)}, {stored.disk_bytes / 1e6:,.0f} MB"
        if damaged:
            detail = f"{what}; damaged: {listed(damaged)}"
            yield Check(f"Model {stored.name}", FAILING, detail, _renew(stored))
        elif unknown := inventory.unverifiable(stored):
            without = f"without a checksum to compare with: {number_of(unknown, 'file')}"
            yield Check(f"Model {stored.name}", FINE, f"{what}; no damage found; {without}")
        else:
            yield Check(f"Model {stored.name}", FINE, f"{what}; every checksum matches")
    if not found:
        detail = f"none yet: {DEFAULT} is downloaded when it is first used"
        yield Check("Models", FINE, f"{detail} ({find(DEFAULT).download_bytes / 1e6:.0f} MB)")


def _renew(stored):
    name = shell_quoted(stored.name)
    remove = f"python3 -m labkit models remove {name}"
    if stored.name in CATALOGUE or inventory.HUB_CACHE in stored.folders:
        return f"{remove}, then: python3 -m labkit models get {name}"
    source = store.read_manifest(next(iter(stored.folders.values()))).get("source")
    return f"{remove}, then copy it again from {source or 'its source'}."


def unfinished():
    """Interrupted work; a line only if there is some."""
    left = {}
    for folder in sorted(store.models_folder().iterdir()):
        found = UNFINISHED.fullmatch(folder.name)
        if found and os.path.isdir(folder):
            left.setdefault(found[1].replace("--", "/"), []).append(folder)
    for name, folders in left.items():
        with contextlib.suppress(FileNotFoundError):  # another process removes it meanwhile
            yield _left(name, sum(map(store.bytes_of, folders)) / 1e6)
    for name, stored in inventory.inventory().items():
        if not stored.here and name not in left:
            yield _left(name, stored.disk_bytes / 1e6)


def _left(name, megabytes):
    label = f"Unfinished {name}"
    if _is_at_work(name):
        return Check(label, FINE, f"another process is preparing it ({megabytes:,.0f} MB so far)")
    quoted = shell_quoted(name)
    hint = (
        f"python3 -m labkit models get {quoted} continues it; "
        f"python3 -m labkit models remove {quoted} deletes it."
    )
    return Check(label, WARNING, f"{megabytes:,.0f} MB of interrupted work", hint)


def _is_at_work(name):
    """Whether some process holds the model's lock."""
    import filelock

    path = store.beside(name, "lock")
    if not os.path.exists(path):
        return False
    try:
        with filelock.FileLock(path, timeout=0):
            return False
    except filelock.Timeout:
        return True
    except OSError:  # a home without write access: its locks cannot be tested
        return False
