"""A scanner's findings: position, kind, rule, and the rule's confidence."""

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from labkit.checks import check_one_of

# Kind: description, and the word in its placeholder.
SECRETS = {
    "api key": ("a key of a model provider or another web service", "API_KEY"),
    "cloud key": ("a key of a cloud platform's account or storage", "CLOUD_KEY"),
    "access token": ("a token that gives access as a person or a program", "TOKEN"),
    "private key": ("the private half of a key pair", "PRIVATE_KEY"),
    "password": ("a password, also inside an address", "PASSWORD"),
    "random text": ("a quoted text that is random enough to be a key", "SECRET"),
}
PERSONAL = {
    "email address": ("an email address", "EMAIL"),
    "phone number": ("a phone number that is valid in its country", "PHONE"),
    "card number": ("a payment card number with a valid check digit", "CARD"),
    "bank account": ("an IBAN with valid check digits", "IBAN"),
    "wallet": ("an address of a cryptocurrency", "WALLET"),
    "national id": ("a person's number with a state or an insurance", "ID"),
    "network address": ("an IP or MAC address", "ADDRESS"),
    "date of birth": ("a date that the text calls a birthday", "BIRTHDAY"),
    "person": ("a person's name, by a small language model", "PERSON"),
}
KINDS = {**SECRETS, **PERSONAL}
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True, repr=False)
class Finding:
    """A span of a text that should perhaps not leave the machine.

    Attributes:
        start: the index of its first character, in Unicode code points as Python counts.
        end: the index after its last character.
        kind: one of `KINDS`.
        rule: the library and the rule that found it.
        confidence: the rule's confidence, 0 to 1: Presidio's own score; for secrets, a value that
            we set by how specific the rule is.
        text: the span itself, which no repr and no error contains.
    """

    start: int
    end: int
    kind: str
    rule: str
    confidence: float
    text: str

    def __post_init__(self):
        check_one_of("kind", self.kind, KINDS)
        if not 0 <= self.start < self.end or self.end - self.start != len(self.text):
            raise ValueError(
                f"start and end must enclose the text, {len(self.text)} characters; "
                f"got {self.start} and {self.end}"
            )

    @property
    def masked(self) -> str:
        """Enough of the text to recognize it, too little to use it."""
        return mask(self.text)

    def __repr__(self) -> str:
        return (
            f"{self.kind} {self.masked} at characters {self.start} to {self.end}, "
            f"confidence {self.confidence:.2f}, by {self.rule}"
        )


def mask(text: str) -> str:
    """A secret's first characters, at most a quarter of it and at most four, and its length.

    >>> mask("AKIA0123456789ABCDEF"), mask("hunter2"), mask("ab")
    ('AKIA… (20 characters)', 'h… (7 characters)', '… (2 characters)')
    """
    start = text[: min(4, len(text) // 4)].replace("\n", " ")
    return f"{start}… ({len(text)} character{'s' if len(text) != 1 else ''})"


def without_overlaps(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings in the order of the text; of overlapping ones the most confident, then the longest.

    The part of a loser that the winner does not cover becomes a separate finding, so that nothing
    is lost.
    """
    separate: list[Finding] = []  # in the order of the text
    for finding in sorted(
        findings, key=lambda each: (-each.confidence, -len(each.text), each.start)
    ):
        first = bisect_right(separate, finding.start, key=lambda each: each.end)
        last = bisect_left(separate, finding.end, first, key=lambda each: each.start)
        separate[first:last] = sorted(
            [*separate[first:last], *_uncovered(finding, separate[first:last])],
            key=lambda each: each.start,
        )
    return tuple(separate)


def with_repeats(
    texts: Sequence[str], findings: Sequence[Sequence[Finding]], harmless: Sequence[str] = ()
) -> tuple[tuple[Finding, ...], ...]:
    """The findings of texts that belong together, and each other occurrence of what was found.

    A rule may know a password by the word before it; a line further down it stands alone. Only
    whole words count: "Annual" holds no "Ann".

    Args:
        texts: the texts.
        findings: of each text; they may overlap.
        harmless: texts of which no part is an occurrence.
    Returns:
        For each text, its findings without overlaps.
    """
    known = {finding.text: finding for each in reversed(findings) for finding in reversed(each)}
    by_word: dict[str, set[tuple[int, int]]] = defaultdict(set)
    for text in known:
        if word := _WORD.search(text):
            by_word[word[0]].add((word.start(), len(text)))
    longest_first = sorted(filter(None, harmless), key=len, reverse=True)
    allowed = re.compile("|".join(map(re.escape, longest_first)) or "(?!)")
    return tuple(
        without_overlaps([*each, *_repeats(text, known, by_word, allowed)])
        for text, each in zip(texts, findings, strict=True)
    )


def _repeats(
    text: str,
    known: Mapping[str, Finding],
    by_word: Mapping[str, Iterable[tuple[int, int]]],
    allowed: re.Pattern[str],
) -> Iterator[Finding]:
    """Where a text has what was found.

    Args:
        text: any.
        known: what was found, by its text.
        by_word: where in such texts their first word begins, and their lengths, by that word.
        allowed: what is harmless.
    """
    spans = [each.span() for each in allowed.finditer(text)]
    for word in _WORD.finditer(text):
        for offset, length in by_word.get(word[0], ()):
            start, end = word.start() - offset, word.start() - offset + length
            is_inside = start >= 0 and end <= len(text)
            found = known.get(text[start:end]) if is_inside else None
            if (
                found
                and not (_WORD.match(found.text[-1]) and _WORD.match(text, end))
                and not any(first <= start and end <= last for first, last in spans)
            ):
                yield replace(found, start=start, end=end)


def _uncovered(finding: Finding, others: list[Finding]) -> list[Finding]:
    """The parts of a finding outside of the others, without the white space at their ends.

    Args:
        finding: any.
        others: those that overlap it, in the order of the text.
    """
    starts = [finding.start, *(other.end for other in others)]
    ends = [*(other.start for other in others), finding.end]
    spans = zip(starts, ends, strict=True)
    return [part for start, end in spans if start < end and (part := _part(finding, start, end))]


def _part(finding: Finding, start: int, end: int) -> Finding | None:
    if (start, end) == (finding.start, finding.end):
        return finding
    text = finding.text[start - finding.start : end - finding.start]
    start += len(text) - len(text.lstrip())
    text = text.strip()
    if not text:
        return None
    return Finding(start, start + len(text), finding.kind, finding.rule, finding.confidence, text)
