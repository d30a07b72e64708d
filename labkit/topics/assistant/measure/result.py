"""What suggestions were worth: how many pass, are exact, and what they save."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from labkit.formatting import in_lines
from labkit.lab_book.entry import BookEntry, entry_of_share
from labkit.sandbox.code_tasks import has_passed
from labkit.sandbox.sandbox import SandboxRun
from labkit.stats import PairedDifference, count_pairs, share_interval
from labkit.topics.assistant.completion.complete import Completion, code_lines
from labkit.topics.assistant.completion.prompts import METHODS

from .cuts import Cut


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A suggestion for a cut, and what became of the program with it.

    Attributes:
        cut: the program with its gap.
        completion: what was suggested.
        run: how the program with it ended.
    """

    cut: Cut
    completion: Completion
    run: SandboxRun

    @property
    def passed(self) -> bool:
        """Whether the program with it passes its tests."""
        return bool(has_passed(self.run))

    @property
    def is_exact(self) -> bool:
        """Whether it is what was cut out, apart from white space at the ends of lines."""
        written, cut = code_lines(self.completion.text), code_lines(self.cut.middle)
        return [line.rstrip() for line in written] == [line.rstrip() for line in cut]

    @property
    def saved(self) -> int:
        """Keys that need not be pressed: if it passes, all of the cut but one for Tab."""
        return max(0, len(self.cut.middle.strip()) - 1) if self.passed else 0


@dataclass(frozen=True, slots=True)
class MethodScore:
    """The suggestions of one method.

    Attributes:
        method: how they were asked for.
        suggestions: one for each cut, at least one.
    """

    method: str
    suggestions: tuple[Suggestion, ...]

    @property
    def share(self) -> float:
        """Share that passes the tests."""
        return sum(each.passed for each in self.suggestions) / len(self.suggestions)

    @property
    def interval(self) -> tuple[float, float]:
        """Where the true share may lie, 95 %."""
        return share_interval(self.share, len(self.suggestions))

    @property
    def exact(self) -> float:
        """Share that is exactly what was cut out."""
        return sum(each.is_exact for each in self.suggestions) / len(self.suggestions)

    @property
    def saved(self) -> float:
        """Share of the keys for all cuts that a learner who knows what passes would save."""
        keys = sum(len(each.cut.middle.strip()) for each in self.suggestions)
        return sum(each.saved for each in self.suggestions) / keys

    @property
    def milliseconds(self) -> float:
        """Median time to a whole suggestion, its prompt read from the beginning."""
        return 1000 * median(each.completion.elapsed_s for each in self.suggestions)

    @property
    def summary(self) -> str:
        """The numbers in a line."""
        low, high = self.interval
        return (
            f"{METHODS[self.method]}: {self.share:.0%} pass ({low:.0%} to {high:.0%}), "
            f"{self.exact:.0%} exact, {self.saved:.0%} of the keys saved, "
            f"{self.milliseconds:,.0f} ms"
        )


@dataclass(frozen=True, slots=True, repr=False)
class CompletionScore:
    """What a model's suggestions for cut-out code are worth (measured).

    Attributes:
        model: name of the model.
        title: which programs, and what was cut out of them.
        methods: the suggestions of each method; fewer cuts where it was stopped.
        asked: number of cuts that were to be asked.
        elapsed_s: seconds, the tests included.
        missing: why a method is not among them; "" if none is.
        interrupted: whether it was stopped; without that, fewer cuts are all that there are.
    """

    model: str
    title: str
    methods: tuple[MethodScore, ...]
    asked: int
    elapsed_s: float
    missing: str = ""
    interrupted: bool = False

    def method(self, name: str) -> MethodScore:
        """The suggestions of a method.

        Raises:
            ValueError: it was not measured.
        """
        known = {each.method: each for each in self.methods}
        if name not in known:
            raise ValueError(f"method must be one of {', '.join(known) or 'none'}; got {name!r}")
        return known[name]

    def difference(self, first: str, second: str) -> PairedDifference:
        """What the second of two methods gains over the first, on the same cuts."""
        return paired(self.method(first).suggestions, self.method(second).suggestions)

    @property
    def refusal(self) -> str:
        """Why no program was run; empty: they were."""
        return next((e.run.refusal for each in self.methods for e in each.suggestions), "")

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """What the lab book keeps, of the first method."""
        if not self.methods or self.refusal:
            return ()
        first, more = self.methods[0], {"model": self.model}
        what = f"{METHODS[first.method]}, {self.title}"
        passed = f"suggestions that pass: {what}"
        return (
            entry_of_share(
                "suggestions_passed_percent", passed, first.share, first.interval, **more
            ),
            entry_of_share("keys_saved_percent", f"keys saved: {what}", first.saved, None, **more),
            BookEntry("suggestion_ms", f"time of one: {what}", first.milliseconds, "ms", **more),
        )

    @property
    def lines(self) -> tuple[str, ...]:
        """A line for the whole, for each method, and for what fill in the middle gains."""
        if not self.methods:
            return (f"{self.model}, {self.title}: stopped before the first suggestion",)
        count = len(self.methods[0].suggestions)
        of = f" of {self.asked}" if count < self.asked else ""
        head = f"{self.model}, {self.title}: {count}{of} cuts, {self.elapsed_s:.0f} s (measured)"
        if self.refusal:
            return (f"{head}; the programs were not run: {self.refusal}",)
        lines = [head, *(each.summary for each in self.methods)]
        first, *others = self.methods
        for each in others:
            change = self.difference(each.method, first.method).summary
            lines.append(f"{METHODS[first.method]} over {METHODS[each.method]}: {change}")
        return (*lines, *filter(None, [self.missing]))

    @property
    def summary(self) -> str:
        """All of it in a line."""
        return "; ".join(self.lines)

    def __repr__(self) -> str:
        return in_lines(*self.lines)


def paired(first: Iterable[Suggestion], second: Iterable[Suggestion]) -> PairedDifference:
    """What the second suggestions gain over the first on the cuts that both have."""
    before = {each.cut: each.passed for each in first}
    return PairedDifference(
        *count_pairs([(before[e.cut], e.passed) for e in second if e.cut in before])
    )
