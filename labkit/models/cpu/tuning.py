"""How a model's layers run fastest on this CPU: measured once in at most 3 s, then remembered.

No rule holds on all processors. oneDNN's packed float32 layers gained 15 to 20 % on one kind and
lost 25 % on another; bfloat16 read prompts six times as slowly on one, and 3.7 times as fast on
another. So the first load of a model on a machine tries both, on some of the model's own layers.
"""

import copy
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import torch

from labkit.models.machine import inspect_machine

from . import layers as cpu_layers
from .layers import Family
from .record import CpuTuning, remember, remembered

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def respect_quota() -> int:
    """Takes torch's threads down to the cores that a container may use: torch reads no quota."""
    if (cores := inspect_machine().cores) < torch.get_num_threads():
        torch.set_num_threads(max(1, cores))
    return torch.get_num_threads()


TORCH_THREADS = respect_quota()  # by default
TRIAL_S, TRIAL_ROUNDS = 0.6, 12  # at most, per question; there are three
TRIAL_BYTES = 128 * 1024**2  # more than a cache holds, as a whole model is
PROMPT_ROWS = 128
# Share of the processor that other programs may take meanwhile. With more, threads wait for each
# other, and any outcome is that of the moment.
QUIET = 0.1
# Fewer threads must win clearly: whatever else runs on a machine speaks for them.
THREADS_MARGIN = 1.15
SMALL_BYTES = 8 * 1024**2  # of layers, below which nothing can be gained


@torch.inference_mode()
def tune(
    model: "PreTrainedModel", name: str, *, may_pack: bool, packed: bool | None = None
) -> CpuTuning:
    """Makes a model faster on this CPU, in place, as it was measured or is measured now.

    Args:
        model: a model of transformers on the CPU.
        name: its name, for the record.
        may_pack: whether there is memory for a packed copy of the weights.
        packed: True or False overrules the measurement; nothing is measured then.
    """
    cpu_layers.fuse_norms(model)
    may_pack = may_pack and cpu_layers.can_pack(model.dtype)
    # The last part alone: a folder's path may hold a person's name.
    key, name = _key(model), f"{Path(name).name} in {str(model.dtype).removeprefix('torch.')}"
    if packed is not None:
        tuning = CpuTuning(name, packed and may_pack, TORCH_THREADS)
    elif (known := remembered().get(key)) and (known.quiet or not _is_quiet()):
        tuning = replace(known, model=name, packed=known.packed and may_pack)
    else:
        tuning = _measure(model, name, may_pack=may_pack)
        if tuning.date or not tuning.quiet:
            remember(key, tuning)
    torch.set_num_threads(tuning.threads)  # also back, after a model that runs best with fewer
    if tuning.packed:
        cpu_layers.pack(cpu_layers.families(model))
    return tuning


def _measure(model: "PreTrainedModel", name: str, *, may_pack: bool) -> CpuTuning:
    layers = _some(model)
    if sum(layer.weight.nbytes for family in layers for layer in family) < SMALL_BYTES:
        return CpuTuning(name, False, TORCH_THREADS)
    began, busy_s = time.perf_counter(), _busy_of_others_s()
    packed_gain, packed_layers = None, layers
    if may_pack:
        packed_layers = [tuple(map(copy.copy, family)) for family in layers]
        cpu_layers.pack(packed_layers)
        packed_gain = _gain(lambda: _read(layers, 1), lambda: _read(packed_layers, 1))
    packed = (packed_gain or 0) > 1
    bfloat16_gain = _try_bfloat16(layers) if model.dtype == torch.float32 else None
    threads_gain = _try_threads(packed_layers if packed else layers)
    share = (_busy_of_others_s() - busy_s) / (time.perf_counter() - began) / _cores()
    if share > QUIET:
        packed = may_pack and _packing_is_likely_to_help()
        return CpuTuning(name, packed, TORCH_THREADS, quiet=False)
    return CpuTuning(
        model=name,
        packed=packed,
        threads=TORCH_THREADS // 2 if threads_gain > THREADS_MARGIN else TORCH_THREADS,
        packed_gain=packed_gain,
        threads_gain=threads_gain,
        bfloat16_gain=bfloat16_gain,
        date=str(date.today()),
    )


def _packing_is_likely_to_help() -> bool:
    """What was seen so far: a gain on processors with AVX2 or AVX-512, a loss on one with AMX."""
    return "amx_bf16" not in inspect_machine().features


def _busy_of_others_s() -> float:
    """Seconds of all processors that other programs took since the machine was started."""
    whole, own = psutil.cpu_times(), psutil.Process().cpu_times()
    idle = whole.idle + getattr(whole, "iowait", 0)
    return sum(whole) - idle - own.user - own.system


def _cores() -> int:
    return psutil.cpu_count() or 1


def _is_quiet() -> bool:
    return psutil.cpu_percent(interval=0.1) < 100 * QUIET


def _some(model: "PreTrainedModel") -> list[Family]:
    """Layers that read the same inputs, from the first on, up to `TRIAL_BYTES`."""
    chosen, size, output = [], 0, model.get_output_embeddings()
    for family in cpu_layers.families(model):
        if size < TRIAL_BYTES and family != (output,):  # the largest, and unlike all others
            chosen.append(family)
            size += sum(layer.weight.nbytes for layer in family)
    return chosen


def _read(layers: Sequence[Family], rows: int) -> None:
    """One pass of rows of ones through each layer."""
    for family in layers:
        dtype = next(family[0].parameters()).dtype
        ones = torch.ones(1, rows, family[0].in_features, dtype=dtype)
        for layer in family:
            layer(ones)


def _try_threads(layers: Sequence[Family]) -> float:
    """Time of a part of an answer with torch's own number of threads, divided by that with half."""

    def answer(count: int) -> None:  # the prompt's share of it, then token by token
        torch.set_num_threads(count)
        _read(layers[: len(layers) // 16 + 1], PROMPT_ROWS)
        for _ in range(3):
            _read(layers, 1)

    if TORCH_THREADS == 1:
        return 1.0
    try:
        return _gain(lambda: answer(TORCH_THREADS), lambda: answer(TORCH_THREADS // 2))
    finally:
        torch.set_num_threads(TORCH_THREADS)


def _try_bfloat16(layers: Sequence[Family]) -> float:
    """Time to read a prompt through one family in float32, divided by that in bfloat16."""
    family = [max(layers, key=lambda each: each[0].weight.nbytes)]
    halves = [tuple(copy.deepcopy(layer).bfloat16() for layer in family[0])]
    return _gain(lambda: _read(family, PROMPT_ROWS), lambda: _read(halves, PROMPT_ROWS))


def _gain(first: Callable[[], None], second: Callable[[], None]) -> float:
    """Time of the first divided by that of the second: each one's shortest, taken in turn.

    The shortest, because what else runs on a machine only ever adds.
    """
    first(), second()  # warm-up
    best, end = [math.inf, math.inf], time.perf_counter() + TRIAL_S
    for _ in range(TRIAL_ROUNDS):
        for index, run in enumerate((first, second)):
            began = time.perf_counter()
            run()
            best[index] = min(best[index], time.perf_counter() - began)
        if time.perf_counter() > end:
            break
    return best[0] / best[1]


def _key(model: "PreTrainedModel") -> str:
    machine, text = inspect_machine(), model.config.get_text_config()
    cpu = [machine.cpu, *machine.features, f"{TORCH_THREADS} threads", f"torch {torch.__version__}"]
    shape = [text.model_type, text.hidden_size, text.num_hidden_layers, text.vocab_size]
    return ", ".join(map(str, [*cpu, *shape, model.dtype]))
