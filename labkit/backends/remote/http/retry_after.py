"""How long to wait before asking a server again that has reached its limit."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def wanted_wait_s(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds to wait before asking again, as the server says; None where it does not.

    A date is compared with the server's own ``Date``, so that a clock that is wrong on either side
    does not matter.

    Args:
        headers: of the answer; names in any case, if the mapping ignores case.
        now: where the answer has no ``Date``; None: this machine's clock.
    Source: RFC 9110, 10.2.3 (Retry-After: seconds or a date) and 5.6.7 (dates in three forms);
        ``retry-after-ms`` is OpenAI's and Azure's own.

    >>> wanted_wait_s({"retry-after": "20"})
    20.0
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    wanted = headers.get("retry-after")
    seconds = _number(wanted)
    if seconds is not None or wanted is None:
        return seconds
    until = _date(wanted)
    if until is None:
        return None
    since = _date(headers.get("date")) or now or datetime.now(UTC)
    return max(0.0, (until - since).total_seconds())


def _number(text: str | None) -> float | None:
    try:
        seconds = float(text or "")
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None


def _date(text: str | None) -> datetime | None:
    """Dates without a zone, as those of C's asctime, are in UTC."""
    try:
        date = parsedate_to_datetime(text or "")
    except ValueError:
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
