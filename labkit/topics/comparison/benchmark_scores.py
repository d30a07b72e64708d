"""`published_scores`: benchmark scores of well-known models, each with its source."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

from labkit.checks import checked_several
from labkit.data import read_data


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A set of tasks on which models are scored.

    Attributes:
        name: its name, such as ``"MMLU"``.
        tasks: a description of its tasks.
        guessing_percent: the score of random guessing.
    """

    name: str
    tasks: str
    guessing_percent: float


@dataclass(frozen=True, slots=True)
class PublishedModel:
    """A model with published scores.

    Attributes:
        name: its name, with its version where it has one.
        maker: the organization that trained it.
        is_open: whether its weights are available, so that it could run on your machine.
        parameters_billion: its size; None where the maker has not published it.
    """

    name: str
    maker: str
    is_open: bool
    parameters_billion: float | None


@dataclass(frozen=True, slots=True)
class Source:
    """Who published scores, where and when.

    Attributes:
        publisher: the organization that published them.
        title: the title of the page.
        url: the address of the page.
        date: the date of the page, or of the model it came with; None: it has none.
        version: a commit or remark, or None.
        read_in: the place where the numbers were read, if not the page itself.
        harness: how the scores were made, which is the same only within one source.
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
        model: the model's name.
        benchmark: the benchmark's name.
        percent: the score, 0 to 100.
        how: the number of shots, or the form of the tasks.
        source: the publication.
    """

    model: str
    benchmark: str
    percent: float
    how: str
    source: Source


@dataclass(frozen=True, slots=True, repr=False)
class PublishedScores:
    """Scores as their publishers state them (recorded, each with source and date).

    Attributes:
        benchmarks: the sets of tasks.
        models: the models, largest first as far as sizes are known.
        scores: one for each model, benchmark and source.
        note: a caution for comparing two of them.
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
        """The two scores of one model in one benchmark that differ most; low, then high."""
        pairs = [
            (min(scores, key=lambda s: s.percent), max(scores, key=lambda s: s.percent))
            for model in self.models
            for benchmark in self.benchmarks
            if len(scores := self.of(model.name, benchmark.name)) > 1
        ]
        return max(pairs, key=lambda pair: pair[1].percent - pair[0].percent, default=None)

    @property
    def summary(self) -> str:
        """The number of scores, models and sources, and how far two sources differ."""
        sources = len({score.source for score in self.scores})
        count = (
            f"{len(self.scores)} published scores of {len(self.models)} models from {sources} "
            "sources (recorded November 2026, none measured here)"
        )
        if not self.widest:
            return count
        low, high = self.widest
        return (
            f"{count}; {low.model} in {low.benchmark}: {low.percent:g} % says "
            f"{low.source.publisher}, {high.percent:g} % says {high.source.publisher}"
        )

    def __repr__(self) -> str:
        return self.summary


def published_scores(
    benchmarks: str | Iterable[str] | None = None, *, models: str | Iterable[str] | None = None
) -> PublishedScores:
    """Published results of large and small models on well-known benchmarks.

    Args:
        benchmarks: some of ``"MMLU"``, ``"GSM8K"``, ``"HumanEval"``, ``"IFEval"``; None: all.
        models: parts of names, one or more, such as ``("GPT-4o", "SmolLM2")``; None: all.
    Raises:
        ValueError: a benchmark or a model that is not in the file.
        LabError: the lab's data folder is missing.
    """
    data = read_data("scores.json")
    chosen = _chosen(benchmarks, data["benchmarks"])
    found = _find_models(data["models"], models)
    names = {model.name for model in found}
    scores = [s for s in _scores(data["sources"]) if s.model in names and s.benchmark in chosen]
    return PublishedScores(
        tuple(
            Benchmark(name, entry["asks"], entry["guessing_percent"])
            for name, entry in chosen.items()
        ),
        tuple(model for model in found if any(s.model == model.name for s in scores)),
        tuple(scores),
        data["note"],
    )


def _find_models(entries: list[dict], wanted: str | Iterable[str] | None) -> list[PublishedModel]:
    """The models whose names contain one of the parts; every part must occur in a name."""
    known = [
        PublishedModel(m["name"], m["maker"], m["weights"] == "open", m["parameters_billion"])
        for m in entries
    ]
    if wanted is None:
        return known
    parts = _texts("models", wanted, "parts of names, such as ('GPT-4o', 'SmolLM2')")
    found = [model for model in known if any(part in model.name for part in parts)]
    named = all(part.strip() for part in parts)  # "" is a part of every name
    if not named or not all(any(part in model.name for model in found) for part in parts):
        names = ", ".join(model.name for model in known)
        raise ValueError(f"models must be parts of these names: {names}; got {parts!r}")
    return found


def _chosen(wanted: str | Iterable[str] | None, known: dict[str, Any]) -> dict[str, Any]:
    if wanted is None:
        return known
    names = _texts("benchmarks", wanted, f"some of {', '.join(known)}")
    if not set(names) <= set(known):
        raise ValueError(f"benchmarks must be some of {', '.join(known)}; got {names!r}")
    return {name: known[name] for name in names}


def _texts(name: str, wanted: str | Iterable[str], what: str) -> tuple[str, ...]:
    return (wanted,) if isinstance(wanted, str) else checked_several(name, wanted, str, what)


def _scores(sources: list[dict]) -> list[Score]:
    names = [field.name for field in fields(Source)]
    scores = []
    for entry in sources:
        source = Source(**{name: entry[name] for name in names})
        scores += [Score(**each, source=source) for each in entry["scores"]]
    return scores
