"""`compare_models`: models of several sizes put the same code in again."""

from dataclasses import dataclass
from itertools import pairwise

from labkit.backends.llamacpp.model import LlamaCppModel, load_llamacpp
from labkit.checks import check_type
from labkit.errors import LabError
from labkit.formatting import in_lines
from labkit.interrupts.cell import begin_work
from labkit.lab_book.entry import BookEntry
from labkit.models.catalogue import full_name
from labkit.models.storage.inventory import require_stored
from labkit.stats import PairedDifference
from labkit.topics.assistant.completion.prompts import chosen_method

from .measure import check_options, measure_completions
from .result import CompletionScore, paired


@dataclass(frozen=True, slots=True, repr=False)
class CompletionComparison:
    """The scores of several models on the same cuts (measured).

    Attributes:
        scores: of each model, each with one method.
        missing: models that could not be asked, and what to do.
    """

    scores: tuple[CompletionScore, ...]
    missing: tuple[str, ...]

    @property
    def differences(self) -> tuple[PairedDifference, ...]:
        """What each model gains over the one before it."""
        suggestions = [each.methods[0].suggestions for each in self.scores]
        return tuple(paired(*pair) for pair in pairwise(suggestions))

    @property
    def refusal(self) -> str:
        """Why no program was run; empty: they were."""
        return next((each.refusal for each in self.scores if each.refusal), "")

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """What the lab book keeps: the numbers of each model."""
        return tuple(entry for each in self.scores for entry in each.book_entries)

    @property
    def lines(self) -> tuple[str, ...]:
        """A line for each model, each difference, and each model that is missing."""
        if self.refusal:
            return (*(each.summary for each in self.scores), *self.missing)
        lines = [f"{each.model}, {each.title}, {each.methods[0].summary}" for each in self.scores]
        for (before, after), change in zip(pairwise(self.scores), self.differences, strict=True):
            lines.append(f"{after.model} over {before.model}: {change.summary}")
        return (*lines, *self.missing)

    @property
    def summary(self) -> str:
        """All of it in a line."""
        return "; ".join(self.lines) or "stopped before the first suggestion"

    def __repr__(self) -> str:
        return in_lines(*(self.lines or [self.summary]))


def compare_models(
    *models: str | LlamaCppModel, method: str | None = None, **options
) -> CompletionComparison:
    """Asks several models for the same cuts, as far as they are on this machine.

    A model that is named is loaded for its turn and closed after it; nothing is downloaded. An
    interrupt keeps the models that are done.

    Args:
        models: names such as ``"coder"``, or models from ``labkit.load_llamacpp``.
        method: as for `completion_prompt`; None: fill in the middle, and prefix only for a model
            that cannot.
        options: of `measure_completions`.
    Raises:
        ValueError: no model is named, or an option is out of range.
        LabError: as for `measure_completions`.
    """
    if not models:
        raise ValueError("models must hold at least one model or name; got none")
    for each in models:
        check_type("models", each, (str, LlamaCppModel), "lab.load_llamacpp, or be names")
    check_options(options)
    scores, missing = [], []
    for each in models:
        try:
            begin_work()
            score = _score(each, method, options)
        except LabError as error:
            missing += [error.problem, *([f"To have it: {error.hint}"] if error.hint else [])]
            continue
        except KeyboardInterrupt:
            break
        scores += [score] if score.methods else []
        if score.interrupted:
            break
    return CompletionComparison(tuple(scores), tuple(missing))


def _score(model: str | LlamaCppModel, method: str | None, options: dict) -> CompletionScore:
    opened = None
    if isinstance(model, str):
        require_stored(model)
        model = opened = load_llamacpp(full_name(model), accept_terms=True)  # to get it, they were
    try:
        chosen = (chosen_method(model, method),)
        return measure_completions(model, **{**options, "methods": chosen})
    finally:
        if opened:
            opened.close()
