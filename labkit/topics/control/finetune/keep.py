"""A tuned model to take away: the adapter, a merged folder, and a GGUF with an Ollama Modelfile."""

import json
import re
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import safetensors.torch
import torch

from labkit.backends.llamacpp.model import expected_tokens, load_llamacpp
from labkit.backends.local.model import LocalModel, load
from labkit.checks import check_number, check_one_of, check_type
from labkit.errors import LabError
from labkit.filesystem.disk_space import require_disk
from labkit.filesystem.write import write_json, write_text
from labkit.formatting import digits, in_lines, number_of, shell_quoted
from labkit.models.catalogue import CATALOGUE, NICKNAMES
from labkit.models.gguf_to_safetensors import quiet_transformers
from labkit.models.quantize import KINDS, TUNED, is_tuned
from labkit.models.storage import store

from .adapted_gguf import write_adapted
from .adapter import at_strength
from .loss import example_ids
from .result import FineTuning
from .strength import kl_bits, last_logprobs

NAME = r"(?!.*(--|\.gguf$))[a-z0-9][a-z0-9.-]{0,60}"
PROMPTS = 6  # on which the kept forms are compared
TOP = 100  # tokens that llama.cpp is asked for


@dataclass(frozen=True, slots=True, repr=False)
class KeptModel:
    """Where a tuned model was written.

    Attributes:
        name: what `labkit.load` and `labkit.load_llamacpp` load it by.
        strength: of the adapter, as it was merged.
        folder: the merged model, for transformers and vLLM.
        adapter: the adapter alone, for peft.
        gguf_file: for llama.cpp, Ollama and LM Studio; None where the base model has no GGUF.
        modelfile: for ``ollama create``; None without a GGUF.
    """

    name: str
    strength: float
    folder: Path
    adapter: Path
    gguf_file: Path | None
    modelfile: Path | None

    @property
    def summary(self) -> str:
        """What was written, and how large it is."""
        sizes = [f"merged {_mb(self.folder)}", f"adapter {_mb(self.adapter)}"]
        if self.gguf_file:
            sizes.append(f"GGUF {_mb(self.gguf_file.parent)}")
        return f"{self.name}: {', '.join(sizes)}; strength {self.strength:g}"

    def __repr__(self) -> str:
        lines = [in_lines(self.summary), str(self.folder)]
        if self.modelfile:  # to be copied as it is, so a line however long
            lines.append(f"ollama create {self.name} -f {shell_quoted(self.modelfile)}")
        return "\n".join(lines)


def deviation(number: float) -> str:
    """A distance in digits; below a millionth, it is what roundings leave.

    >>> deviation(0.00002441), deviation(3.26e-9)
    ('0.0000244', 'below 0.000001')
    """
    return digits(number) if number >= 1e-6 else "below 0.000001"


@dataclass(frozen=True, slots=True, repr=False)
class KeptCheck:
    """How far the kept forms are from the adapter (measured).

    Attributes:
        name: of the kept model.
        forms: each form, its largest difference of a log-probability, and its mean KL in bits.
        prompts: number of prompts they were compared on.
        missing: the GGUF where it could not be compared, and why.
    """

    name: str
    forms: tuple[tuple[str, float, float], ...]
    prompts: int
    missing: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """Each form's distance."""
        each = "; ".join(f"{name}: mean KL {deviation(kl)} bits" for name, _, kl in self.forms)
        count = number_of(self.prompts, "prompt")
        return f"{self.name} against its adapter, {count}: {each} (measured)"

    def __repr__(self) -> str:
        return in_lines(self.summary, *self.missing)


def keep_model(
    tuning: FineTuning, name: str, *, strength: float = 1.0, kind: str = "Q8_0"
) -> KeptModel:
    """Writes a tuned model into the lab's home, where ``models list`` shows it.

    Args:
        tuning: from `fine_tune`.
        name: of the new model: small letters, digits, dots and single hyphens. One that was kept
            under this name is replaced.
        strength: of the adapter in the merged forms, 0 to 4.
        kind: number format of the GGUF, such as ``"Q8_0"`` or ``"F16"``.
    Raises:
        ValueError: the name is taken by the lab, or is not one; strength or kind is out of range.
        LabError: the disk is too small.
    """
    check_type("tuning", tuning, FineTuning, "lab.control.fine_tune")
    _check_name(name)
    check_one_of("kind", kind, KINDS)
    check_number("strength", strength, "0 to 4", lambda x: 0 <= x <= 4)
    strength = float(strength)
    size = sum(each.numel() for each in tuning.base.model.parameters())
    require_disk(6 * size, f"Keeping {name}", store.models_folder())
    source = f"{tuning.base.name}{TUNED}{tuning.examples.name}, strength {strength:g}"
    folder, ggufs = store.part_folder(name, "safetensors"), store.part_folder(name, "gguf")
    gguf = tuning.base.gguf_file
    with store.locked(name), at_strength(tuning.tuned, strength):
        changes = _changes(tuning.tuned)
        with ExitStack() as parts:  # both are written before one of them replaces an older one
            aside = parts.enter_context(store.new_part(name, "safetensors", source))
            _write_merged(tuning.base, changes, aside)
            _write_adapter(tuning, aside / "adapter")
            if gguf is not None:
                aside = parts.enter_context(store.new_part(name, "gguf", source))
                write_adapted(gguf, aside / f"{name}.{kind}.gguf", kind, changes)
                write_text(aside / "Modelfile", _modelfile(tuning.base, f"{name}.{kind}.gguf"))
        if gguf is None:
            shutil.rmtree(ggufs, ignore_errors=True)  # that of an older model of this name
    return KeptModel(
        name,
        strength,
        folder,
        folder / "adapter",
        ggufs / f"{name}.{kind}.gguf" if gguf else None,
        ggufs / "Modelfile" if gguf else None,
    )


