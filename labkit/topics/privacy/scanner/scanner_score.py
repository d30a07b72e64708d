"""How good the scanner is: what it finds and what it misses, on texts written for this lab."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from labkit.backends.guard.findings import KINDS, Finding
from labkit.backends.guard.scanner import LEAST_CONFIDENCE, scan
from labkit.stats import share_interval

from .labelled_texts import Example, Label, read_examples

Scanner = Callable[[str], Sequence[Finding]]


@dataclass(frozen=True, slots=True)
class KindScore:
    """How the scanner does with one kind.

    Attributes:
        kind: of secret or of personal data; also those that no rule looks for.
        labelled: how many stretches of it the texts hold.
        found: how many of these are covered to the last character, by findings of any kind.
        partly: how many are covered in part: the rest would leave.
        reported: how many findings of this kind there are.
        right: how many of these lie on a stretch that is labelled, of any kind.
    """

    kind: str
    labelled: int
    found: int
    partly: int
    reported: int
    right: int

    @property
    def recall(self) -> float | None:
        """The share that is found; None where there is none to find."""
        return self.found / self.labelled if self.labelled else None

    @property
    def precision(self) -> float | None:
        """The share of findings that are right; None where there is no finding."""
        return self.right / self.reported if self.reported else None

    @property
    def recall_range(self) -> tuple[float, float] | None:
        """95 % interval of the recall, by Wilson's score."""
        return share_interval(self.recall, self.labelled) if self.labelled else None

    @property
    def precision_range(self) -> tuple[float, float] | None:
        """95 % interval of the precision, by Wilson's score."""
        return share_interval(self.precision, self.reported) if self.reported else None


@dataclass(frozen=True, slots=True, repr=False)
class ScannerScore:
    """The scanner's exam (measured).

    Attributes:
        kinds: a score for each kind.
        missed: each stretch that was not found whole: its text and its label.
        false_alarms: each finding where nothing is labelled: its text and the finding.
        texts: how many texts were scanned.
        empty_texts: how many of them hold nothing to find.
        alarmed_texts: how many of these have a finding even so.
        least_confidence: findings less sure were left out.
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
        """All kinds that a rule looks for, together."""
        sums = [
            sum(getattr(each, name) for each in self.kinds if each.kind in KINDS)
            for name in ("labelled", "found", "partly", "reported", "right")
        ]
        return KindScore("all that is looked for", *sums)

    @property
    def summary(self) -> str:
        """Recall and precision, in a line."""
        total = self.total
        return (
            f"scanner: {total.found} of {total.labelled} found ({total.recall:.0%}), "
            f"{total.right} of {total.reported} findings right ({total.precision:.0%}), "
            f"{self.alarmed_texts} alarms on {self.empty_texts} harmless texts "
            f"(measured, texts written for this lab)"
        )

    def __repr__(self) -> str:
        return self.summary


def measure_scanner(
    examples: Iterable[Example] | None = None,
    *,
    least_confidence: float = LEAST_CONFIDENCE,
    scanner: Scanner | None = None,
) -> ScannerScore:
    """How much of what should be found is found, and how many findings are right.

    Args:
        examples: from `read_examples`; None: those of ``data/scanner.json``.
        least_confidence: findings less sure are left out.
        scanner: another scanner to measure: a text to its findings; None: `labkit.scan`.
    Raises:
        ValueError: no examples, or a confidence out of bounds.
    """
    examples = tuple(read_examples() if examples is None else examples)
    if not examples:
        raise ValueError("examples must hold at least one text; got none")
    look = scanner or (lambda text: scan(text, least_confidence=least_confidence))
    found = [tuple(look(example.text)) for example in examples]
    return _score(tuple(zip(examples, found, strict=True)), least_confidence)


def _score(
    seen: tuple[tuple[Example, tuple[Finding, ...]], ...], least_confidence: float
) -> ScannerScore:
    counts: Counter[tuple[str, str]] = Counter()
    missed, false_alarms, alarmed = [], [], 0
    for example, findings in seen:
        for label in example.labels:
            share = _covered(label, findings)
            counts["labelled", label.kind] += 1
            counts["found" if share == 1 else "partly" if share else "none", label.kind] += 1
            if share < 1:
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
        len(seen),
        sum(not example.labels for example, _ in seen),
        alarmed,
        least_confidence,
    )


def _overlap(one: Finding | Label, two: Finding | Label) -> int:
    return max(0, min(one.end, two.end) - max(one.start, two.start))


def _covered(label: Label, findings: Sequence[Finding]) -> float:
    """Which share of a label's characters lie in findings, which do not overlap."""
    shared = sum(_overlap(label, finding) for finding in findings)
    return shared / (label.end - label.start)
