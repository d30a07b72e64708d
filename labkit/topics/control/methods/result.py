"""What a comparison of methods gives: each method's answers to the same items, time and memory."""

from dataclasses import dataclass
from statistics import median

from labkit.formatting import in_lines
from labkit.lab_book.entry import BookEntry, entry_of_share
from labkit.stats import PairedDifference, count_pairs, share_interval
from labkit.topics.control.finetune.strength import AnsweredExample


@dataclass(frozen=True, slots=True)
class MethodResult:
    """The answers of one method.

    Attributes:
        name: what it is, and its model.
        answers: its answers, in the order of the items.
        answer_s: seconds for each.
        weights_bytes: memory of the model's weights.
    """

    name: str
    answers: tuple[AnsweredExample, ...]
    answer_s: tuple[float, ...]
    weights_bytes: int

    @property
    def right(self) -> int:
        """Number of right answers."""
        return sum(each.right for each in self.answers)

    @property
    def share(self) -> tuple[float, float, float]:
        """Low end, share and high end of right answers, 95 %."""
        share = self.right / len(self.answers)
        low, high = share_interval(share, len(self.answers))
        return low, share, high

    @property
    def answer_ms(self) -> float:
        """Median milliseconds for an answer."""
        return 1000 * median(self.answer_s)

    @property
    def summary(self) -> str:
        """How many were right, time and memory."""
        low, share, high = self.share
        return (
            f"{self.name}: {self.right} of {len(self.answers)} right, {share:.0%} ({low:.0%} to "
            f"{high:.0%}), {self.answer_ms:,.0f} ms each, {self.weights_bytes / 1e6:,.0f} MB"
        )


@dataclass(frozen=True, slots=True, repr=False)
class MethodComparison:
    """Several methods on the same held-out examples (measured).

    Attributes:
        title: what was asked.
        methods: the methods that were done, in their order.
        missing: those that could not be, and what they would need.
    """

    title: str
    methods: tuple[MethodResult, ...]
    missing: tuple[str, ...] = ()

    @property
    def differences(self) -> tuple[PairedDifference, ...]:
        """What each other method gains over the first, item by item."""
        first, *others = self.methods or (None,)
        return tuple(
            PairedDifference(
                *count_pairs(
                    [(a.right, b.right) for a, b in zip(first.answers, each.answers, strict=True)]
                )
            )
            for each in others
        )

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """What the lab book keeps: right answers of each method."""
        return tuple(
            entry_of_share(
                "method_right_percent",
                f"right answers, {self.title}",
                each.share[1],
                each.share[::2],
                model=each.name,
            )
            for each in self.methods
        )

    @property
    def lines(self) -> tuple[str, ...]:
        """A line for each method, each difference from the first, and each missing one."""
        names = [each.name for each in self.methods]
        gains = (
            f"{name} over {names[0]}: {each.summary}"
            for name, each in zip(names[1:], self.differences, strict=True)
        )
        return (*(each.summary for each in self.methods), *gains, *self.missing)

    @property
    def summary(self) -> str:
        """Each method in a clause."""
        each = "; ".join(method.summary for method in self.methods) or "stopped before the first"
        return f"{self.title}: {each} (measured)"

    def __repr__(self) -> str:
        return in_lines(f"{self.title} (measured)", *self.lines)