def _check_name(name: str) -> None:
    # A double hyphen stands for the slash of a hub id, and .gguf for a file's path.
    if not isinstance(name, str) or not re.fullmatch(NAME, name):
        raise ValueError(
            "name must be of small letters, digits, dots and single hyphens, and not end in .gguf; "
            f"got {name!r:.80}"
        )
    is_taken = name in store.list_models() and not is_tuned(name)
    if is_taken or name in (*CATALOGUE, *NICKNAMES, *store.PARTS):
        raise ValueError(f"name must be a new one; {name!r} is another of the lab's")


@torch.inference_mode()
def _changes(tuned: LocalModel) -> dict[str, torch.Tensor]:
    """What the adapter adds to each weight, by the layer's name."""
    from peft.tuners.lora import LoraLayer

    return {
        layer_name: layer.get_delta_weight("default").float().cpu()
        for layer_name, layer in tuned.model.named_modules()
        if isinstance(layer, LoraLayer)
    }


@torch.inference_mode()
def _write_merged(base: LocalModel, changes: dict[str, torch.Tensor], aside: Path) -> None:
    merged = load(base.folder, device="cpu", dtype="float32", packed=False, accept_terms=True)
    for layer_name, change in changes.items():
        merged.model.get_submodule(layer_name).weight += change
    with quiet_transformers():
        merged.model.save_pretrained(aside)
        merged.tokenizer.save_pretrained(aside)


def _write_adapter(tuning: FineTuning, folder: Path) -> None:
    """The adapter as peft reads it, at the strength that it was trained at."""
    folder.mkdir()
    weights = {
        f"base_model.model.{name.replace('.default', '')}": weight.detach().contiguous()
        for name, weight in tuning.tuned.model.named_parameters()
        if "lora_" in name
    }
    safetensors.torch.save_file(weights, folder / "adapter_model.safetensors")
    layers = sorted({name.split(".lora_")[0].rsplit(".")[-1] for name in weights})
    record = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": tuning.base.name,
        "r": tuning.options.rank,
        "lora_alpha": 2 * tuning.options.rank,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": layers,
    }
    write_json(folder / "adapter_config.json", record)


def _modelfile(base: LocalModel, file_name: str) -> str:
    """Ollama's Modelfile, whose template is the very text that the model was trained on."""
    asked = base.tokenizer.decode(base.encode("{{ .Prompt }}"))
    end = base.tokenizer.eos_token
    return f'FROM ./{file_name}\nTEMPLATE """{asked}"""\nPARAMETER stop {json.dumps(end)}\n'


def _mb(path: Path) -> str:
    return f"{store.bytes_of(path) / 1e6:,.0f} MB"


def check_kept(tuning: FineTuning, kept: KeptModel) -> KeptCheck:
    """Compares the kept forms with the adapter, by the next-token log-probabilities.

    llama.cpp gives the likeliest 100 tokens; all others count as one. Where it cannot read the
    GGUF, the reason stands in the result.

    Args:
        tuning: from `fine_tune`.
        kept: what `keep_model` made of it.
    """
    check_type("tuning", tuning, FineTuning, "lab.control.fine_tune")
    check_type("kept", kept, KeptModel, "lab.control.keep_model")
    examples = (*tuning.examples.held_out, *tuning.examples.train)[:PROMPTS]
    asked = [example_ids(tuning.base, each.prompt, "") for each in examples]
    prompts = [ids[:start] for ids, start in asked]
    with at_strength(tuning.tuned, kept.strength):
        wanted = [last_logprobs(tuning.tuned, ids) for ids in prompts]
    merged = load(kept.folder, device="cpu", dtype="float32", accept_terms=True)
    rows = [last_logprobs(merged, ids) for ids in prompts]
    differences = [float((a - b).abs()[a > -20].max()) for a, b in zip(wanted, rows, strict=True)]
    forms = [("merged folder", max(differences), fmean(map(kl_bits, wanted, rows)))]
    missing = []
    if kept.gguf_file:
        try:
            forms.append(_gguf_form(kept.gguf_file, prompts, wanted))
        except LabError as error:  # such as that llama.cpp is not installed
            missing.append(f"GGUF not compared: {error.problem} {error.hint}".strip())
    return KeptCheck(kept.name, tuple(forms), len(prompts), tuple(missing))


def _gguf_form(
    gguf_file: Path, prompts: Sequence[list[int]], wanted: Sequence[torch.Tensor]
) -> tuple[str, float, float]:
    engine, found = load_llamacpp(str(gguf_file)), []
    try:
        for ids, row in zip(prompts, wanted, strict=True):
            (top,) = expected_tokens(engine, ids, [len(ids)], TOP)
            numbers = list(top)
            ours, theirs = row[numbers], torch.tensor([top[each] for each in numbers])
            both = [_with_rest(each.double()) for each in (ours, theirs)]
            # Others have nearly no probability, and large logarithms; of a flat model, all have.
            likely = ours >= ours.max().clamp_max(-5)
            found.append((float((ours - theirs)[likely].abs().max()), kl_bits(*both)))
    finally:
        engine.close()
    return f"GGUF ({engine.kind})", max(each for each, _ in found), fmean(kl for _, kl in found)


def _with_rest(logprobs: torch.Tensor) -> torch.Tensor:
    """These log-probabilities, and that of all other tokens as one."""
    rest = (1 - logprobs.exp().sum()).clamp_min(1e-9)
    return torch.cat((logprobs, rest.log()[None]))
