"""`measure_scanner`: the scanner's recall and precision on texts written for this lab."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from labkit.backends.guard.findings import KINDS, Finding, without_overlaps
from labkit.backends.guard.scanner import LEAST_CONFIDENCE, scan
from labkit.checks import checked_several
from labkit.lab_book.entry import BookEntry, entry_of_share
from labkit.stats import share_interval

from .labelled_texts import Example, Label, read_examples

Scanner = Callable[[str], Sequence[Finding]]


@dataclass(frozen=True, slots=True)
class KindScore:
    """The scanner's result for one kind.

    Attributes:
        kind: the kind of secret or personal data, which may be one without a rule.
        labelled: number of labels of this kind in the texts.
        found: number of these that findings of any kind cover completely.
        partly: number of these that findings cover in part, so that the rest would leave.
        reported: number of findings of this kind.
        right: number of these findings that overlap a label of any kind.
    """

    kind: str
    labelled: int
    found: int
    partly: int
    reported: int
    right: int

    @property
    def recall(self) -> float | None:
        """The share of labels that is found; None without labels."""
        return self.found / self.labelled if self.labelled else None

    @property
    def precision(self) -> float | None:
        """The share of findings that are right; None without findings."""
        return self.right / self.reported if self.reported else None

    @property
    def recall_range(self) -> tuple[float, float] | None:
        """The 95 % interval of the recall (Wilson's score interval)."""
        return share_interval(self.recall, self.labelled) if self.labelled else None

    @property
    def precision_range(self) -> tuple[float, float] | None:
        """The 95 % interval of the precision (Wilson's score interval)."""
        return share_interval(self.precision, self.reported) if self.reported else None


@dataclass(frozen=True, slots=True, repr=False)
class ScannerScore:
    """How well the scanner did on labelled texts (measured).

    Attributes:
        kinds: a score for each kind.
        missed: text and label of each label that was not found completely.
        false_alarms: text and finding of each finding without a label.
        texts: number of texts.
        empty_texts: number of texts without labels.
        alarmed_texts: number of texts without labels that have findings.
        least_confidence: the confidence below which findings were ignored.
    """

    kinds: tuple[KindScore, ...]
    missed: tuple[tuple[str, Label], ...]
    false_alarms: tuple[tuple[str, Finding], ...]
    texts: int
    empty_texts: int
    alarmed_texts: int
    least_confidence: float

    @property
    def total(self) -> KindScore:
        """The sum of all kinds that have a rule."""
        return _sum("all kinds with a rule", (each for each in self.kinds if each.kind in KINDS))

    @property
    def overall(self) -> KindScore:
        """The sum of all kinds, with those that no rule looks for."""
        return _sum("all kinds", self.kinds)

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """The share of labels that is found, and of findings that are right."""
        total, overall = self.total, self.overall
        parts = (
            ("scanner_recall", "the scanner finds", overall.recall, overall.recall_range),
            ("scanner_precision", "of its findings right", total.precision, total.precision_range),
        )
        return tuple(
            entry_of_share(name, label, share, ends)
            for name, label, share, ends in parts
            if share is not None
        )

    @property
    def summary(self) -> str:
        """Recall and precision, in one line."""
        total, overall = self.total, self.overall
        return (
            f"scanner: {overall.found} of {overall.labelled} marks found "
            f"({percent(overall.recall)}; {percent(total.recall)} of the kinds that have a rule), "
            f"{total.right} of {total.reported} findings right ({percent(total.precision)}), "
            f"a false alarm in {self.alarmed_texts} of {self.empty_texts} harmless texts "
            f"(measured, texts written for this lab)"
        )

    def __repr__(self) -> str:
        return self.summary


def percent(share: float | None) -> str:
    """A share in per cent, or "none" where nothing was counted."""
    return "none" if share is None else f"{share:.0%}"


def _sum(name: str, kinds: Iterable[KindScore]) -> KindScore:
    rows = [(each.labelled, each.found, each.partly, each.reported, each.right) for each in kinds]
    return KindScore(name, *map(sum, zip(*rows, strict=True)))


def measure_scanner(
    examples: Iterable[Example] | None = None,
    *,
    least_confidence: float = LEAST_CONFIDENCE,
    scanner: Scanner | None = None,
) -> ScannerScore:
    """The share of labels that the scanner finds, and the share of its findings that are right.

    Args:
        examples: from `read_examples`; None: those of ``data/scanner.json``.
        least_confidence: the confidence below which findings are ignored.
        scanner: another scanner to measure, a function from a text to its findings; None:
            `labkit.scan`.
    Raises:
        ValueError: no examples, or a confidence that is out of range.
    """
    wanted = "at least one labelled text, an Example"
    given = read_examples() if examples is None else examples
    examples = checked_several("examples", given, Example, wanted)
    if scanner is not None and not callable(scanner):
        raise ValueError(f"scanner must be a function of a text; got {scanner!r}")
    find = scanner or (lambda text: scan(text, least_confidence=least_confidence))
    found = [without_overlaps(find(example.text)) for example in examples]
    return _score(tuple(zip(examples, found, strict=True)), least_confidence)


def _score(
    scanned: tuple[tuple[Example, tuple[Finding, ...]], ...], least_confidence: float
) -> ScannerScore:
    counts: Counter[tuple[str, str]] = Counter()
    missed, false_alarms, alarmed = [], [], 0
    for example, findings in scanned:
        for label in example.labels:
            covered = sum(_overlap(label, finding) for finding in findings)
            is_found = covered == label.end - label.start
            counts["labelled", label.kind] += 1
            counts["found" if is_found else "partly" if covered else "none", label.kind] += 1
            if not is_found:
                missed.append((example.text, label))
        for finding in findings:
            is_right = any(_overlap(finding, label) for label in example.labels)
            counts["reported", finding.kind] += 1
            counts["right", finding.kind] += is_right
            if not is_right:
                false_alarms.append((example.text, finding))
        alarmed += bool(findings) and not example.labels
    others = sorted({kind for _, kind in counts} - KINDS.keys())
    names = ("labelled", "found", "partly", "reported", "right")
    return ScannerScore(
        tuple(
            KindScore(kind, *(counts[name, kind] for name in names)) for kind in (*KINDS, *others)
        ),
        tuple(missed),
        tuple(false_alarms),
        len(scanned),
        sum(not example.labels for example, _ in scanned),
        alarmed,
        least_confidence,
    )


def _overlap(one: Finding | Label, two: Finding | Label) -> int:
    return max(0, min(one.end, two.end) - max(one.start, two.start))
