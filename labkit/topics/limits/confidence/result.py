"""What `calibration` returns: the questions, with each confidence, and how often they are right."""

import re
from dataclasses import dataclass

from labkit.checks import check_one_of
from labkit.formatting import in_lines
from labkit.lab_book.entry import BookEntry
from labkit.topics.limits.arguments import how_measured

from .reliability import Reliability, at_temperature

KINDS = ("probability", "P(true)", "in words")


@dataclass(frozen=True, slots=True)
class ConfidenceItem:
    """A question with four options, and how sure the model is of the one that it finds likeliest.

    Attributes:
        country: what is asked about.
        options: four capitals of the same continent, where it has that many.
        logprobs: log-probability of each option after the question.
        p_true: probability of "Yes" against "No" to whether its answer is true; None: not asked.
        written: what it wrote when asked how sure it is, in percent; None: not asked.
    """

    country: str
    right_answer: str
    options: tuple[str, ...]
    logprobs: tuple[float, ...]
    p_true: float | None = None
    written: str | None = None

    @property
    def answer(self) -> str:
        """The likeliest option."""
        return self.options[max(range(len(self.options)), key=self.logprobs.__getitem__)]

    @property
    def right(self) -> bool:
        """Whether it is the right one."""
        return self.answer == self.right_answer

    @property
    def probability(self) -> float:
        """Probability of the answer, scaled so that the options' sum to 1."""
        return float(at_temperature([self.logprobs], 1.0).max())

    @property
    def stated(self) -> float | None:
        """The confidence that it wrote, 0 to 1; None: it wrote no such number, or was not asked."""
        return None if self.written is None else read_percent(self.written)


def read_percent(text: str) -> float | None:
    """The confidence in a text, 0 to 1; None if it begins with no number from 0 to 100.

    >>> read_percent(" 85 %"), read_percent("very"), read_percent("300")
    (0.85, None, None)
    """
    found = re.match(r"\s*(\d{1,3})(?!\d)", text)
    percent = int(found[1]) if found else 101
    return percent / 100 if percent <= 100 else None


@dataclass(frozen=True, slots=True, repr=False)
class Calibration:
    """Three confidences of one model in the same answers (measured).

    Attributes:
        model: name of the model.
        items: the questions; fewer where it was stopped.
        asked: number of questions that were to be asked.
        elapsed_s: seconds for all.
    """

    model: str
    items: tuple[ConfidenceItem, ...]
    asked: int
    elapsed_s: float

    @property
    def marks(self) -> dict[str, bool]:
        """Whether each country's capital was chosen."""
        return {each.country: each.right for each in self.items}

    def reliability(self, kind: str = "probability") -> Reliability:
        """One of the confidences against what was right.

        Args:
            kind: ``"probability"``, ``"P(true)"`` or ``"in words"``.
        Raises:
            ValueError: there is no such kind, or no answer with it.
        """
        check_one_of("kind", kind, KINDS)
        field = dict(zip(KINDS, ("probability", "p_true", "stated"), strict=True))[kind]
        known = [each for each in self.items if getattr(each, field) is not None]
        if not self.items:
            raise ValueError(self.summary)
        if not known:
            raise ValueError(f"{self.model} gave no confidence of the kind {kind!r}")
        confidences = tuple(float(getattr(each, field)) for each in known)
        return Reliability(kind, confidences, tuple(each.right for each in known))

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of confidence that there are."""
        there = {
            "probability": bool(self.items),
            "P(true)": any(each.p_true is not None for each in self.items),
            "in words": any(each.stated is not None for each in self.items),
        }
        return tuple(kind for kind in KINDS if there[kind])

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """What the lab book keeps: right answers, and the calibration error of each kind."""
        if not self.items:
            return ()
        right, label = 100 * self.reliability().share, "capitals chosen right of four"
        entries = [BookEntry("choice_right_percent", label, right, "%", model=self.model)]
        for kind in self.kinds:
            name = f"ece_{re.sub('[^a-z]+', '_', kind.casefold()).strip('_')}_points"
            own = self.reliability(kind)
            label = f"calibration error, {kind}"
            entries.append(BookEntry(name, label, 100 * own.ece(), "points", model=self.model))
        return tuple(entries)

    @property
    def how(self) -> str:
        """How it came about, for a title."""
        return how_measured(len(self.items), self.asked)

    @property
    def summary(self) -> str:
        """Share right, and each mean confidence with its calibration error."""
        if not self.items:
            return f"{self.model}: stopped before the first question"
        parts = []
        for kind in self.kinds:
            own = self.reliability(kind)
            parts.append(
                f"{kind}: sure to {own.confidence:.0%}, ECE {own.ece():.2f} (a perfect model's "
                f"{own.perfect_ece()[0]:.2f}){self._missing(kind, len(own.right))}"
            )
        share = self.reliability().share
        return (
            f"{self.model}: {share:.0%} of {len(self.items)} capitals right among four; "
            f"{'; '.join(parts)} ({self.how})"
        )

    def _missing(self, kind: str, known: int) -> str:
        """Why there are fewer confidences of a kind than questions."""
        answers = sum(each.written is not None for each in self.items)
        came = answers if kind == "in words" else known
        none = f", {came - known} without a number" if came > known else ""
        return f"{none}, stopped after {came}" if came < len(self.items) else none

    def __repr__(self) -> str:
        return in_lines(self.summary)
