"""A GGUF file becomes an ordinary safetensors folder, once.

transformers reads GGUF itself, but every time anew, and it takes long. The folder that is written
here loads in about a second and is read by every other tool too.
"""

import functools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast
from unittest import mock

from .storage import store

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast


def convert_gguf(name: str, gguf_file: Path) -> Path:
    """The safetensors folder of a GGUF file, made unless it is here and undamaged.

    The weights are the file's, with its quantisation undone to float32, which holds each exactly.

    Args:
        name: of the model in the store. The caller holds its lock.
        gguf_file: the file.
    Returns:
        The folder.
    Raises:
        LabError: if the disk is too small.
    """
    target = store.part_folder(name, "safetensors")
    if target.exists() and not store.damaged(target):
        return target
    # Four bytes a weight; a GGUF holds at least half a byte for each.
    store.require_disk(8 * gguf_file.stat().st_size, f"Converting {name}")
    from tqdm.auto import tqdm

    with (
        store.placing(name, "safetensors", gguf_file.name) as aside,
        quiet_transformers(),
        _one_reading(),
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
def _one_reading() -> Iterator[None]:
    """Lets all that read the GGUF's header share one reading of it.

    transformers parses the header, with its hundred thousand strings, once each for tokenizer,
    configuration and weights, which would be most of the time that a conversion takes.
    """
    import gguf

    once = functools.cache(gguf.GGUFReader)
    with mock.patch.object(gguf, "GGUFReader", lambda path: once(str(path))):
        yield


def _read_weights(gguf_file: Path) -> "PreTrainedModel":
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(
        gguf_file.parent, gguf_file=gguf_file.name, dtype=torch.float32, local_files_only=True
    )
    model.hf_quantizer = None  # or save_pretrained refuses: it takes the model for a quantised one
    del model.config.quantization_config
    return model


def _read_tokenizer(gguf_file: Path) -> "PreTrainedTokenizerFast":
    import gguf
    from transformers import AutoTokenizer

    opened = AutoTokenizer.from_pretrained(
        gguf_file.parent, gguf_file=gguf_file.name, local_files_only=True
    )
    tokenizer = cast("PreTrainedTokenizerFast", opened)  # all that are made from a GGUF
    told = gguf.GGUFReader(gguf_file).get_field("tokenizer.ggml.pre")
    _mend_splitting(tokenizer, told.contents() if told else None)
    return tokenizer


def _mend_splitting(tokenizer: "PreTrainedTokenizerFast", pre: str | None) -> None:
    """Gives the tokenizer the rule by which its model splits text before merging.

    transformers 5.23 does not read ``tokenizer.ggml.pre`` and splits as GPT-2 does. The SmolLM
    models take every digit by itself first: without that, a number after spaces or a line break
    becomes other tokens than the model was trained on (llama.cpp, which knows the rule, is the
    oracle of tests/models/test_convert.py).
    """
    if pre == "smollm":
        from tokenizers import pre_tokenizers as split

        tokenizer.backend_tokenizer.pre_tokenizer = split.Sequence(
            [split.Digits(individual_digits=True), split.ByteLevel(add_prefix_space=False)]
        )


def _forget_machine(config_file: Path) -> None:
    """Drops what transformers notes about this machine's files, so that the folder can move."""
    config = json.loads(config_file.read_text())
    for key in ("is_local", "local_files_only", "gguf_file"):
        config.pop(key, None)
    config_file.write_text(json.dumps(config, indent=2))


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Holds back transformers' own progress bars: the lab shows one of its own."""
    from tqdm.auto import tqdm
    from transformers import modeling_gguf_pytorch_utils as gguf_reader
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    # Its GGUF reader takes tqdm as it is, whatever that setting says.
    silent = functools.partial(tqdm, disable=True)
    try:
        with mock.patch.object(gguf_reader, "tqdm", silent, create=True):
            yield
    finally:
        if shown:
            logging.enable_progress_bar()
