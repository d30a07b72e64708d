"""`scan`: finds secrets and personal data in a text, on this machine, for a policy to act on."""

from collections.abc import Collection
from dataclasses import replace

from labkit.backends.prompts import check_text
from labkit.checks import check_number

from .findings import KINDS, PERSONAL, SECRETS, Finding, with_repeats
from .personal_data import find_personal
from .plain_text import plain_text
from .secret_search import find_secrets

LEAST_CONFIDENCE = 0.4
# What no rule looks for; listed beside the misses of notebook 05.
CANNOT_SEE = (
    "a key without a form of its own and without a name beside it: a session cookie, the keys of "
    "Mistral, Cohere, Datadog, Twilio's auth token, an identifier that is a UUID",
    "a password that nothing around it calls one, or that has neither a digit nor a sign in it",
    "commands and files with an order of their own: net use, htpasswd, Kubernetes secrets in "
    "base64, JSON web keys, .p12 and .kdbx files",
    "a secret that is encoded, cut in two or spelt out, or with letters of another alphabet",
    "bank accounts that are not IBANs, passports, driving licences",
    "names in small letters, and many of those that are not English",
    "postal addresses, health, business secrets",
)


def scan(
    text: str, *, kinds: Collection[str] | None = None, least_confidence: float = LEAST_CONFIDENCE
) -> tuple[Finding, ...]:
    """Finds what should perhaps not leave this machine. Nothing is sent to find it.

    Secrets are found by the rules of detect-secrets and a few of our own, personal data by
    Presidio with a small English language model for names. The scanner has misses and false
    alarms: notebook 05 measures both, `CANNOT_SEE` lists what no rule looks for.

    The time grows with the length of the text: 100 kB take about two seconds, most of them for
    names, and a tenth of that where no word begins with a capital letter.

    Args:
        text: the text to scan.
        kinds: the kinds to look for, of `KINDS`; None: all.
        least_confidence: the confidence below which findings are ignored.
    Returns:
        Findings in the order of the text, without overlaps; what is found once is found wherever
        it stands as a word.
    Raises:
        ValueError: something that is not a text, an unknown kind, or a confidence out of range.
        LabError: the scanner's packages are missing.

    >>> scan("My AWS key is AKIAIOSFODNN7EXAMPLE.", kinds={"cloud key"})
    (cloud key AKIA… (20 characters) at characters 14 to 34, confidence 0.95, \
by detect-secrets AWSKeyDetector,)
    """
    check_text(text)
    check_kinds(kinds)
    check_confidence(least_confidence)
    wanted = KINDS.keys() if kinds is None else set(kinds)
    plain, origins = plain_text(text)
    found = [
        *(find_secrets(plain) if wanted & SECRETS.keys() else ()),
        *(find_personal(plain) if wanted & PERSONAL.keys() else ()),
    ]
    kept = [each for each in found if each.kind in wanted and each.confidence >= least_confidence]
    (found,) = with_repeats([plain], [kept])
    return found if origins is None else tuple(_moved(each, text, origins) for each in found)


def _moved(finding: Finding, text: str, origins: list[int]) -> Finding:
    """A finding in the plain text, as it stands in the text itself."""
    start, end = origins[finding.start], origins[finding.end - 1] + 1
    return replace(finding, start=start, end=end, text=text[start:end])


def check_kinds(kinds: Collection[str] | None) -> None:
    """Raises a ValueError unless `kinds` is None or a collection of `KINDS`."""
    if isinstance(kinds, str) or not isinstance(kinds, Collection | None):
        raise ValueError(f"kinds must be several names, such as ({kinds!r},); got {kinds!r}")
    for kind in kinds or ():
        if kind not in KINDS:
            raise ValueError(f"kinds must be of {', '.join(KINDS)}; got {kind!r}")


def check_confidence(least: float) -> None:
    """Raises a ValueError unless the least confidence is a number from 0 to 1."""
    check_number("least_confidence", least, "0 to 1", lambda number: 0 <= number <= 1)
