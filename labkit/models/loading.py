"""From a name to a model in memory: resolve, download, check, plan, read.

Only safetensors and GGUF are read. Code that comes with a model never runs.
"""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit.errors import LabError
from labkit.filesystem.disk_space import disk_errors
from labkit.filesystem.read import read_start

from .architecture import read_config
from .catalogue import CATALOGUE, find, full_name
from .entry import Entry, FolderSource, HubSource, WheelSource
from .gguf_to_safetensors import convert_gguf, first_line, quiet_transformers, read_complete
from .machine import Machine, full_memory, has_torch, inspect_machine, usable_by_torch
from .memory_plan import Plan, config_fields, count_parameters, plan, plan_entry, require_fit
from .storage import fetch, gguf_parts, hub, store
from .storage.checked_folder import (
    check_folder,
    require_gguf,
    require_no_additions,
    require_safetensors,
    require_undamaged,
)
from .storage.datasets import DATASETS
from .tokenizers.files import TOKENIZER_FILES
from .tokenizers.growth import require_bounded

if TYPE_CHECKING:
    from .cpu.tuning import CpuTuning


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model of transformers in memory, in evaluation mode, with its origin and how it runs.

    ``name`` is for people: of a path, the last part alone, as a path may hold a person's name;
    ``source`` loads it again. ``tuning`` is None on a GPU, where nothing is chosen.
    """

    name: str
    source: str
    model: Any
    tokenizer: Any
    plan: Plan
    folder: Path
    gguf_file: Path | None
    entry: Entry | None
    tuning: "CpuTuning | None"


def open_model(
    name: str | Path,
    *,
    device: str | None = None,
    dtype: str | None = None,
    packed: bool | None = None,
    accept_terms: bool = False,
) -> LoadedModel:
    """Loads a model by short name, hub id, folder or .gguf file; downloads it first if needed.

    Raises:
        LabError: unknown name (the message suggests the nearest), no network, no disk space, too
            little memory, damaged files, pickled weights, a device that is not here.
    """
    if packed not in (None, True, False):
        raise ValueError(f"packed must be True, False or None; got {packed!r}")
    name = full_name(str(name))
    entry = CATALOGUE.get(name)
    if entry and entry.kind == "embedding":
        raise LabError(
            f"{name} makes embeddings and writes no text.",
            "Make vectors with it: from labkit.backends.local.embedding import Embedder",
        )
    _release_gpu()
    machine = usable_by_torch(inspect_machine())
    _require_device(device, machine)
    if entry and not (device or dtype):  # refused before anything is downloaded
        require_fit(name, plan_entry(entry, machine), machine)
    folder, gguf_file = get_model(name, accept_terms=accept_terms)
    with _still_there(name, folder):
        config = read_config(folder)
        check_folder(folder)
        if entry is None and os.path.isfile(folder / "tokenizer.json"):
            require_bounded(folder / "tokenizer.json")
        chosen = plan(
            entry.stored_parameters if entry else count_parameters(config),
            config_fields(config),
            machine,
            device=device,
            dtype=dtype,
            half=_half(),
        )
        require_fit(name, chosen, machine)
        model, tokenizer = _read(folder, chosen)
    tuning = None
    if chosen.device == "cpu":
        from .cpu.tuning import tune

        tuning = tune(model, name, may_pack=chosen.packed, packed=packed)
    shown = Path(name).name.removesuffix(".gguf") if _is_path(name) else name
    return LoadedModel(shown, name, model, tokenizer, chosen, folder, gguf_file, entry, tuning)


def _release_gpu() -> None:
    """Gives back what models that nobody refers to any more keep of a GPU."""
    import torch

    if torch.cuda.is_initialized():
        gc.collect()
        torch.cuda.empty_cache()


def _require_device(device: str | None, machine: Machine) -> None:
    """Raises a LabError for a GPU that torch does not have here."""
    kind = (device or "").partition(":")[0]
    if (kind == "cuda" and not machine.gpus) or (kind == "mps" and not machine.apple_gpu):
        raise LabError(
            f"torch has no device {device!r} that it can use here.",
            "Without device=…, the lab takes the best that there is; python3 -m labkit doctor "
            "says what is here.",
        )


@contextmanager
def _still_there(name: str, folder: Path) -> Iterator[None]:
    """Says so if a model is removed while it is read, which fails in many ways."""
    try:
        yield
    except Exception:
        if os.path.exists(folder):
            raise
        raise LabError(
            f"{name} was removed by another process while it was being loaded.", "Load it again."
        ) from None


def _is_path(name: str) -> bool:
    """Whether it is the path of a folder or file, and not a short name or a hub id."""
    is_known = name in CATALOGUE or name in store.list_models()
    return not is_known and os.path.exists(os.path.expanduser(name))


def get_model(name: str, *, accept_terms: bool = False) -> tuple[Path, Path | None]:
    """Makes sure that a model's files are on this machine.

    Returns:
        The safetensors folder, and the GGUF file it was converted from (or None).
    """
    folder, gguf_file = _find_or_fetch(name, accept_terms)
    if folder.parent.parent == store.models_folder():
        require_no_additions(folder)
    return folder, gguf_file


def _find_or_fetch(name: str, accept_terms: bool) -> tuple[Path, Path | None]:
    name = full_name(name) or find(name).name  # of an empty name, the error
    path = Path(os.path.expanduser(name))
    if name not in CATALOGUE:  # ./smollm2-135m is the folder of that name
        if os.path.isdir(path):
            return require_safetensors(path), None
        if path.suffix == ".gguf" or os.path.isfile(path):
            return _get_local_gguf(path)
    if name.startswith(("/", ".", "~")):  # a path, never a hub id
        raise LabError(f"There is no folder {path}.", "Check the path.")
    for file_set in (TOKENIZER_FILES, DATASETS):
        if name == file_set.name:
            return file_set.get(), None
    entry = CATALOGUE.get(name)
    stored = name in store.list_models()
    if entry is None and name.count("/") != 1 and not stored:
        find(name)  # raises, with the nearest name
    if entry:
        fetch.accept(entry, accept_terms)
    if entry is None and "gguf" in store.list_models().get(name, ()):
        return _converted(name, require_gguf(name))  # a copy in another number format
    source = entry.source if entry else HubSource(name)
    if entry and isinstance(source, WheelSource):
        return _get_gguf_model(entry, source)
    if entry and isinstance(source, FolderSource):
        return _get_folder(entry), None
    assert isinstance(source, HubSource)
    return (_checked_stored(name) if stored else _get_hub(source)), None  # stored: from an archive


def _get_gguf_model(entry: Entry, source: WheelSource) -> tuple[Path, Path]:
    folder = store.part_folder(entry.name, "safetensors")
    gguf_file = store.part_folder(entry.name, "gguf") / source.file_name
    if not (store.damaged(folder) or store.damaged(gguf_file.parent)):
        return folder, gguf_file  # the usual case: no lock, so that a shared home may be read-only
    if not has_torch():  # llama.cpp reads it as it is
        if store.damaged(gguf_file.parent):
            with store.locked(entry.name):
                fetch.fetch_gguf(entry)
        return gguf_file.parent, gguf_file
    with store.locked(entry.name), disk_errors(entry.title):
        gguf_file = fetch.fetch_gguf(entry)
        return convert_gguf(entry.name, gguf_file), gguf_file


def _get_folder(entry: Entry) -> Path:
    folder = store.part_folder(entry.name, "safetensors")
    if store.damaged(folder):  # if not, no lock: a shared home may be read-only
        with store.locked(entry.name):
            fetch.fetch_folder(entry)
    return folder


def _converted(name: str, gguf_file: Path) -> tuple[Path, Path]:
    folder = store.part_folder(name, "safetensors")
    if store.damaged(folder):  # if not, no lock: a shared home may be read-only
        with store.locked(name), disk_errors(name):
            convert_gguf(name, gguf_file.resolve())
    return folder, gguf_file


def _get_local_gguf(path: Path) -> tuple[Path, Path]:
    path = gguf_parts.find_parts(path)[0]
    if read_start(path, 4) != b"GGUF":
        raise LabError(f"{path} is not a GGUF file.", "Only GGUF and safetensors are read.")
    return _converted(gguf_parts.stored_name(path, gguf_parts.sha256_of_parts(path)), path)


def _get_hub(source: HubSource) -> Path:
    if cached := hub.hub_cached(source, with_tokenizer=True):
        return check_folder(cached)
    config = read_config(hub.fetch_hub(source, only_config=True))
    machine = usable_by_torch(inspect_machine())  # refused before the weights are downloaded
    chosen = plan(count_parameters(config), config_fields(config), machine)
    require_fit(source.repo_id, chosen, machine)
    return check_folder(hub.fetch_hub(source))


def _checked_stored(name: str) -> Path:
    return require_undamaged(name, "safetensors")


def _half() -> str:
    """The 16-bit dtype that the GPU computes in; older ones only emulate bfloat16, slowly."""
    import torch

    old = torch.cuda.is_available() and not torch.cuda.is_bf16_supported(including_emulation=False)
    return "float16" if old else "bfloat16"


def _read(folder: Path, chosen: Plan):
    with quiet_transformers():
        tokenizer = _read_tokenizer(folder)
        model = _read_weights(folder, chosen)
    if not chosen.spread:
        model.to(chosen.device)
    model.generation_config = _only_tokens(model.generation_config)
    _try_out(model.eval(), folder)
    return model, tokenizer


def _try_out(model, folder: Path) -> None:
    """Refuses a model that cannot read tokens, or whose scores after them are not numbers."""
    import torch

    try:
        with torch.inference_mode():
            scores = model(input_ids=torch.tensor([[0, 0]], device=model.device)).logits[0, -1]
    except Exception as error:  # that of any layer
        if full_memory(error):
            raise
        if "CUDA error" in str(error):  # such as of a card that this torch was not built for
            raise LabError(
                f"torch {torch.__version__} cannot compute on this GPU: {first_line(error)}",
                "Install a build of torch for this GPU (“Get started” on pytorch.org), or take the "
                'CPU: lab.load(…, device="cpu").',
            ) from None
        raise LabError(
            f"The configuration in {folder} does not fit its model: {first_line(error)}",
            "Download or copy the model again.",
        ) from None
    if not scores.amax().isfinite():  # most weights that are not numbers spread
        raise LabError(
            f"The scores of the model in {folder} are not numbers: its weights are damaged, or too "
            f"large for {scores.dtype}.",
            'Download or copy the model again, or try lab.load(…, dtype="float32").',
        )


def _only_tokens(published):
    """A publisher's settings of `generate` without all but the special tokens.

    They would fill in whatever a call leaves out, and the lab's settings would not be those used.
    """
    from transformers import GenerationConfig

    names = ("bos_token_id", "eos_token_id", "pad_token_id")
    return GenerationConfig(**{name: getattr(published, name, None) for name in names})


def _read_tokenizer(folder: Path):
    from transformers import AutoTokenizer

    here = {"local_files_only": True, "trust_remote_code": False}
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(folder, **here)
        tokenizer("a")  # with settings of a wrong type, it fails at the first text
        return tokenizer
    except Exception as error:  # each of its many tokenizers fails in its own way
        if full_memory(error):
            raise
        raise LabError(
            f"{folder} has no tokenizer, or one that transformers cannot read.",
            "Copy the tokenizer's files of the same model (tokenizer.json, tokenizer_config.json) "
            "into the folder.",
        ) from None


def _read_weights(folder: Path, chosen: Plan):
    import torch

    where = {"device_map": "auto"} if chosen.spread else {}
    dtype = getattr(torch, chosen.needs.dtype)
    try:
        return read_complete(folder, dtype=dtype, use_safetensors=True, **where)
    except LabError:
        raise
    except Exception as error:  # safetensors', or that of an architecture
        if full_memory(error):
            raise
        raise LabError(
            f"The weights in {folder} are damaged, or do not fit its configuration: "
            f"{first_line(error)}",
            "Download or copy the model again.",
        ) from None
