"""The models on this machine: the lab's own and those in the hub's cache, in one list."""

import difflib
import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from labkit.errors import LabError
from labkit.formatting import shell_quoted
from labkit.models.catalogue import CATALOGUE, find, full_name
from labkit.models.entry import HubSource, WheelSource

from . import hub, store

HUB_CACHE = "hub cache"


@dataclass(frozen=True, slots=True)
class StoredModel:
    """One model's files on this machine.

    Attributes:
        name: short name, hub id, or the name it was unpacked or converted under.
        folders: folder of each complete part (``"gguf"``, ``"safetensors"``, ``"hub cache"``).
        disk_bytes: size on disk, unfinished work included.
    """

    name: str
    folders: dict[str, Path]
    disk_bytes: int

    @property
    def here(self) -> bool:
        """Whether a part of it is complete; if not, a download was interrupted."""
        return bool(self.folders)


def inventory() -> dict[str, StoredModel]:
    """All models that take space here, by name: in the catalogue's order, then the others."""
    repos, own = _hub_repos(), store.list_models()
    wanted = {_hub_id(name): name for name in CATALOGUE}
    others = [*own, *(wanted.get(repo_id, repo_id) for repo_id in repos)]
    names = dict.fromkeys([*CATALOGUE, *sorted(others)])
    found = [_find(name, own.get(name, ()), repos.get(_hub_id(name))) for name in names]
    return {stored.name: stored for stored in found if stored.disk_bytes}


def require_stored(name: str) -> StoredModel:
    """The stored model of that name; a LabError with the nearest name if it is missing."""
    name, found = full_name(name), inventory()
    if name in found:
        return found[name]
    if near := difflib.get_close_matches(name, found, n=1, cutoff=0.45):
        raise LabError(
            f"There is no '{name}' on this machine. Did you mean '{near[0]}'?",
            "What is here: python3 -m labkit models list",
        )
    if name.count("/") != 1:
        find(name)  # raises, with the catalogue's nearest name
    hint = f"python3 -m labkit models get {shell_quoted(name)}"
    raise LabError(f"{name} is not on this machine.", hint)


def damaged(stored: StoredModel) -> Iterator[tuple[str, list[str]]]:
    """Each part with its damaged files; reads every byte."""
    for part, folder in stored.folders.items():
        if part == HUB_CACHE:
            yield part, _hub_damaged(folder)
        else:
            bad = [*store.damaged(folder, thorough=True), *_foreign(stored.name, part, folder)]
            yield part, list(dict.fromkeys(bad))


def unverifiable(stored: StoredModel) -> int:
    """The number of its files with no checksum to compare with: the hub's cache may lack links."""
    folder = stored.folders.get(HUB_CACHE)
    return sum(not _checksum(path) for path in _hub_files(folder)) if folder else 0


def _foreign(name: str, part: str, folder: Path) -> list[str]:
    """The file of a catalogue's model if its checksum is not the one that the catalogue knows."""
    source = CATALOGUE[name].source if name in CATALOGUE else None
    if part != "gguf" or not isinstance(source, WheelSource):
        return []
    known = store.read_manifest(folder).get("files", {}).get(source.file_name, {})
    return [] if known.get("sha256") == source.sha256 else [source.file_name]


def remove(stored: StoredModel) -> int:
    """Removes all of a model's files, in the hub's cache too; returns the bytes freed."""
    repo = _hub_repos().get(_hub_id(stored.name))
    freed = store.remove(stored.name)
    if repo is None:
        return freed
    # From this repository alone: a copy of it has commits of the same name.
    cache = replace(_scan_hub(), repos=frozenset([repo]))
    cache.delete_revisions(*(revision.commit_hash for revision in repo.revisions)).execute()
    return freed + repo.size_on_disk


def _hub_id(name: str) -> str:
    return _hub_source(name).repo_id


def _hub_source(name: str) -> HubSource:
    source = CATALOGUE[name].source if name in CATALOGUE else None
    return source if isinstance(source, HubSource) else HubSource(name)


def _hub_repos() -> dict[str, Any]:
    """Models in the hub's cache with safetensors, or of the catalogue; other tools fill it too."""
    from huggingface_hub import CacheNotFound

    try:
        repos = _scan_hub().repos
    except CacheNotFound:
        return {}
    known = {_hub_id(name) for name in CATALOGUE}
    return {
        repo.repo_id: repo
        for repo in repos
        if repo.repo_type == "model" and (repo.repo_id in known or _has_weights(repo))
    }


def _scan_hub():
    from huggingface_hub import constants, scan_cache_dir

    return scan_cache_dir(constants.HF_HUB_CACHE)


def _has_weights(repo) -> bool:
    files = (file for revision in repo.revisions for file in revision.files)
    return any(file.file_name.endswith(".safetensors") for file in files)


def _find(name: str, parts: tuple[str, ...], repo) -> StoredModel:
    folders = {part: store.part_folder(name, part) for part in parts}
    paths = [store.model_folder(name), *store.unfinished(name)]
    size = sum(store.bytes_of(path) for path in paths if os.path.exists(path))
    if repo:
        cached = hub.hub_cached(_hub_source(name))
        folders |= {HUB_CACHE: cached} if cached else {}
        size += repo.size_on_disk
    return StoredModel(name, folders, size)


def _hub_damaged(folder: Path) -> list[str]:
    """Damaged files of the hub's cache, as far as their checksums are known."""
    files = _hub_files(folder)
    return [path.relative_to(folder).as_posix() for path in files if not _is_whole(path)]


def _hub_files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if not os.path.isdir(path)]


def _checksum(path: Path) -> str:
    """The name of the blob to which a file links; "" where the system has no links."""
    name = path.resolve().name
    return name if re.fullmatch("[0-9a-f]{40}|[0-9a-f]{64}", name) else ""


def _is_whole(path: Path) -> bool:
    if not os.path.exists(path):  # a link without its blob
        return False
    known = _checksum(path)
    if len(known) == 40:  # a small file, stored by git itself
        content = path.read_bytes()
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest() == known
    return not known or store.sha256_of(path) == known
