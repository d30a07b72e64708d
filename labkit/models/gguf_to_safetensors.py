"""One-time conversion of a GGUF file to an ordinary safetensors folder.

transformers reads GGUF itself, but slowly, and on every load. The folder written here loads in
about a second, and every other tool reads it too.
"""

import functools
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from labkit.errors import LabError
from labkit.filesystem.disk_space import require_disk
from labkit.filesystem.write import write_text

from .machine import full_memory
from .storage import gguf_parts, store
from .storage.checked_folder import AGAIN
from .temporary_setting import temporary_setting

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


def convert_gguf(name: str, gguf_file: Path) -> Path:
    """The safetensors folder of a GGUF file, created unless it exists undamaged.

    The weights are those of the file, dequantised to float32, which represents each exactly. The
    caller holds the model's lock.

    Returns:
        The folder.
    Raises:
        LabError: the disk is too small, or transformers cannot convert the file.
    """
    target = store.part_folder(name, "safetensors")
    if os.path.exists(target) and not store.damaged(target):
        return target
    # Four bytes per weight; a GGUF has at least half a byte for each.
    size = sum(part.stat().st_size for part in gguf_parts.find_parts(gguf_file))
    require_disk(8 * size, f"Converting {name}", store.models_folder())
    from tqdm.auto import tqdm

    with (
        store.new_part(name, "safetensors", gguf_file.name) as aside,
        quiet_transformers(),
        _shared_reader(),
        _convertible(gguf_file),
        tqdm(total=3, desc=f"{name}: converting, once", unit="step") as bar,
    ):
        bar.set_postfix_str("tokenizer")
        _read_tokenizer(gguf_file).save_pretrained(aside)
        _forget_machine(aside / "tokenizer_config.json")
        bar.update()
        bar.set_postfix_str("weights")
        model = _read_weights(gguf_file)
        bar.update()
        bar.set_postfix_str("writing")
        model.save_pretrained(aside)
        bar.update()
    return target


@contextmanager
def _shared_reader() -> Iterator[None]:
    """Makes all readers of the GGUF header share one parse of it.

    transformers parses the header, with its hundred thousand strings, once each for tokenizer,
    configuration and weights, which would be most of the time of a conversion. The reader has the
    tensors of all parts of a split file, of which transformers knows nothing.
    """
    import gguf

    once = functools.cache(gguf_parts.open_gguf)
    with temporary_setting(vars(gguf), "GGUFReader", lambda path: once(Path(path))):
        yield


@contextmanager
def _convertible(gguf_file: Path) -> Iterator[None]:
    """Turns whatever transformers raises at a file that it does not know into a LabError."""
    import gguf

    architecture = gguf.GGUFReader(gguf_file).get_field(gguf.Keys.General.ARCHITECTURE)
    kind = "unknown"
    try:
        kind = architecture.contents() if architecture else kind
        yield
    except LabError:
        raise
    except Exception as error:
        if memory := full_memory(error):
            raise LabError(
                f"{memory} is full: there was no room to convert {gguf_file.name}.",
                "Close other programs that use it, or take a smaller model.",
            ) from None
        raise LabError(
            f"transformers cannot convert {gguf_file.name}, a GGUF file of the architecture "
            f"{kind}: {first_line(error)}",
            f'llama.cpp may read it as it is: load_llamacpp("{gguf_file}"). Or take the same model '
            "as a folder with .safetensors files.",
        ) from None


def first_line(error: Exception) -> str:
    """What an error says, without the lines that follow; a line that ends in a colon goes on."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return " ".join(line.strip() for line in lines[: 2 if lines[0].rstrip().endswith(":") else 1])


def read_complete(folder: Path, *, hint: str = AGAIN, **options) -> Any:
    """A model with all of its weights; transformers itself would fill in random ones.

    Args:
        folder: where its files are.
        hint: what to do if weights are missing.
        options: for transformers' ``from_pretrained``.
    Raises:
        LabError: weights are missing, or of other shapes.
    """
    from transformers import AutoModelForCausalLM

    model, info = AutoModelForCausalLM.from_pretrained(
        folder, output_loading_info=True, local_files_only=True, trust_remote_code=False, **options
    )
    if missing := sorted(map(str, info["missing_keys"])):
        raise LabError(
            f"{folder / options.get('gguf_file', '')} lacks {len(missing)} of the model's weights, "
            f"such as {missing[0]}: they would be random numbers.",
            hint,
        )
    return model


def _read_weights(gguf_file: Path) -> Any:
    import torch

    # For a few architectures transformers has a reader of its own, which knows no parts.
    hint = gguf_parts.MERGE if len(gguf_parts.find_parts(gguf_file)) > 1 else AGAIN
    options = {"gguf_file": gguf_file.name, "dtype": torch.float32}
    model = read_complete(gguf_file.parent, hint=hint, **options)
    model.hf_quantizer = None  # otherwise save_pretrained refuses the model as quantised
    del model.config.quantization_config
    return model


def _read_tokenizer(gguf_file: Path) -> "PreTrainedTokenizerFast":
    import gguf
    from transformers import AutoTokenizer

    opened = AutoTokenizer.from_pretrained(
        gguf_file.parent, gguf_file=gguf_file.name, local_files_only=True
    )
    tokenizer = cast("PreTrainedTokenizerFast", opened)  # all that are made from a GGUF
    pre = gguf.GGUFReader(gguf_file).get_field("tokenizer.ggml.pre")
    _set_pre_tokenizer(tokenizer, pre.contents() if pre else None)
    return tokenizer


def _set_pre_tokenizer(tokenizer: "PreTrainedTokenizerFast", pre: str | None) -> None:
    """Sets the rule by which the model splits text before merging.

    transformers 5.23 knows some values of ``tokenizer.ggml.pre`` (``GGUF_PRE_TOKENIZER_SPLITS``),
    ``smollm`` not among them, and then splits as GPT-2 does. The SmolLM models split off every
    digit first; without that, a number after spaces or a line break becomes other tokens than those
    the model was trained on (llama.cpp, which implements the rule, is the oracle of
    tests/models/test_gguf_to_safetensors.py).
    """
    if pre == "smollm":
        from tokenizers import pre_tokenizers as split

        tokenizer.backend_tokenizer.pre_tokenizer = split.Sequence(
            [split.Digits(individual_digits=True), split.ByteLevel(add_prefix_space=False)]
        )


def _forget_machine(config_file: Path) -> None:
    """Drops what transformers records about this machine's files, so that the folder can move."""
    config = json.loads(config_file.read_text(encoding="utf-8"))
    for key in ("is_local", "local_files_only", "gguf_file"):
        config.pop(key, None)
    write_text(config_file, json.dumps(config, indent=2))


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Hides transformers' own progress bars: the lab shows its own."""
    from tqdm.auto import tqdm
    from transformers import modeling_gguf_pytorch_utils as gguf_reader
    from transformers.utils import logging

    enabled = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    # Its GGUF reader uses tqdm regardless of that setting.
    silent = functools.partial(tqdm, disable=True)
    try:
        with temporary_setting(vars(gguf_reader), "tqdm", silent):
            yield
    finally:
        if enabled:
            logging.enable_progress_bar()
