"""Downloading from the Hugging Face hub, left to the hub client: its cache, locks, checksums."""

import logging
import os
import re
from pathlib import Path
from typing import Any

from labkit.errors import LabError
from labkit.filesystem.disk_space import DISK_ERRORS, not_stored, require_disk
from labkit.models.entry import HubSource

from .checked_folder import shards

# Only safetensors: pickled weights can run code. Mistral's "consolidated" repeats the weights.
HUB_FILES = ["*.json", "*.safetensors", "*.model", "*.jinja", "*.txt", "LICENSE*"]
HUB_IGNORED = ["original/*", "onnx/*", "consolidated*", "*/*"]
_CREDENTIALS = re.compile(r"(?<=://)[^\s/?#]*@")  # a mirror's address may hold a password
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt")


def hub_client():
    """The package huggingface_hub; its warnings, which a notebook keeps, name no password."""
    import huggingface_hub

    for handler in logging.getLogger(huggingface_hub.__name__).handlers:
        handler.addFilter(_hide_credentials)  # the same one again changes nothing
    return huggingface_hub


def _hide_credentials(record: logging.LogRecord) -> bool:
    record.msg, record.args = _CREDENTIALS.sub("", record.getMessage()), ()
    return True


def fetch_hub(source: HubSource, *, only_config: bool = False) -> Path:
    """The folder of a hub model in the hub client's cache, downloaded if it is not there.

    Raises:
        LabError: no such repository, no access, no network, no disk space, no safetensors.
    """
    client, request = hub_client(), _request(source)
    if only_config:
        request["allow_patterns"] = ["config.json"]
    try:
        if not only_config:
            _check_hub_files(source, client.snapshot_download(**request, dry_run=True))
        return Path(client.snapshot_download(**request))
    except LabError:
        raise
    except Exception as error:  # the client's own, and those of the HTTP client below it
        if cached := hub_cached(source):
            return cached
        raise _hub_failure(source, error) from None


def fetch_hub_file(repo_id: str, name: str) -> Path:
    """One file of a hub repository, downloaded if it is not in the hub client's cache.

    Raises:
        LabError: no such repository or file, no access, no network.
    """
    from huggingface_hub import errors

    hub = hub_client()
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
    if isinstance(error, OSError) and error.errno in DISK_ERRORS:
        return not_stored(source.repo_id, error)
    missing = errors.RepositoryNotFoundError, errors.RevisionNotFoundError
    if isinstance(error, (*missing, errors.HFValidationError)):
        return LabError(
            f"The hub has no model '{source.repo_id}' (revision {source.revision}).",
            "Check the spelling; for the lab's own names: python3 -m labkit models list.",
        )
    return LabError(
        f"The model hub does not answer, and {source.repo_id} is not on this machine: "
        f"{hub_reason(error)}",
        "Check the network, or take a model that needs no hub: smollm2-135m.",
    )


def hub_reason(error: Exception) -> str:
    """The first line of an error, its addresses without names and passwords.

    >>> hub_reason(ValueError("404 for http://anna:secret@example.org/v1."))
    '404 for http://example.org/v1.'
    """
    return _CREDENTIALS.sub("", str(error).splitlines()[0] if str(error) else type(error).__name__)


def hub_cached(source: HubSource, *, with_tokenizer: bool = False) -> Path | None:
    """The model's folder in the hub's cache if all its weights are there, else None.

    Args:
        source: of the model.
        with_tokenizer: whether a tokenizer must be there too: another tool's download may lack it,
            and so do some repositories.
    """
    import huggingface_hub
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:  # with the same patterns: other files may be missing
        folder = Path(huggingface_hub.snapshot_download(**_request(source), local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError):
        return None
    if with_tokenizer and not any(os.path.exists(folder / name) for name in TOKENIZERS):
        return None
    return folder if _has_weights(folder) else None


def _has_weights(folder: Path) -> bool:
    """Whether all weights are there: an interrupted download leaves a folder too."""
    index = folder / "model.safetensors.index.json"
    if os.path.exists(index):
        try:
            return all(os.path.exists(folder / shard) for shard in shards(index))
        except LabError:  # damaged
            return False
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
    require_disk(need, source.repo_id, Path(constants.HF_HUB_CACHE))
