"""Checks of notebook 05's exercises: any right answer passes, a wrong one gets the reason."""

import re

from labkit.backends.guard.findings import KINDS
from labkit.backends.guard.scanner import scan
from labkit.exercise import ExerciseResult, not_yet, solved
from labkit.topics.privacy.payload.payload import Payload

LEAST_SECRET = 4  # characters
LEAST_KEPT = 0.5  # of a text's harmless words, below which a request is about something else


def check_missed(text: str | None, secret: str | None) -> ExerciseResult:
    """Exercise 1: a text in which the scanner misses a secret that people would understand."""
    if not text or not secret:
        return not_yet("Replace None with your text and the secret within it.")
    if not isinstance(text, str) or not isinstance(secret, str):
        return not_yet("Both have to be texts, in quotation marks.")
    if secret not in text:
        return not_yet("The text does not contain the secret, letter by letter.")
    if len(secret.strip()) < LEAST_SECRET:
        return not_yet(f"That is too short to be one: {LEAST_SECRET} characters at least.")
    spans = [found.span() for found in re.finditer(re.escape(secret), text)]
    found = scan(text)
    if inside := [e for e in found if any(e.start < end and e.end > start for start, end in spans)]:
        rules = ", ".join(f"{each.kind} by {each.rule}" for each in inside)
        return not_yet(f"Found: {rules}. Hide it better: how would you say it on the phone?")
    if not _is_understood(text.replace(secret, " ", 1), secret):
        return not_yet(
            "No reader would know that it is a secret. Let the text say what it is: a password, "
            "a code, an account, somebody's name or address, an illness, a plan …"
        )
    return solved(
        f"Missed: all {len(secret)} characters of it would have left. "
        "If you would not tell it a stranger, that is a secret without a rule."
    )


# What tells a reader that a secret follows, as the beginning of a word.
_CUES = re.compile(
    r"\b(pass|pin\b|code|key|token|log[ -]?in|secret|account|iban|card|phone|call|address|lives?\b|"
    r"liv|born|birth|ill\b|sick|diagnos|disease|salary|user|mail|name|admin|safe\b|door|licen|tax|"
    r"kenn?wort|schlüssel|konto|karte|telefon|anschrift|adresse|wohn|geboren|krank|gehalt|geheim)",
    re.IGNORECASE,
)
# What is a secret by what it is about, wherever the word stands.
_TOPICS = re.compile(
    r"\b(pregnan|depress|hiv\b|cancer|therap|patient|buy|acqui|merge|dismiss|fired|contract|divorc|"
    r"debt|nobody|confiden)",
    re.IGNORECASE,
)
_NAME = re.compile(r"[^\W\d_a-z]\w+(?:[ -][^\W\d_a-z]\w+)+")  # two capitalised words or more
_NUMBER = re.compile(r"\d{3}|\d\W*\d\W*\d\W*\d")


def _is_understood(rest: str, secret: str) -> bool:
    """Whether people see that it is one: by what it is about, or as a number or a full name."""
    words = len(re.findall(r"\w+", rest))
    looks = _NUMBER.search(secret) or _NAME.fullmatch(secret.strip())
    topic = _TOPICS.search(f"{rest} {secret}")
    return (words >= 2 and bool(_CUES.search(rest))) or (words >= 3 and bool(looks or topic))


def check_alarm(text: str | None) -> ExerciseResult:
    """Exercise 2: a harmless text that the scanner takes for a leak."""
    if not text:
        return not_yet("Replace None with a text.")
    if not isinstance(text, str):
        return not_yet("It has to be a text, in quotation marks.")
    found = scan(text)
    if not found:
        return not_yet("No alarm. What looks like a name, a number or a key without being one?")
    alarms = ", ".join(
        f"{each.kind} “{each.text}”, confidence {each.confidence:.2f}" for each in found
    )
    return solved(
        f"An alarm: {alarms}. If you are sure that the text is harmless, it is a false one."
    )


def check_policy(payload: Payload | None, *, never: str, about: str) -> ExerciseResult:
    """Exercise 3: a request about a text that is sent to a cloud, without a certain part of it."""
    if payload is None:
        return not_yet("Replace None with lab.payload(cloud, …, policy=lab.Policy(…)).")
    if not isinstance(payload, Payload):
        return not_yet(f"That is a {type(payload).__name__}, not a payload.")
    if payload.total_bytes == 0:
        return not_yet("Nothing would be sent at all. Safe, but you get no answer.")
    if payload.stays:
        return not_yet("That one would stay on this machine. Make one to the cloud.")
    if _share_kept(about, payload) < LEAST_KEPT:
        return not_yet("That is not the record. Without it the model cannot answer.")
    sent = "\n".join([payload.body, *(each.text for each in payload.texts)])
    if never.casefold() in sent.casefold():
        return not_yet(f"“{never}” would still leave. Which policy takes it out?")
    remaining = sorted({f"{e.kind} {e.masked}" for e in payload.findings if e.kind in KINDS})
    if remaining:
        return not_yet(f"That one stays here, but others would leave: {', '.join(remaining)}.")
    return solved(
        f"{payload.total_bytes:,} bytes would leave, and the scanner finds nothing in them. "
        "Read them once more: the scanner does not know everything."
    )


def _share_kept(about: str, payload: Payload) -> float:
    """The share of a text's words, without its findings, that a request still has."""
    harmless = about
    for finding in reversed(scan(about)):
        harmless = harmless[: finding.start] + harmless[finding.end :]
    words = set(re.findall(r"\w+", harmless))
    sent = {word for each in payload.texts for word in re.findall(r"\w+", each.text)}
    return len(words & sent) / len(words) if words else 1.0
