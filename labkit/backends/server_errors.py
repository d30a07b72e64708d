"""What a model server can do wrong, each as one sentence with its mend."""

from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import BusyError, LabError
from .retry_after import wanted_wait_s

START = "Start the server, or see which ones run here: labkit.servers()."
BUSY = (429, 503, 529)  # asked too much, overloaded; the last is Anthropic's own
LOG = "What came until then is kept. See the server's own log, then ask again."


@contextmanager
def as_sentences(where: str, model: str | None, read_timeout_s: float) -> Iterator[None]:
    """Turns whatever the client raises into a `LabError`.

    Args:
        where: the server's kind and address.
        model: the name that is asked for.
        read_timeout_s: how long it may say nothing.
    """
    import httpx2
    import openai

    try:
        yield
    except openai.APIStatusError as error:
        if error.status_code in BUSY and error.code != "insufficient_quota":
            raise _busy(where, error) from None
        raise _refused(where, model, error.status_code, _message(error)) from None
    except (openai.APITimeoutError, httpx2.TimeoutException) as error:
        raise _late(where, error, read_timeout_s) from None
    except (openai.APIConnectionError, httpx2.ConnectError):
        raise LabError(f"{where} does not answer.", START) from None
    except openai.APIError as error:  # an event that tells of an error
        raise LabError(f"{where} failed: {error.message}.", LOG) from None
    except (httpx2.HTTPError, httpx2.StreamError):
        raise LabError(f"{where} broke off in the middle of its answer.", LOG) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise LabError(
            f"{where} sent something that is no event of the interface it should speak.",
            f"{LOG} A server that is out of date is the usual cause.",
        ) from None


def _late(where: str, error: Exception, read_timeout_s: float) -> LabError:
    import httpx2

    if isinstance(error.__cause__ or error, httpx2.ConnectTimeout):
        return LabError(f"{where} does not answer.", START)
    return LabError(
        f"{where} sent nothing for {read_timeout_s:g} s.",
        "What came until then is kept. If it still reads a long prompt, wait longer: "
        "labkit.connect(…, read_timeout_s=…).",
    )


def _busy(where: str, error) -> BusyError:
    wait_s = wanted_wait_s(error.response.headers)
    when = "Wait a little" if wait_s is None else f"Wait {wait_s:.0f} s"
    what = "is asked too much" if error.status_code == 429 else "has too much to do"
    return BusyError(f"{where} {what}: {_message(error)}", f"{when}, then ask again.", wait_s)


def _refused(where: str, model: str | None, status: int, message: str) -> LabError:
    if status in (401, 403):
        return LabError(
            f"{where} wants a key, or another one.", "Give it: labkit.connect(…, api_key=…)."
        )
    if status == 404:
        return LabError(
            f"{where} has no model {model!r}, or not this interface: {message}",
            "labkit.servers() names the models of each server.",
        )
    if status == 429:
        return LabError(f"{where} gives no more: {message}", "Look at your account's credit there.")
    if status >= 500:
        return LabError(f"{where} failed (status {status}): {message}", "See the server's own log.")
    return LabError(
        f"{where} did not take the request (status {status}): {message}",
        "A prompt beyond its context, or a setting it does not know, is the usual cause.",
    )


def _message(error) -> str:
    """The server's own words, which lie in one of several places."""
    body = error.body
    for key in ("error", "message", "detail"):
        if isinstance(body, dict) and body.get(key):
            body = body[key]
    text = body if isinstance(body, str) and body.strip() else error.message
    return text.strip().splitlines()[0][:300]
