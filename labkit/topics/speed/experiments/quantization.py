"""The same weights in other number formats: size, speed, memory and the effect of rounding.

Source of the formats: ggml-org/llama.cpp, ggml/src/ggml-common.h (blocks of 32 weights with a
scale, and a minimum in those that end in _1).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from labkit.backends.generate import Backend
from labkit.backends.llamacpp.model import expected_tokens, get_gguf
from labkit.backends.llamacpp.on_demand_model import OnDemandModel
from labkit.backends.prompts import Messages
from labkit.checks import check_whole, checked_several
from labkit.data import read_data
from labkit.errors import LabError
from labkit.formatting import digits, in_lines
from labkit.interrupts.cell import progress
from labkit.models.quantize import get_copies
from labkit.topics.speed.measure.measurement import Measurement

from .kl_divergence import Divergence, compare_scores
from .process_memory import Footprint, measure_footprints
from .runner import PROMPT, Experiment, check_rounds, greedy_case, run_interleaved, was_stopped
from .text_divergence import ExperimentComparison, describe_divergence

DEFAULT = ("F32", "F16", "Q8_0", "Q5_0", "Q4_0")
TEXT = "corpus.txt"  # in data/: a story written for this lab
LONGEST_TEXT = 2000  # characters of it
POSITIONS = range(16, 112, 3)  # tokens before each position compared
TOP = 1000  # likeliest tokens compared at each
LIMIT_S = 28.0  # for warm-up and rounds; scores and memory take extra time
CONTEXT = 1024


@dataclass(frozen=True, slots=True)
class QuantizedFile:
    """One file and its measurements; those not reached before a Stop are None.

    Attributes:
        kind: number format, by llama.cpp's name.
        copied: whether it was made here from the model's own file, or is that file.
        file_bytes: size of the file.
        weights_bytes: size of the weights in it, without vocabulary and names.
        parameters: number of weights.
        measurement: speed.
        footprint: memory of a process that does nothing else.
        divergence: distance of its scores from those of the reference.
    """

    kind: str
    copied: bool
    file_bytes: int
    weights_bytes: int
    parameters: int
    measurement: Measurement | None = None
    footprint: Footprint | None = None
    divergence: Divergence | None = None

    @property
    def bits_per_weight(self) -> float:
        """Bits per weight, scales included."""
        return 8 * self.weights_bytes / self.parameters


@dataclass(frozen=True, slots=True, repr=False)
class QuantizationComparison(ExperimentComparison):
    """The same weights in several number formats, in llama.cpp (measured).

    Attributes:
        model: name of the model.
        source: number format of the file that all others were made from.
        reference: format that the scores and texts of the others are compared with.
        files: the files, most bits first.
        experiment: speed, with a point for each file that has a complete run.
        text: description of the text on which the scores were compared.
    """

    model: str
    source: str
    reference: str
    files: tuple[QuantizedFile, ...]
    experiment: Experiment
    text: str

    @property
    def caution(self) -> str:
        """What more bits cannot improve here."""
        return (
            f"All were made from the {self.source} file: more bits do not improve its weights. "
            f"{self.reference} has the most bits here, so the others are compared with it."
        )

    @property
    def summary(self) -> str:
        """Each file in a clause, and the file that all were made from."""
        files = "; ".join(map(describe_file, self.files)) or "nothing was measured"
        texts = f"; {describe_divergence(self.texts)}" if self.points else ""
        line = f"{self.model}: {files}{texts} (measured). {self.caution}"
        return self.experiment.with_warning(line)

    def __repr__(self) -> str:
        return in_lines(self.summary, f"Scores compared on {self.text}.", *self.missing)


def describe_file(file: QuantizedFile) -> str:
    """One file in a clause."""
    parts = [f"{file.kind} {file.file_bytes / 1e6:,.0f} MB"]
    if file.measurement and file.measurement.decode_tokens_per_s:
        parts.append(f"{digits(file.measurement.decode_tokens_per_s.median)} tokens/s")
    if file.divergence and any(file.divergence.bits):  # all 0 for the reference
        parts.append(f"scores {digits(file.divergence.mean_bits)} bits off")
    return ", ".join(parts)


def vary_quantization(
    model: str | Path | Backend = "smollm2-135m",
    prompt: str | Messages = PROMPT,
    *,
    kinds: Sequence[str] = DEFAULT,
    max_tokens: int = 24,
    raw: bool = False,
    limit_s: float = LIMIT_S,
    **run,
) -> QuantizationComparison:
    """The same weights in fewer or more bits, each in llama.cpp: size, speed, memory, fidelity.

    The model's own file is included. The others are made from it on first use, in the lab's home:
    1.1 GB for the bundled model (``python3 -m labkit models list`` shows them). Each is open only
    while it answers. A Stop keeps what was measured.

    Scores differ for two reasons: the weights are rounded, and llama.cpp rounds the activations to
    8 bits where the weights have 8 bits or fewer. The model's own file shows the second alone.

    Args:
        model: a name or a path as for ``labkit.load_llamacpp``, or a model loaded from a GGUF file.
        prompt: prompt that every file answers.
        kinds: number formats, of ``labkit.models.quantize.KINDS``. The scores of the others are
            compared with those of the one with the most bits.
        max_tokens: upper bound on the tokens of each answer.
        raw: whether the prompt is continued without the chat template.
        limit_s: seconds for warm-up and all rounds.
        run: ``repeats``, as for `runner.run_interleaved`.
    Raises:
        LabError: no llama.cpp, no such file, or too little disk or memory.
        ValueError: a number format is unknown, or a number is out of range.
    """
    check_rounds(limit_s=limit_s, **run)
    check_whole("max_tokens", max_tokens)
    kinds = checked_several("kinds", kinds, str, f"one or more names, as in {DEFAULT}")
    name, own = _own_file(model)
    inspected, complete = _inspect_all(own, kinds, read_data(TEXT))
    cases = [
        greedy_case(each.kind, each.engine, prompt, max_tokens, raw=raw, around=each.engine.opened)
        for each in inspected
    ]
    metrics = ("decode_tokens_per_s", "ttft_s")
    done = Experiment("number format", "number format", name, (), 0, metrics)
    if complete:
        done = run_interleaved(cases, name=done.name, limit_s=limit_s, **run)
        complete = not was_stopped(done, len(cases))
    footprints = measure_footprints([each.engine for each in inspected] if complete else [])
    files = _combine(inspected, own, done, footprints)
    source = next(file.kind for file in files if not file.copied)
    where = f"{len(POSITIONS)} positions of data/{TEXT}, a story written for this lab"
    return QuantizationComparison(name, source, files[0].kind, files, done, where)


def _own_file(model: str | Path | Backend) -> tuple[str, Path]:
    if isinstance(model, str | Path):
        name = Path(model).stem if str(model).endswith(".gguf") else str(model)
        return name, get_gguf(str(model))
    file = getattr(model, "gguf_file", None)
    if file is None:
        raise LabError(
            f"{getattr(model, 'name', model)} was not loaded from a GGUF file.",
            "Name a model that has one, such as smollm2-135m, or the path of a .gguf file.",
        )
    return str(model.name).removesuffix(" (llama.cpp)"), file


@dataclass(frozen=True, slots=True)
class _Inspection:
    """A file when first opened: its format, and its scores at each position of the text."""

    engine: OnDemandModel
    kind: str
    weights_bytes: int
    parameters: int
    scores: list[dict[int, float]]


def _inspect_all(own: Path, kinds: Sequence[str], text: str) -> tuple[list[_Inspection], bool]:
    """The model's own file and its copies, most bits first, and whether all were inspected.

    A Stop keeps those that were.
    """
    with OnDemandModel(own, CONTEXT).opened() as engine:
        ids, kind = engine.encode(text[:LONGEST_TEXT], raw=True), engine.kind
    files = [own, *get_copies(own, [each for each in kinds if each != kind]).values()]
    inspected: list[_Inspection] = []
    try:
        with progress(total=len(POSITIONS) * len(files), unit="position", desc="scores") as bar:
            for file in files:
                inspected.append(_inspect(file, ids, bar.update))
    except KeyboardInterrupt:
        if not inspected:
            raise
    inspected.sort(key=lambda each: -each.weights_bytes)
    return inspected, len(inspected) == len(files)


def _inspect(file: Path, ids: Sequence[int], advance: Callable[[], object]) -> _Inspection:
    on_demand, scores = OnDemandModel(file, CONTEXT), []
    with on_demand.opened() as engine:
        for expected in expected_tokens(engine, ids, POSITIONS, TOP):
            scores.append(expected)
            advance()
        return _Inspection(on_demand, engine.kind, engine.weights_bytes, engine.parameters, scores)


def _combine(inspected, own: Path, done: Experiment, footprints) -> tuple[QuantizedFile, ...]:
    speeds = {point.value: point.measurement for point in done.points}
    memory = dict(zip((each.kind for each in inspected), footprints, strict=False))
    return tuple(
        QuantizedFile(
            kind=each.kind,
            copied=each.engine.gguf_file != own,
            file_bytes=each.engine.gguf_file.stat().st_size,
            weights_bytes=each.weights_bytes,
            parameters=each.parameters,
            measurement=speeds.get(each.kind),
            footprint=memory.get(each.kind),
            divergence=compare_scores(inspected[0].scores, each.scores),
        )
        for each in inspected
    )
