"""What a model server can do wrong, each as one sentence with what to do about it."""

import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib import import_module

import httpx2

from labkit.backends.remote.api_keys import excerpt
from labkit.errors import BusyError, LabError
from labkit.interrupts.imports import without

BUSY = (429, 503, 529)  # rate limit, overload; the last is Anthropic's own
# Codes of a 429 that no waiting helps; OpenAI, "Error codes".
SPENT = ("insufficient_quota", "credit_balance_exhausted", "billing_hard_limit_reached")
KEPT = "What came until then is kept."
# Raised by whatever reads a bad event: wrong types, JSON nested too deep, no UTF-8.
MALFORMED = (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError)
LONGEST_WAIT_S = 10_000_000  # a server that asks for a longer pause does not mean it


@dataclass(frozen=True, slots=True)
class Hints:
    """What somebody can do where a server does not answer as it should.

    Attributes:
        unreachable, broken, unauthorised, unknown, failed, silent: one sentence each.
    """

    unreachable: str = "Start the server, or see which ones run here: lab.servers()."
    broken: str = f"{KEPT} See the server's own log, then ask again."
    unauthorised: str = "Give it: lab.connect(…, api_key=…)."
    unknown: str = "lab.servers() lists the models of each server."
    failed: str = "See the server's own log."
    silent: str = "lab.connect(…, read_timeout_s=…)."


OF_SERVERS = Hints()
OF_CLOUDS = Hints(
    unreachable="Check this machine's network. Without one: lab.replay, or lab.stand_in.",
    broken=f"{KEPT} Ask again.",
    unauthorised="Type it: lab.comparison.api_key_panel(…). See lab.clouds().",
    unknown="backend.models() lists the models that it has.",
    failed="The provider's status page may say more. Ask again in a while.",
    silent="lab.cloud(…, read_timeout_s=…).",
)


@contextmanager
def as_sentences(
    where: str, model: str, read_timeout_s: float, hints: Hints, sdk: str
) -> Iterator[None]:
    """Turns whatever the client, of that package, raises into a `LabError`; no key is in it."""
    with without("aiohttp"):  # 6 MB, for clients of another kind
        client = import_module(sdk)
    try:
        yield
    except client.APIStatusError as error:
        raise _answered(where, model, error, hints) from None
    except (client.APITimeoutError, httpx2.TimeoutException) as error:
        raise _late(where, error, read_timeout_s, hints) from None
    except (client.APIConnectionError, httpx2.ConnectError, httpx2.ProxyError) as error:
        raise _unreachable(where, error, hints) from None
    except client.APIError as error:  # an event that reports an error
        raise LabError(f"{where} failed: {excerpt(error.message)}.", hints.broken) from None
    except (httpx2.HTTPError, httpx2.StreamError):
        raise LabError(f"{where} broke off in the middle of its answer.", hints.broken) from None
    except MALFORMED as error:
        raise not_an_event(where, error, hints) from None


def not_an_event(where: str, error: Exception, hints: Hints = OF_SERVERS) -> LabError:
    """The error for what is not of the form that an interface has."""
    return LabError(
        f"{where} sent something that is not an event of its interface: {excerpt(str(error))}.",
        f"{hints.broken} A server that is out of date is the usual cause.",
    )


def _late(where: str, error: Exception, read_timeout_s: float, hints: Hints) -> LabError:
    if isinstance(error.__cause__ or error, httpx2.ConnectTimeout):
        return LabError(f"{where} does not answer.", hints.unreachable)
    return LabError(
        f"{where} sent nothing for {read_timeout_s:g} s, or nothing that counts.",
        f"{KEPT} If it still reads a long prompt, wait longer: {hints.silent}",
    )


def _unreachable(where: str, error: BaseException, hints: Hints) -> LabError:
    """Why there is no connection, or no longer one, by the error that was first."""
    cause = error
    while cause:
        if isinstance(cause, LabError):  # of our own transport, through the client
            return LabError(f"{where}: {cause.problem}", cause.hint)
        if isinstance(cause, socket.gaierror | UnicodeError):
            return LabError(f"{where}: the host name could not be resolved.", hints.unreachable)
        if isinstance(cause, ssl.SSLCertVerificationError):
            return LabError(
                f"{where} is not trusted: {cause.verify_message}. Nothing was sent.",
                "This machine's clock may be wrong, or somebody in between reads along. If that is "
                "your school's proxy, name its certificate in SSL_CERT_FILE.",
            )
        if isinstance(cause, httpx2.ProxyError):
            return LabError(
                f"The proxy in front of {where} refused: {excerpt(str(cause))}.",
                "Ask those who run it, or take it out of HTTPS_PROXY.",
            )
        if isinstance(cause, httpx2.ReadError | httpx2.RemoteProtocolError):
            return LabError(f"{where} broke off in the middle of its answer.", hints.broken)
        cause = cause.__cause__ or cause.__context__
    return LabError(f"{where} does not answer.", hints.unreachable)


def _answered(where: str, model: str | None, error, hints: Hints) -> LabError:
    status, message = error.status_code, _message(error)
    if status == 402 or (status == 429 and getattr(error, "code", None) in SPENT):
        return LabError(
            f"{where}: quota exhausted: {message}", "Look at your account's credit there."
        )
    if status in BUSY:
        return _busy(where, error, message)
    if status == 200:  # an error in the middle of an answer
        return LabError(f"{where} failed: {message}.", hints.broken)
    return _refused(where, model, status, message, hints)


def _busy(where: str, error, message: str) -> BusyError:
    wait_s = wanted_wait_s(error.response.headers)
    when = "Wait a little" if wait_s is None else f"Wait {wait_s:.0f} s"
    what = ": rate limit reached" if error.status_code == 429 else " is overloaded"
    return BusyError(f"{where}{what}: {message}", f"{when}, then ask again.", wait_s)


def _refused(where: str, model: str | None, status: int, message: str, hints: Hints) -> LabError:
    # Google's status for a wrong key is that of a bad request.
    if status in (401, 403) or (status == 400 and "api key" in message.lower()):
        return LabError(f"{where} wants a key, or another one: {message}", hints.unauthorised)
    if 300 <= status < 400:
        return LabError(
            f"{where} sends to another address (status {status}), which is not followed.",
            "Give the address that it has now, such as one with https.",
        )
    if status == 404:
        named = f"has no model {model!r}, or not" if model else "does not have"
        return LabError(f"{where} {named} this interface: {message}", hints.unknown)
    if status >= 500:
        return LabError(f"{where} failed (status {status}): {message}", hints.failed)
    return LabError(
        f"{where} did not take the request (status {status}): {message}",
        "A prompt beyond its context, or a setting it does not know, is the usual cause.",
    )


def _message(error) -> str:
    """The server's own words, which stand under one of several names."""
    body = error.body
    if isinstance(body, list) and body:  # Google's
        body = body[0]
    for key in ("error", "message", "detail"):
        if isinstance(body, dict) and body.get(key):
            body = body[key]
    text = body if isinstance(body, str) and body.strip() else error.message
    return excerpt(text)


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
        return _bounded(milliseconds / 1000)
    wanted = headers.get("retry-after")
    seconds = _number(wanted)
    if seconds is not None or wanted is None:
        return _bounded(seconds)
    until = _date(wanted)
    if until is None:
        return None
    since = _date(headers.get("date")) or now or datetime.now(UTC)
    return _bounded(max(0.0, (until - since).total_seconds()))


def _bounded(seconds: float | None) -> float | None:
    return seconds if seconds is None or seconds <= LONGEST_WAIT_S else None


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
