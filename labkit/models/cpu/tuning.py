"""How a model's layers run fastest on this CPU: measured once in at most 3 s, then remembered.

No rule holds on all processors. oneDNN's packed float32 layers gained 15 to 20 % on one kind and
lost 25 % on another; bfloat16 read prompts six times as slowly on one, and 3.7 times as fast on
another. So the first load of a model on a machine tries both, on some of the model's own layers.
"""

import copy
import json
import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import torch

from labkit.models.machine import inspect_machine
from labkit.models.storage import store

from . import layers as cpu_layers
from .layers import Family

if TYPE_CHECKING:
    from transformers import PreTrainedModel

TORCH_THREADS = torch.get_num_threads()  # by default
TRIAL_S, TRIAL_ROUNDS = 0.6, 12  # at most, per question; there are three
TRIAL_BYTES = 128 * 1024**2  # more than a cache holds, as a whole model is
PROMPT_ROWS = 128
# What is not the default must win by more than the noise of a shared machine.
MARGIN = 1.05
# Share of the processor that other programs may take while threads are compared: fewer threads
# would win for their sake alone.
QUIET = 0.2


@dataclass(frozen=True, slots=True)
class CpuTuning:
    """What was chosen for a model on this CPU, and the measurements behind it.

    Attributes:
        model: the model's name.
        packed: whether the linear layers compute from a packed copy of their weights.
        threads: number of threads.
        packed_gain: time of plain layers for one token divided by that of packed ones; None: not
            measured.
        threads_gain: time of a short answer with torch's own number of threads divided by that
            with half as many; None: not measured.
        bfloat16_gain: time to read a prompt in float32 divided by that in bfloat16; None: not
            measured.
        quiet: whether other programs left the processor alone meanwhile; if not, threads were not
            compared, and a later load measures again.
        date: day of the measurement, or None if the choice was the caller's.
    """

    model: str
    packed: bool
    threads: int
    packed_gain: float | None = None
    threads_gain: float | None = None
    bfloat16_gain: float | None = None
    quiet: bool = True
    date: str | None = None

    @property
    def reading_dtype(self) -> str:
        """The dtype in which prompts are read faster; float32 is the dtype of all that is shown."""
        return "bfloat16" if (self.bfloat16_gain or 0) > MARGIN else "float32"

    @property
    def layers(self) -> str:
        """How the layers run, in words."""
        kind = "packed" if self.packed else "plain"
        if self.packed_gain is None:
            return kind
        return f"{kind} (packed ones took {1 / self.packed_gain:.2f} of the time of plain ones)"

    def __str__(self) -> str:
        text = f"{self.model}: layers {self.layers}, threads: {self.threads}"
        if self.bfloat16_gain:
            text += f"; bfloat16 reads prompts {self.bfloat16_gain:.1f} times as fast as float32"
        return text + (f"; measured on {self.date}" if self.date else "")


@torch.inference_mode()
def tune(
    model: "PreTrainedModel", name: str, *, may_pack: bool, packed: bool | None = None
) -> CpuTuning:
    """Makes a float32 model faster on this CPU, in place, as it was measured or is measured now.

    Args:
        model: a model of transformers, in float32 on the CPU.
        name: its name, for the record.
        may_pack: whether there is memory for a packed copy of the weights.
        packed: True or False overrules the measurement; nothing is measured then.
    """
    cpu_layers.fuse_norms(model)
    may_pack = may_pack and torch.backends.mkldnn.is_available()
    key = _key(model)
    if packed is not None:
        tuning = CpuTuning(name, packed and may_pack, TORCH_THREADS)
    elif (known := remembered().get(key)) and (known.quiet or not _is_quiet()):
        tuning = replace(known, model=name, packed=known.packed and may_pack)
    else:
        tuning = _measure(model, name, may_pack=may_pack)
        _remember(key, tuning)
    if tuning.threads != TORCH_THREADS:
        torch.set_num_threads(tuning.threads)
    if tuning.packed:
        cpu_layers.pack(cpu_layers.families(model))
    return tuning


def _measure(model: "PreTrainedModel", name: str, *, may_pack: bool) -> CpuTuning:
    layers = _some(model)
    if not layers:  # an architecture whose layers are others
        return CpuTuning(name, False, TORCH_THREADS)
    packed_gain = threads_gain = packed_layers = None
    threads, busy_s = TORCH_THREADS, _busy_of_others_s()
    began = time.perf_counter()
    if may_pack:
        packed_layers = [tuple(map(copy.copy, family)) for family in layers]
        cpu_layers.pack(packed_layers)
        packed_gain = _gain(lambda: _read(layers, 1), lambda: _read(packed_layers, 1))
    packed = (packed_gain or 0) > 1
    bfloat16_gain = _try_bfloat16(layers)
    quiet = _busy_of_others_s() - busy_s < QUIET * (time.perf_counter() - began) * _cores()
    if quiet and threads > 1:
        threads_gain = _try_threads(packed_layers if packed and packed_layers else layers)
        threads = threads // 2 if threads_gain > MARGIN else threads
    return CpuTuning(
        model=name,
        packed=packed,
        threads=threads,
        packed_gain=packed_gain,
        threads_gain=threads_gain,
        bfloat16_gain=bfloat16_gain,
        quiet=quiet,
        date=str(date.today()),
    )


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
        weight = family[0].weight
        ones = torch.ones(rows, weight.shape[1], dtype=weight.dtype)
        for layer in family:
            layer(ones)


def _try_threads(layers: Sequence[Family]) -> float:
    """Time of a part of an answer with torch's own number of threads, divided by that with half."""

    def answer(count: int) -> None:  # the prompt's share of it, then token by token
        torch.set_num_threads(count)
        _read(layers[: len(layers) // 16 + 1], PROMPT_ROWS)
        for _ in range(3):
            _read(layers, 1)

    gain = _gain(lambda: answer(TORCH_THREADS), lambda: answer(TORCH_THREADS // 2))
    torch.set_num_threads(TORCH_THREADS)
    return gain


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


def remembered() -> dict[str, CpuTuning]:
    """What was measured on this home's machines, by processor, torch and shape of the model."""
    try:
        known = json.loads(_file().read_text())
        return {key: CpuTuning(**fields) for key, fields in known.items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):  # none, or damaged
        return {}


def _remember(key: str, tuning: CpuTuning) -> None:
    known = remembered() | {key: tuning}
    with suppress(OSError):  # a home that may only be read: measured each time
        store.write_json(_file(), {each: asdict(value) for each, value in known.items()})


def _file() -> Path:
    return store.home() / "cpu_tuning.json"


def _key(model: "PreTrainedModel") -> str:
    machine, config = inspect_machine(), model.config.get_text_config()
    shape = [config.model_type, config.hidden_size, config.num_hidden_layers, config.vocab_size]
    cpu = [machine.cpu, *machine.features, f"{TORCH_THREADS} threads"]
    facts = [*cpu, f"torch {torch.__version__}", *shape]
    return ", ".join(map(str, facts))
