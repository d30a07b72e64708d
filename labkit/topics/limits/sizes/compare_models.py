"""`compare_models`: an experiment of this topic with several models, on the same items."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

from labkit.backends.capabilities import ScoringModel
from labkit.backends.loaded.load import load
from labkit.checks import check_type
from labkit.errors import LabError
from labkit.formatting import in_lines
from labkit.lab_book.entry import BookEntry
from labkit.models.catalogue import full_name
from labkit.models.storage.inventory import require_stored
from labkit.stats import PairedDifference, count_pairs


class Marked(Protocol):
    """A result of one model on items that others can be asked too."""

    model: str

    @property
    def marks(self) -> Mapping[Hashable, bool]:
        """Whether each item was answered right."""

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """What the lab book keeps."""

    @property
    def how(self) -> str:
        """How it came about, for a title."""

    @property
    def summary(self) -> str:
        """The result in a line."""


@dataclass(frozen=True, slots=True, repr=False)
class ModelsHere:
    """Models that an experiment can run with here.

    Attributes:
        models: the loaded models, in the order in which they were named.
        missing: why each other one is not among them, and what to do.
    """

    models: tuple[ScoringModel, ...]
    missing: tuple[str, ...]

    @property
    def summary(self) -> str:
        """The models, and what is missing."""
        names = ", ".join(each.name for each in self.models) or "no model"
        return "; ".join([f"Ready: {names}", *self.missing])

    def __repr__(self) -> str:
        names = ", ".join(each.name for each in self.models) or "no model"
        return in_lines(f"Ready: {names}.", *self.missing)


@dataclass(frozen=True, slots=True, repr=False)
class ModelComparison:
    """One experiment with several models (measured), and each compared with the one before.

    Attributes:
        results: the result of each model.
        differences: what each model gains over the one before it, on the same items; None where
            they have no item in common.
        missing: models that could not be asked, and why.
    """

    results: tuple[Marked, ...]
    differences: tuple[PairedDifference | None, ...]
    missing: tuple[str, ...] = ()

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """What the lab book keeps: the numbers of each model."""
        return tuple(entry for each in self.results for entry in each.book_entries)

    @property
    def lines(self) -> tuple[str, ...]:
        """A line for each model, each difference, and each model that is missing."""
        lines = [each.summary for each in self.results]
        for (before, after), change in zip(pairwise(self.results), self.differences, strict=True):
            if change:
                lines.append(f"{after.model} over {before.model}: {change.summary}")
        return (*lines, *self.missing)

    @property
    def summary(self) -> str:
        """All of it in a line."""
        return "; ".join(self.lines)

    def __repr__(self) -> str:
        return in_lines(*self.lines)


def load_models(*models: str | ScoringModel) -> ModelsHere:
    """Models of several sizes, as far as they are on this machine; nothing is downloaded.

    Args:
        models: loaded models, or names such as ``"coder"``.
    Raises:
        ValueError: no model is named.
    """
    if not models:
        raise ValueError("models must hold at least one model or name; got none")
    found, missing = [], []
    for each in models:
        check_type("models", each, (str, ScoringModel), "lab.load, or be names")
        if isinstance(each, ScoringModel):
            found.append(each)
            continue
        try:
            require_stored(each)
            found.append(load(full_name(each), accept_terms=True))  # it was accepted to get it
        except LabError as error:
            hint = f" To have it: {error.hint}" if error.hint else ""
            missing.append(f"{error.problem}{hint}")
    return ModelsHere(tuple(found), tuple(missing))


def compare_models(
    experiment: Callable[..., Any], models: ModelsHere, **options: Any
) -> ModelComparison:
    """Runs an experiment of this topic with each model, and compares them on the same items.

    An interrupt keeps what came.

    Args:
        experiment: such as ``lab.limits.arithmetic``.
        models: from `load_models`.
        options: of the experiment, the same for each model.
    Raises:
        ValueError: models are not from `load_models`, or the experiment cannot be compared.
        LabError: a model cannot do it.
    """
    check_type("models", models, ModelsHere, "lab.limits.load_models")
    wanted = "experiment must be arithmetic, letters, facts, long_text, write_code or calibration"
    if not callable(experiment):
        raise ValueError(f"{wanted}; got {experiment!r}")
    results: list[Marked] = []
    for model in models.models:
        try:
            result = experiment(model, **options)
        except KeyboardInterrupt:  # the model before it was stopped
            break
        if not hasattr(result, "marks"):
            raise ValueError(f"{wanted}; got {getattr(experiment, '__name__', experiment)!r}")
        results.append(result)
    changes = tuple(_difference(*pair) for pair in pairwise(results))
    left = (f"{model.name}: stopped before it" for model in models.models[len(results) :])
    return ModelComparison(tuple(results), changes, (*models.missing, *left))


def _difference(first: Marked, second: Marked) -> PairedDifference | None:
    before, after = first.marks, second.marks
    pairs = [(before[item], after[item]) for item in after if item in before]
    return PairedDifference(*count_pairs(pairs)) if pairs else None
