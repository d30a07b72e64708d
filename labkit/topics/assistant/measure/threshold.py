"""`vary_threshold`: suggestions of which a model is not sure are withheld; gains and costs."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import floor

from labkit.backends.llamacpp.model import LlamaCppModel
from labkit.formatting import in_lines
from labkit.lab_book.entry import BookEntry
from labkit.topics.assistant.completion.prompts import METHODS, chosen_method

from .measure import check_options, measure_completions
from .result import CompletionScore, MethodScore, Suggestion


@dataclass(frozen=True, slots=True)
class ThresholdPoint:
    """What is shown from one threshold on.

    Attributes:
        threshold: mean log-probability per token; what is below is withheld.
        count: number of suggestions that are shown.
        shown: their share of all.
        right: share of those shown that pass their tests.
    """

    threshold: float
    count: int
    shown: float
    right: float

    @property
    def text(self) -> str:
        """The threshold rounded down: typed as it stands, it shows all that this point shows."""
        return f"{floor(1000 * self.threshold) / 1000:.3f}"


@dataclass(frozen=True, slots=True, repr=False)
class ThresholdCurve:
    """Share of right suggestions among those shown, from each threshold on (measured).

    Attributes:
        score: the suggestions, of one method; of none where it was stopped.
        points: the highest threshold first.
    """

    score: CompletionScore
    points: tuple[ThresholdPoint, ...]

    @property
    def method(self) -> MethodScore:
        """The suggestions."""
        return self.score.methods[0]

    @property
    def half(self) -> ThresholdPoint | None:
        """The first point at which half of all suggestions are shown; None: no point does."""
        return next((each for each in self.points if each.shown >= 0.5), None)

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """What the lab book keeps: how many of the surer half pass."""
        if self.half is None or self.score.refusal:
            return ()
        value, label = 100 * self.half.right, "of the surer half of suggestions pass"
        return (BookEntry("surer_half_passed_percent", label, value, "%", model=self.score.model),)

    @property
    def summary(self) -> str:
        """How many pass if all are shown, and if the surer half is."""
        if self.score.refusal:
            return self.score.summary
        if self.half is None:
            return f"{self.score.model}: no suggestion to show (measured)"
        every = self.points[-1]
        return (
            f"{self.score.model}, {METHODS[self.method.method]}, "
            f"{len(self.method.suggestions)} cuts: {every.right:.0%} pass if {every.shown:.0%} "
            f"are shown, {self.half.right:.0%} if the surest {self.half.shown:.0%} are, those from "
            f"a mean log-probability of {self.half.text} on (measured)"
        )

    def __repr__(self) -> str:
        return in_lines(self.summary)


def vary_threshold(
    model: LlamaCppModel,
    tasks: str = "humaneval",
    *,
    method: str | None = None,
    items: int = 24,
    **options,
) -> ThresholdCurve:
    """When an assistant should stay silent: what is shown and what of that is right.

    With 24 cuts it takes about a minute with a model of 0.5 billion parameters on two cores. An
    interrupt keeps what came.

    Args:
        model: from ``labkit.load_llamacpp``.
        tasks: as for `measure_completions`.
        method: as for `completion_prompt`.
        items: number of programs with a cut.
        options: more of `measure_completions`.
    Raises:
        ValueError: an argument is out of range.
        LabError: as for `measure_completions`.
    """
    check_options(options)
    chosen = (chosen_method(model, method),)
    score = measure_completions(model, tasks, methods=chosen, items=items, **options)
    every = score.methods[0].suggestions if score.methods else ()
    return ThresholdCurve(score, threshold_points(every))


def threshold_points(suggestions: Iterable[Suggestion]) -> tuple[ThresholdPoint, ...]:
    """A point for each threshold at which one more suggestion is shown, the highest first.

    Suggestions without a token are never shown; those that are equally sure are shown together.
    """
    every = list(suggestions)
    sure = [(each.completion.mean_logprob, each.passed) for each in every]
    known = [(value, passed) for value, passed in sure if value is not None]
    points = []
    for threshold in sorted({value for value, _ in known}, reverse=True):
        shown = [passed for value, passed in known if value >= threshold]
        right = sum(shown) / len(shown)
        points.append(ThresholdPoint(threshold, len(shown), len(shown) / len(every), right))
    return tuple(points)
