"""Checks of notebook 05's exercises: any right answer passes, a wrong one is told why."""

import re

from ..backends.findings import KINDS
from ..backends.scanning import scan
from ..verdict import Verdict
from .payload import Payload


def check_missed(text: str | None, secret: str | None) -> Verdict:
    """Exercise 1: a text in which the scanner misses a secret that people would understand."""
    if not text or not secret:
        return Verdict(False, "Put your text and the secret within it in place of None.")
    if not isinstance(text, str) or not isinstance(secret, str):
        return Verdict(False, "Both have to be texts, in quotation marks.")
    if secret not in text:
        return Verdict(False, "The secret does not stand in the text, letter by letter.")
    start = text.index(secret)
    inside = [each for each in scan(text) if each.start < start + len(secret) and each.end > start]
    if inside:
        told = ", ".join(f"{each.kind} by {each.rule}" for each in inside)
        return Verdict(False, f"Found: {told}. Hide it better: how would you say it on the phone?")
    words = len(re.findall(r"\w+", text)) - len(re.findall(r"\w+", secret))
    if words < 3:
        return Verdict(False, "Nobody would know what it is. Say in the text what it is for.")
    return Verdict(True, f"Missed: all {len(secret)} characters of it would have left.")


def check_alarm(text: str | None) -> Verdict:
    """Exercise 2: a harmless text that the scanner takes for a leak."""
    if not text:
        return Verdict(False, "Put a text in place of None.")
    if not isinstance(text, str):
        return Verdict(False, "It has to be a text, in quotation marks.")
    found = scan(text)
    if not found:
        return Verdict(False, "No alarm. What looks like a name, a number or a key, and is none?")
    told = ", ".join(
        f"{each.kind} “{each.text}”, confidence {each.confidence:.2f}" for each in found
    )
    return Verdict(
        True, f"An alarm: {told}. If you are sure that it is harmless, it is a false one."
    )


def check_policy(payload: Payload | None, *, never: str) -> Verdict:
    """Exercise 3: a request that is sent, and in which a certain text does not stand."""
    if payload is None:
        return Verdict(
            False, "Put labkit.payload(cloud, …, policy=labkit.Policy(…)) in place of None."
        )
    if not isinstance(payload, Payload):
        return Verdict(False, f"That is no payload but {type(payload).__name__}.")
    if payload.total_bytes == 0:
        return Verdict(False, "Nothing would be sent at all. Safe, but you get no answer.")
    if never in payload.body or any(never in each.text for each in payload.texts):
        return Verdict(False, f"“{never}” would still leave. Which policy takes it out?")
    left = sorted({finding.kind for finding in payload.findings if finding.kind in KINDS})
    if left:
        return Verdict(False, f"That one stays here, but others would leave: {', '.join(left)}.")
    return Verdict(
        True,
        f"{payload.total_bytes:,} bytes would leave, and nothing that the scanner knows is in "
        "them. Read them once more: the scanner does not know everything.",
    )
