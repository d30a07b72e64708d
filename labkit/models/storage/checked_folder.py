"""What the weights in a folder must be before anything reads them: safetensors, and all there.

transformers trusts an index: a shard that is not named ``.safetensors`` it unpickles, and a pickle
can run code. So every file that it would open is looked at here first, by name and by header.
"""

import json
import os
from pathlib import Path

from labkit.errors import LabError
from labkit.filesystem.read import read_file
from labkit.formatting import shell_quoted

from . import store

PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
INDEX = ".safetensors.index.json"
AGAIN = "Download or copy the model again, with all of its files."


def require_safetensors(folder: Path) -> Path:
    """Refuses a folder that holds no weights, or only pickled ones.

    Returns:
        The folder.
    """
    _require_readable(folder)
    if list(folder.glob("*.safetensors")):
        return folder
    if any(list(folder.glob(pattern)) for pattern in PICKLED):
        raise LabError(
            f"{folder} contains pickled weights, which can run code when they are read: refused.",
            "Take the same model with .safetensors files, or convert it where you trust it.",
        )
    gguf = next(folder.glob("*.gguf"), None)
    hint = f"Name the GGUF file itself: {gguf}." if gguf else "Name a model's folder."
    raise LabError(f"{folder} contains no .safetensors file.", hint)


def _require_readable(folder: Path) -> None:
    for path in (folder, *folder.glob("*")):
        wanted = os.R_OK | (os.X_OK if path == folder else 0)
        if os.path.exists(path) and not os.access(path, wanted):
            raise LabError(
                f"{path} cannot be read: you are not permitted to.",
                "Ask its owner, or copy the model to a folder of yours.",
            )


def check_folder(folder: Path) -> Path:
    """Refuses a folder whose weights are pickled, damaged, missing or outside it.

    Returns:
        The folder.
    Raises:
        LabError: with what is wrong and what to take instead.
    """
    for file in weight_files(require_safetensors(folder)):
        _check_header(file)
    return folder


def weight_files(folder: Path) -> list[Path]:
    """The files that transformers reads the weights of a folder from.

    Raises:
        LabError: one is not a safetensors file, is outside the folder, or is missing.
    """
    first = _first_file(folder)
    names = shards(first) if first.name.endswith(INDEX) else [first.name]
    return [_checked_shard(folder, first, name) for name in names]


def _first_file(folder: Path) -> Path:
    """The file that transformers opens first: named by the configuration, or by custom."""
    named = read_json(folder / "config.json").get("transformers_weights")
    if named is not None and not (isinstance(named, str) and Path(named).name == named):
        raise LabError(f"The configuration in {folder} names weights outside it: {named!r}.", AGAIN)
    usual = ["model.safetensors", f"model{INDEX}"]
    for name in [named] if named else usual:
        if os.path.isfile(folder / name):
            return folder / name
    raise LabError(f"{folder} contains no {named or ' or '.join(usual)}.", AGAIN)


def read_json(file: Path) -> dict:
    """The object in a JSON file of a model; a LabError for any other content."""
    try:
        content = json.loads(read_file(file))
    except (ValueError, RecursionError) as error:
        raise LabError(f"{file} cannot be read: {type(error).__name__}.", AGAIN) from None
    if not isinstance(content, dict):
        raise LabError(f"{file} is damaged: it does not hold an object.", AGAIN)
    return content


def shards(index: Path) -> list[str]:
    """The names of the files that an index lists."""
    files = read_json(index).get("weight_map")
    names = set(files.values()) if isinstance(files, dict) and _all_text(files.values()) else set()
    if not names:
        raise LabError(f"{index} is damaged: it lists no files.", AGAIN)
    return sorted(names)


def _all_text(values) -> bool:
    return all(isinstance(value, str) for value in values)


def _checked_shard(folder: Path, first: Path, name: str) -> Path:
    file = folder / name
    if not name.endswith(".safetensors"):
        raise LabError(
            f"{first} names {name!r}, which is not a safetensors file: refused, because pickled "
            "weights can run code when they are read.",
            "Take the same model with .safetensors files.",
        )
    if os.path.exists(file) and first.name != name and not is_inside(file, folder):
        raise LabError(
            f"{first} names {name!r}, which is outside its folder: refused.",
            "Copy the file itself into the folder if you trust it.",
        )
    if Path(name).is_absolute() or ".." in Path(name).parts or not os.path.isfile(file):
        raise LabError(f"{first} names {name!r}, which is not in the folder.", AGAIN)
    return file


def is_inside(file: Path, folder: Path) -> bool:
    """Whether a file is in a folder, and not a link out of it."""
    # The hub's cache has the files elsewhere, and links to them.
    inside = folder.parent.parent if folder.parent.name == "snapshots" else folder
    return file.resolve().is_relative_to(inside.resolve())


def _check_header(file: Path) -> None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="numpy"):
            pass
    except (SafetensorError, OSError) as error:
        raise LabError(f"{file} is damaged, or not a safetensors file: {error}", AGAIN) from None


def require_undamaged(name: str, part: str) -> Path:
    """The folder of a part that cannot be fetched again; a LabError if it is damaged."""
    folder = store.part_folder(name, part)
    if bad := store.damaged(folder):
        raise LabError(
            f"{name} is damaged: {', '.join(bad)}.",
            "Unpack its archive again, or remove it: "
            f"python3 -m labkit models remove {shell_quoted(name)}",
        )
    return folder


def require_gguf(name: str) -> Path:
    """The GGUF file of such a model, whatever else lies beside it."""
    folder = require_undamaged(name, "gguf")
    return folder / next(iter(store.read_manifest(folder)["files"]))


def require_no_additions(folder: Path) -> None:
    """Raises a LabError if somebody added a file to a complete part, which would change a model."""
    if added := store.unlisted(folder, store.read_manifest(folder).get("files", {})):
        raise LabError(
            f"{folder} holds files that the lab did not put there: {', '.join(added)[:300]}.",
            "Move them elsewhere. To change a model, copy its folder and load the copy.",
        )
