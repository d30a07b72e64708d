"""What a scanner found in a text: where, what kind, by which rule, and how sure the rule is."""

from collections.abc import Iterable
from dataclasses import dataclass

# Kind: what it is, and the word in its placeholder.
SECRETS = {
    "api key": ("a key of a model provider or another web service", "API_KEY"),
    "cloud key": ("a key of a cloud platform's account or storage", "CLOUD_KEY"),
    "access token": ("a token that stands for a person or a program", "TOKEN"),
    "private key": ("the private half of a key pair", "PRIVATE_KEY"),
    "password": ("a password, also within an address", "PASSWORD"),
    "random text": ("a quoted text so random that it may be a key", "SECRET"),
}
PERSONAL = {
    "email address": ("an email address", "EMAIL"),
    "phone number": ("a phone number that exists by its country's plan", "PHONE"),
    "card number": ("a payment card's number, checked by its last digit", "CARD"),
    "bank account": ("an IBAN, checked by its digits", "IBAN"),
    "wallet": ("an address of a cryptocurrency", "WALLET"),
    "national id": ("a number that a state or an insurance gave a person", "ID"),
    "network address": ("an IP or MAC address", "ADDRESS"),
    "date of birth": ("a date that is said to be a birthday", "BIRTHDAY"),
    "person": ("a person's name, by a small language model", "PERSON"),
}
KINDS = {**SECRETS, **PERSONAL}


@dataclass(frozen=True, slots=True, repr=False)
class Finding:
    """A stretch of a text that should perhaps not leave the machine.

    Attributes:
        start: its first character, counted in Unicode code points as Python counts.
        end: one beyond its last character.
        kind: one of `KINDS`.
        rule: who found it: the library and its rule.
        confidence: 0 to 1, how sure the rule is: Presidio's own score; for secrets, how specific
            the rule is, which we set.
        text: the stretch itself. It is in no repr and no error.
    """

    start: int
    end: int
    kind: str
    rule: str
    confidence: float
    text: str

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}; got {self.kind!r}")
        if not 0 <= self.start < self.end or self.end - self.start != len(self.text):
            raise ValueError(
                f"start and end must enclose the text, {len(self.text)} characters; "
                f"got {self.start} and {self.end}"
            )

    @property
    def masked(self) -> str:
        """Enough to know it again, too little to use it."""
        return mask(self.text)

    def __repr__(self) -> str:
        return (
            f"{self.kind} {self.masked} at characters {self.start} to {self.end}, "
            f"confidence {self.confidence:.2f}, by {self.rule}"
        )


def mask(text: str) -> str:
    """A secret's first characters, a quarter of them and four at most, and its length.

    >>> mask("AKIA0123456789ABCDEF"), mask("hunter2"), mask("ab")
    ('AKIA… (20 characters)', 'h… (7 characters)', '… (2 characters)')
    """
    shown = text[: min(4, len(text) // 4)].replace("\n", " ")
    return f"{shown}… ({len(text)} character{'s' if len(text) != 1 else ''})"


def without_overlaps(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings in the order of the text; of those that overlap, the surest, then the longest.

    What the winner does not cover of a loser is kept as a finding of its own, so that nothing
    found is forgotten.
    """
    kept: list[Finding] = []
    for finding in sorted(findings, key=_rank):
        kept += _uncovered(finding, kept)
    return tuple(sorted(kept, key=lambda finding: finding.start))


def _rank(finding: Finding) -> tuple[float, int, int]:
    return -finding.confidence, finding.start - finding.end, finding.start


def _uncovered(finding: Finding, kept: list[Finding]) -> list[Finding]:
    """The stretches of a finding that are not covered, without the white space at their ends."""
    pieces = [(finding.start, finding.end)]
    for other in kept:
        pieces = [part for piece in pieces for part in _minus(piece, (other.start, other.end))]
    return [part for start, end in pieces if (part := _part(finding, start, end))]


def _minus(piece: tuple[int, int], cut: tuple[int, int]) -> list[tuple[int, int]]:
    parts = (piece[0], min(piece[1], cut[0])), (max(piece[0], cut[1]), piece[1])
    return [part for part in parts if part[0] < part[1]]


def _part(finding: Finding, start: int, end: int) -> Finding | None:
    if (start, end) == (finding.start, finding.end):
        return finding
    text = finding.text[start - finding.start : end - finding.start]
    start += len(text) - len(text.lstrip())
    text = text.strip()
    if not text:
        return None
    return Finding(start, start + len(text), finding.kind, finding.rule, finding.confidence, text)
