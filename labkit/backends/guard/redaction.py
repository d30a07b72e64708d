"""Taking findings out of a text, and putting them back into what is answered to it.

A finding becomes a placeholder such as ``[EMAIL_1]``; the same text gets the same one everywhere.
A placeholder stands in none of the texts before, and none can overlap another: it begins with the
only bracket that opens and ends with the only one that closes. So what is put back is exact.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from labkit.lab_book.entry import BookEntry

from .findings import KINDS, Finding, with_repeats
from .scanner import scan


@dataclass(frozen=True, slots=True, repr=False)
class PlaceholderMap:
    """What each placeholder stands for. It stays on this machine."""

    originals: Mapping[str, str]

    def restore(self, text: str) -> str:
        """A text with the originals in the place of their placeholders."""
        if not self.originals:
            return text
        pattern = "|".join(map(re.escape, self.originals))
        return re.sub(pattern, lambda found: self.originals[found.group()], text)

    def __repr__(self) -> str:
        names = ", ".join(self.originals)
        return f"<PlaceholderMap of {len(self.originals)} placeholders: {names}>"


class Restorer:
    """Puts the originals back into a text in pieces, which may cut a placeholder anywhere."""

    def __init__(self, placeholders: PlaceholderMap):
        self._map, self._held = placeholders, ""

    def feed(self, piece: str) -> str:
        """The text that is certain with this piece; the beginning of a placeholder is held back."""
        text = self._held + piece
        begins = text.rfind("[")
        tail = text[begins:] if begins >= 0 else ""
        known = tail and any(each.startswith(tail) for each in self._map.originals)
        is_begun = known and tail not in self._map.originals
        self._held = tail if is_begun else ""
        return self._map.restore(text[: len(text) - len(self._held)])

    def flush(self) -> str:
        """What was held back, at the end of the text."""
        held, self._held = self._held, ""
        return held


@dataclass(frozen=True, slots=True, repr=False)
class Redacted:
    """A text with placeholders, and what they stand for.

    Attributes:
        text: the text as it may leave.
        findings: what was taken out, without overlaps, with their positions in the original.
        placeholders: what they stand for.
    """

    text: str
    findings: tuple[Finding, ...]
    placeholders: PlaceholderMap

    def restore(self, text: str) -> str:
        """An answer with the originals in the place of their placeholders."""
        return self.placeholders.restore(text)

    def restorer(self) -> Restorer:
        """For an answer that comes in pieces."""
        return Restorer(self.placeholders)

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """How many secrets and personal data were taken out."""
        label, count = "taken out of the text", len(self.findings)
        return (BookEntry("redacted_findings", label, count, origin="computed"),)

    @property
    def summary(self) -> str:
        """How much was taken out, in a line."""
        count = len(self.findings)
        return f"{count} finding{'s' if count != 1 else ''} taken out of the text (computed)"

    def __repr__(self) -> str:
        return self.text


def redact(text: str, findings: Iterable[Finding] | None = None) -> Redacted:
    """A text with a placeholder in the place of each finding; it can be undone.

    Args:
        text: any.
        findings: of this very text, from `labkit.scan`; None: scanned now.
    Raises:
        ValueError: not a text, or a finding that is not of this text.

    >>> found = (Finding(6, 11, "person", "by hand", 1.0, "Maria"),)
    >>> redact("I met Maria.", found)
    I met [PERSON_1].
    >>> redact("I met Maria.", found).restore("Who is [PERSON_1]?")
    'Who is Maria?'
    """
    if not isinstance(text, str):
        raise ValueError(f"text must be a text; got {type(text).__name__}")
    findings = scan(text) if findings is None else findings
    if not isinstance(findings, Iterable):
        raise ValueError(f"findings must be of this text; got {type(findings).__name__}")
    (changed,), (taken_out,), placeholders = redact_all([text], [findings])
    return Redacted(changed, taken_out, placeholders)


def redact_all(
    texts: Sequence[str], findings: Sequence[Iterable[Finding]], harmless: Sequence[str] = ()
) -> tuple[tuple[str, ...], tuple[tuple[Finding, ...], ...], PlaceholderMap]:
    """Several texts that leave together, such as messages: one map for them all.

    What is found in one is taken out of all of them, but of no text that is harmless: see
    `with_repeats`.

    Returns:
        The texts with placeholders, what was taken out of each, and what the placeholders are.
    Raises:
        ValueError: a finding that is not of its text.
    """
    given = [tuple(each) for each in findings]
    for text, found in zip(texts, given, strict=True):
        for finding in found:
            if not isinstance(finding, Finding):  # its text may be a secret
                raise ValueError(f"findings must come from scan; got {type(finding).__name__}")
            if text[finding.start : finding.end] != finding.text:
                raise ValueError(f"findings must be of this text; got {finding!r}, which is not")
    taken_out = with_repeats(texts, given, harmless)
    names: dict[str, str] = {}  # of each text that was found
    counts: Counter[str] = Counter()

    def name_of(finding: Finding) -> str:
        word = KINDS[finding.kind][1]
        while finding.text not in names:
            counts[word] += 1
            name = f"[{word}_{counts[word]}]"
            if not any(name in text for text in texts):
                names[finding.text] = name
        return names[finding.text]

    changed = tuple(
        _replace(text, found, name_of) for text, found in zip(texts, taken_out, strict=True)
    )
    placeholders = PlaceholderMap({name: original for original, name in names.items()})
    return changed, taken_out, placeholders


def _replace(text: str, findings: Sequence[Finding], name_of: Callable[[Finding], str]) -> str:
    parts, at = [], 0
    for finding in findings:
        parts += [text[at : finding.start], name_of(finding)]
        at = finding.end
    return "".join([*parts, text[at:]])
