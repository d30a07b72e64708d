"""How long a server that is asked too much wants to be left alone."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def wanted_wait_s(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds to wait before asking again, as the server says; None where it does not.

    A date is held against the server's own ``Date``, so that a clock that is wrong on either side
    does not matter.

    Args:
        headers: of the answer; names in any case, if the mapping knows no difference.
        now: where the answer has no ``Date``; None: this machine's clock.
    Source: RFC 9110, 10.2.3 (Retry-After: seconds or a date) and 5.6.7 (dates in three forms);
        ``retry-after-ms`` is OpenAI's and Azure's own.

    >>> wanted_wait_s({"retry-after": "20"})
    20.0
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    told = headers.get("retry-after")
    seconds = _number(told)
    if seconds is not None or told is None:
        return seconds
    until = _date(told)
    if until is None:
        return None
    since = _date(headers.get("date")) or now or datetime.now(UTC)
    return max(0.0, (until - since).total_seconds())


def _number(told: str | None) -> float | None:
    try:
        seconds = float(told)
    except (TypeError, ValueError):
        return None
    return seconds if 0 <= seconds < float("inf") else None


def _date(told: str | None) -> datetime | None:
    """Dates without a zone, as those of C's asctime, are in UTC."""
    try:
        date = parsedate_to_datetime(told)
    except (TypeError, ValueError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
