"""Published scores of well-known models: facts with their sources, none measured here."""

from collections.abc import Sequence
from dataclasses import dataclass

from labkit.data import read_data

FILE = "scores.json"


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A set of tasks that models are scored on.

    Attributes:
        name: such as ``"MMLU"``.
        asks: what its tasks are.
        guessing_percent: what one scores who guesses.
    """

    name: str
    asks: str
    guessing_percent: float


@dataclass(frozen=True, slots=True)
class PublishedModel:
    """A model that scores were published of.

    Attributes:
        name: with its version, where it has one.
        maker: who trained it.
        is_open: whether its weights can be had, so that it could run on your machine.
        parameters_billion: its size; None where the maker does not tell.
    """

    name: str
    maker: str
    is_open: bool
    parameters_billion: float | None


@dataclass(frozen=True, slots=True)
class Source:
    """Who published scores, where and when.

    Attributes:
        publisher: who says so.
        title: of the page.
        url: of the page.
        date: of the page, or of the model it came with; None: it has none.
        version: commit or remark, or None.
        read_in: where the numbers were read, if not on the page itself.
        harness: how the scores were made: only those of one source are made alike.
    """

    publisher: str
    title: str
    url: str
    date: str | None
    version: str | None
    read_in: str
    harness: str


@dataclass(frozen=True, slots=True)
class Score:
    """One published number.

    Attributes:
        model: its name.
        benchmark: its name.
        percent: 0 to 100.
        how: shots, or the form of the tasks.
        source: who says so.
    """

    model: str
    benchmark: str
    percent: float
    how: str
    source: Source


@dataclass(frozen=True, slots=True, repr=False)
class PublishedScores:
    """Scores as their publishers state them (recorded, with source and date each).

    Attributes:
        benchmarks: the sets of tasks.
        models: largest first, as far as sizes are known.
        scores: one for each model, benchmark and source.
        note: what must be known before two of them are compared.
    """

    benchmarks: tuple[Benchmark, ...]
    models: tuple[PublishedModel, ...]
    scores: tuple[Score, ...]
    note: str

    def of(self, model: str, benchmark: str) -> tuple[Score, ...]:
        """The scores of one model in one benchmark, one for each source."""
        return tuple(s for s in self.scores if (s.model, s.benchmark) == (model, benchmark))

    @property
    def widest(self) -> tuple[Score, Score] | None:
        """The two sources that differ most about one model in one benchmark; low, then high."""
        pairs = [
            (min(told, key=lambda s: s.percent), max(told, key=lambda s: s.percent))
            for model in self.models
            for benchmark in self.benchmarks
            if len(told := self.of(model.name, benchmark.name)) > 1
        ]
        return max(pairs, key=lambda pair: pair[1].percent - pair[0].percent, default=None)

    @property
    def summary(self) -> str:
        """How many numbers of whom, and how far two sources are apart."""
        sources = len({score.source for score in self.scores})
        told = (
            f"{len(self.scores)} published scores of {len(self.models)} models from {sources} "
            "sources (recorded November 2026, none measured here)"
        )
        if not self.widest:
            return told
        low, high = self.widest
        return (
            f"{told}; {low.model} in {low.benchmark}: {low.percent:g} % says "
            f"{low.source.publisher}, {high.percent:g} % says {high.source.publisher}"
        )

    def __repr__(self) -> str:
        return self.summary


def published_scores(
    benchmarks: Sequence[str] | None = None, *, models: Sequence[str] | None = None
) -> PublishedScores:
    """What is published about how well large and small models do on well-known tests.

    Args:
        benchmarks: some of ``"MMLU"``, ``"GSM8K"``, ``"HumanEval"``, ``"IFEval"``; None: all.
        models: parts of names, such as ``("GPT-4o", "SmolLM2")``; None: all.
    Raises:
        ValueError: a benchmark or a model that is not in the file.
        LabError: the lab's folder of data is not there.
    """
    told = read_data(FILE)
    chosen = _chosen("benchmarks", benchmarks, list(told["benchmarks"]))
    known = [PublishedModel(m["name"], m["maker"], m["weights"] == "open", m["parameters_billion"])
             for m in told["models"]]  # fmt: skip
    kept = [m for m in known if models is None or any(part in m.name for part in models)]
    if not kept or (models is not None and not all(any(p in m.name for m in kept) for p in models)):
        names = ", ".join(model.name for model in known)
        raise ValueError(f"models must be parts of these names: {names}; got {models!r}")
    names = {model.name for model in kept}
    scores = [s for s in _scores(told["sources"]) if s.model in names and s.benchmark in chosen]
    return PublishedScores(
        tuple(_benchmark(name, told["benchmarks"][name]) for name in chosen),
        tuple(model for model in kept if any(s.model == model.name for s in scores)),
        tuple(scores),
        told["note"],
    )


def _chosen(argument: str, wanted: Sequence[str] | None, known: list[str]) -> list[str]:
    wanted = known if wanted is None else [wanted] if isinstance(wanted, str) else list(wanted)
    if not wanted or not set(wanted) <= set(known):
        raise ValueError(f"{argument} must be some of {', '.join(known)}; got {wanted!r}")
    return wanted


def _benchmark(name: str, told: dict) -> Benchmark:
    return Benchmark(name, told["asks"], told["guessing_percent"])


def _scores(sources: list[dict]) -> list[Score]:
    fields = ("publisher", "title", "url", "date", "version", "read_in", "harness")
    scores = []
    for told in sources:
        source = Source(**{field: told[field] for field in fields})
        scores += [Score(**each, source=source) for each in told["scores"]]
    return scores
