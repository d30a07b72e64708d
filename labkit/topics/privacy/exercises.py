"""Checks of notebook 05's exercises: any right answer passes, a wrong one gets the reason."""

import re

from labkit.backends.guard.findings import KINDS
from labkit.backends.guard.scanner import scan
from labkit.exercise import ExerciseResult, not_yet, solved
from labkit.topics.privacy.payload.payload import Payload


def check_missed(text: str | None, secret: str | None) -> ExerciseResult:
    """Exercise 1: a text in which the scanner misses a secret that people would understand."""
    if not text or not secret:
        return not_yet("Replace None with your text and the secret within it.")
    if not isinstance(text, str) or not isinstance(secret, str):
        return not_yet("Both have to be texts, in quotation marks.")
    if secret not in text:
        return not_yet("The text does not contain the secret, letter by letter.")
    start = text.index(secret)
    inside = [each for each in scan(text) if each.start < start + len(secret) and each.end > start]
    if inside:
        rules = ", ".join(f"{each.kind} by {each.rule}" for each in inside)
        return not_yet(f"Found: {rules}. Hide it better: how would you say it on the phone?")
    words = len(re.findall(r"\w+", text)) - len(re.findall(r"\w+", secret))
    if words < 3:
        return not_yet("No reader would know what it is. Say in the text what it is for.")
    return solved(f"Missed: all {len(secret)} characters of it would have left.")


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


def check_policy(payload: Payload | None, *, never: str) -> ExerciseResult:
    """Exercise 3: a request that is sent without a certain text in it."""
    if payload is None:
        return not_yet("Replace None with lab.payload(cloud, …, policy=lab.Policy(…)).")
    if not isinstance(payload, Payload):
        return not_yet(f"That is a {type(payload).__name__}, not a payload.")
    if payload.total_bytes == 0:
        return not_yet("Nothing would be sent at all. Safe, but you get no answer.")
    if never in payload.body or any(never in each.text for each in payload.texts):
        return not_yet(f"“{never}” would still leave. Which policy takes it out?")
    remaining = sorted({finding.kind for finding in payload.findings if finding.kind in KINDS})
    if remaining:
        return not_yet(f"That one stays here, but others would leave: {', '.join(remaining)}.")
    return solved(
        f"{payload.total_bytes:,} bytes would leave, and the scanner finds nothing in them. "
        "Read them once more: the scanner does not know everything."
    )
