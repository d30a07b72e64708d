"""What may go out, and how much may come back: around the network, whatever client writes to it."""

import re
from collections.abc import Iterator

import httpx2

from labkit.backends.remote.api_keys import Secret
from labkit.errors import LabError

# Bytes of an event, or of a page of JSON such as a list of models; of all that answers a request.
LARGEST_EVENT, LARGEST_ANSWER = 4_000_000, 200_000_000
LARGEST_ERROR = 100_000  # bytes of an error page that are read; the sentence is at its beginning

# The headers that leave, each with the form that it may have. The clients add others: from the
# environment (``OPENAI_CUSTOM_HEADERS``, ``ANTHROPIC_AUTH_TOKEN``), and about this machine.
HEADERS = {
    "connection": r"keep-alive",
    "accept": r"application/json|text/event-stream|\*/\*",
    "content-type": r"application/json",
    "user-agent": r"(OpenAI|Anthropic)/Python [\d.]+|python-httpx2/[\d.]+",
    "anthropic-version": r"\d{4}-\d\d-\d\d",
}
_ENDS = {  # of an event, by the answer's type; the whole of JSON is one
    "text/event-stream": (b"\n\n", b"\r\n\r\n", b"\r\r"),
    "application/json": (),
}
_LINE_END = (b"\n",)


class BoundedTransport(httpx2.BaseTransport):
    """Lets requests to one address out, with known headers, and bounds what answers them.

    Args:
        network: what requests are handed to.
        base_url: below which they all go.
        key: the only one that they may carry.
        largest_event: bytes that an event, or a page of JSON, may have; None: `LARGEST_EVENT`.
    """

    def __init__(
        self,
        network: httpx2.BaseTransport,
        base_url: str,
        key: Secret | None,
        largest_event: int | None = None,
    ):
        self._network, self._origin, self._key = network, _origin(httpx2.URL(base_url)), key
        self._largest_event = largest_event or LARGEST_EVENT

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """See httpx2.

        Raises:
            LabError: it is for another server, as after a redirect; or its answer is compressed.
        """
        if _origin(request.url) != self._origin:
            raise LabError("A request was about to go to another server. Nothing was sent.")
        request.headers = self._known(request)
        response = self._network.handle_request(request)
        if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
            response.close()
            raise LabError(
                "The server sent a compressed answer, for which it was not asked.",
                "See the server's own log, or what stands in between.",
            )
        assert isinstance(response.stream, httpx2.SyncByteStream)
        response.stream = _BoundedStream(response.stream, response, self._largest_event)
        return response

    def close(self) -> None:
        """See httpx2."""
        self._network.close()

    def _known(self, request: httpx2.Request) -> httpx2.Headers:
        sent = {
            name: value
            for name, value in request.headers.items()
            if re.fullmatch(HEADERS.get(name.lower(), "(?!)"), value)
        }
        sent |= {"host": request.url.netloc.decode("ascii"), "accept-encoding": "identity"}
        if body := request.read():
            sent["content-length"] = str(len(body))
        if request.url.scheme == "http":
            # llama.cpp's server promises to keep a connection, and hangs up after each answer that
            # it streamed. A new one to a server near by costs nothing; TLS alone is worth keeping.
            sent["connection"] = "close"
        if self._key:
            sent["authorization"] = f"Bearer {self._key.reveal()}"
        return httpx2.Headers(sent)


class _BoundedStream(httpx2.SyncByteStream):
    """An answer's bytes, as long as none of it is too large; of an error page, its beginning."""

    def __init__(
        self, stream: httpx2.SyncByteStream, response: httpx2.Response, largest_event: int
    ):
        self._largest_event = largest_event
        self._stream, self._is_error = stream, response.status_code >= 300
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        self._ends = _ENDS.get(kind, _LINE_END)

    def __iter__(self) -> Iterator[bytes]:
        whole, event, tail = 0, 0, b""
        for piece in self._stream:
            whole += len(piece)
            if self._is_error and whole > LARGEST_ERROR:
                yield piece[: LARGEST_ERROR - whole + len(piece)]
                return
            seen = tail + piece
            ended = max((seen.rfind(end) for end in self._ends), default=-1)
            event = event + len(piece) if ended < 0 else len(seen) - ended
            tail = seen[-3:]
            yield piece  # what is whole in it is kept
            _check("one event", event, self._largest_event)
            _check("an answer", whole, LARGEST_ANSWER)

    def close(self) -> None:
        self._stream.close()


def _check(what: str, size: int, most: int) -> None:
    if size > most:
        raise LabError(
            f"The server sent more than {most / 1e6:,.0f} MB as {what}.",
            "What came until then is kept. See the server's own log.",
        )


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
