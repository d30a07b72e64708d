"""The same weights in other number formats: size, speed, memory, and what the rounding changed.

Source of the formats: ggml-org/llama.cpp, ggml/src/ggml-common.h (blocks of 32 weights with a
scale, and a least value in those that end in _1).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from labkit.backends.generate import Backend
from labkit.backends.llamacpp.logprobs import expected_tokens
from labkit.backends.llamacpp.model import get_gguf
from labkit.backends.llamacpp.on_demand import OnDemandModel
from labkit.backends.prompts import Messages
from labkit.data import read_data
from labkit.errors import LabError
from labkit.formatting import in_lines
from labkit.models.quantize import get_copies
from labkit.stats import Spread
from labkit.topics.speed.measure.machine_noise import tell_disturbed
from labkit.topics.speed.measure.measurement import Measurement

from .kl_divergence import Divergence, compare_scores
from .process_memory import Footprint, measure_footprints
from .runner import Case, Experiment, run_in_turn, was_stopped
from .text_divergence import Compared, tell_partings
from .vary import PROMPT

DEFAULT = ("F32", "F16", "Q8_0", "Q5_0", "Q4_0")
TEXT = "corpus.txt"  # data/: a story that was written for this lab
LONGEST_TEXT = 2000  # characters of it
AT = range(16, 112, 3)  # places: so many tokens come before
PLACES, TOP = len(AT), 1000
NAMED = {
    "name": "number format", "axis": "number format", "shown": ("decode_tokens_per_s", "ttft_s"),
}  # fmt: skip
LIMIT_S = 28.0  # for warming up and the rounds; scores and memory take their time besides
CONTEXT = 1024


@dataclass(frozen=True, slots=True)
class QuantizedFile:
    """One file, and what it does. What was not reached before a Stop is None.

    Attributes:
        kind: its number format, by llama.cpp's name.
        copied: whether it was made here out of the model's own file, or is that file.
        file_bytes: its size.
        weights_bytes: of the weights in it, without vocabulary and names.
        parameters: number of weights.
        load_s: seconds from its opening to its first answer, of each time.
        measurement: speed.
        footprint: memory of a process that does nothing else.
        divergence: of its scores from the reference's.
    """

    kind: str
    copied: bool
    file_bytes: int
    weights_bytes: int
    parameters: int
    load_s: Spread
    measurement: Measurement | None = None
    footprint: Footprint | None = None
    divergence: Divergence | None = None

    @property
    def bits_per_weight(self) -> float:
        """Of the weights alone, scales included."""
        return 8 * self.weights_bytes / self.parameters


@dataclass(frozen=True, slots=True, repr=False)
class QuantizationComparison(Compared):
    """The same weights in several number formats, in llama.cpp (measured).

    Attributes:
        model: its name.
        source: the number format of the file that all the others were made from.
        reference: the format whose scores and text the others are held against.
        files: most bits first.
        experiment: speed; a point for each file that has a complete run.
        text: where the scores were compared, with its source.
    """

    model: str
    source: str
    reference: str
    files: tuple[QuantizedFile, ...]
    experiment: Experiment
    text: str

    @property
    def caution(self) -> str:
        """What more bits cannot give here."""
        return (
            f"All were made from the {self.source} file: more bits copy its weights more truly, "
            "and give no better ones."
        )

    @property
    def summary(self) -> str:
        """Each file in a clause, and where all of them come from."""
        told = "; ".join(map(tell_file, self.files)) or "nothing was measured"
        texts = f"; {tell_partings(self.writings)}" if self.points else ""
        line = f"{self.model}: {told}{texts} (measured). {self.caution}"
        disturbed = tell_disturbed(self.experiment.disturbances)
        return f"{line} {disturbed}".rstrip()

    def __repr__(self) -> str:
        return in_lines(self.summary, f"Scores compared on {self.text}.", *self.missing)


def tell_file(file: QuantizedFile) -> str:
    """One file in a clause."""
    told = [f"{file.kind} {file.file_bytes / 1e6:,.0f} MB"]
    if file.measurement and file.measurement.decode_tokens_per_s:
        told.append(f"{file.measurement.decode_tokens_per_s.median:.3g} tokens/s")
    if file.divergence and any(file.divergence.bits):  # the reference is not off itself
        told.append(f"scores {file.divergence.mean_bits:.2g} bits off")
    return ", ".join(told)


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
    """The same weights in fewer bits or more, each in llama.cpp: size, speed, memory, fidelity.

    The model's own file takes part. The others are made from it the first time, in the lab's home:
    for the bundled model 1.1 GB (``python3 -m labkit models list`` shows them). Each is open only
    while it is asked. A Stop keeps what was measured.

    Scores differ for two reasons: weights are rounded, and llama.cpp rounds what it multiplies them
    with to 8 bits where they have 8 bits or fewer. The model's own file shows the second alone.

    Args:
        model: a name or a path as for ``labkit.load_llamacpp``, or a model that came from a GGUF
            file.
        prompt: the same for all.
        kinds: number formats, of ``labkit.models.quantize.KINDS``. The one with the most bits is
            what the scores of the others are held against.
        max_tokens: of each answer.
        raw: go on with the text as it stands.
        limit_s: seconds for warming up and all rounds.
        run: ``repeats``, as for `experiment.run_in_turn`.
    Raises:
        LabError: no llama.cpp, no such file, too little disk or memory.
        ValueError: a number format that there is none of.
    """
    name, own = _own_file(model)
    looks, going = _look_at_all(own, kinds, read_data(TEXT))
    asked = {"max_tokens": max_tokens, "temperature": 0.0, "raw": raw}
    cases = [
        Case(look.kind, look.engine, prompt, asked, around=look.engine.opened) for look in looks
    ]
    done = Experiment(**NAMED, model=name, points=(), rounds=0)
    if going:
        done = run_in_turn(cases, **NAMED, limit_s=limit_s, **run)
        going = not was_stopped(done, len(cases))
    footprints = measure_footprints([look.engine for look in looks] if going else [])
    files = _put_together(looks, own, done, footprints)
    source = next(file.kind for file in files if not file.copied)
    where = f"{PLACES} places of data/{TEXT}, a story written for this lab"
    return QuantizationComparison(name, source, files[0].kind, files, done, where)


def _own_file(model: str | Path | Backend) -> tuple[str, Path]:
    """A name for people, and the file."""
    if isinstance(model, str | Path):
        name = Path(model).stem if str(model).endswith(".gguf") else str(model)
        return name, get_gguf(str(model))
    file = getattr(model, "gguf_file", None)
    if file is None:
        raise LabError(
            f"{getattr(model, 'name', model)} did not come from a GGUF file.",
            "Name a model that does, such as smollm2-135m, or the path of a .gguf file.",
        )
    return str(model.name).removesuffix(" (llama.cpp)"), file


@dataclass(frozen=True, slots=True)
class _Look:
    """A file at its first opening: what it is, and what it expects at each place of the text."""

    engine: OnDemandModel
    kind: str
    weights_bytes: int
    parameters: int
    scores: list[dict[int, float]]


def _look_at_all(own: Path, kinds: Sequence[str], text: str) -> tuple[list[_Look], bool]:
    """The model's own file and its copies, most bits first, and whether all were looked at.

    A Stop keeps those that were.
    """
    from tqdm.auto import tqdm

    with OnDemandModel(own, CONTEXT).opened() as engine:
        ids, kind = engine.encode(text[:LONGEST_TEXT], raw=True), engine.kind
    files = [own, *get_copies(own, [each for each in kinds if each != kind]).values()]
    looks: list[_Look] = []
    try:
        with tqdm(total=PLACES * len(files), unit="place", desc="scores", leave=False) as bar:
            for file in files:
                looks.append(_look_at(file, ids, bar.update))
    except KeyboardInterrupt:
        if not looks:
            raise
    looks.sort(key=lambda look: -look.weights_bytes)
    return looks, len(looks) == len(files)


def _look_at(file: Path, ids: Sequence[int], advance: Callable[[], object]) -> _Look:
    reopened, scores = OnDemandModel(file, CONTEXT), []
    with reopened.opened() as engine:
        for expected in expected_tokens(engine, ids, AT, TOP):
            scores.append(expected)
            advance()
        return _Look(reopened, engine.kind, engine.weights_bytes, engine.parameters, scores)


def _put_together(looks, own: Path, done: Experiment, footprints) -> tuple[QuantizedFile, ...]:
    speeds = {point.value: point.measurement for point in done.points}
    held = dict(zip((look.kind for look in looks), footprints, strict=False))
    return tuple(
        QuantizedFile(
            kind=look.kind,
            copied=look.engine.gguf_file != own,
            file_bytes=look.engine.gguf_file.stat().st_size,
            weights_bytes=look.weights_bytes,
            parameters=look.parameters,
            load_s=Spread(tuple(look.engine.load_s)),
            measurement=speeds.get(look.kind),
            footprint=held.get(look.kind),
            divergence=compare_scores(looks[0].scores, look.scores),
        )
        for look in looks
    )
