"""The moments of one request, from the name lookup to its last token, and its bytes."""

import re
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from typing import Any
from weakref import WeakSet

import httpcore2

from labkit.backends.http_timing import HttpTiming

SENDING = ("send_request_headers.started", "send_request_body.started")
_open: WeakSet["CountedConnection"] = WeakSet()
_changing = threading.Lock()


class CountedConnection(httpcore2.NetworkStream):
    """A connection that counts the bytes of HTTP on it; each request begins anew.

    Its methods are those of httpcore2.

    Attributes:
        sent, received: bytes since the request began.
        read_at: when the last bytes came (`time.perf_counter`), or None.
        patience_s: no waiting for more is longer than this; None: as long as it is asked for.
    """

    def __init__(self, stream: httpcore2.NetworkStream):
        self._stream = stream
        self.sent = self.received = 0
        self.read_at: float | None = None
        self.patience_s: float | None = None
        with _changing:
            _open.add(self)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        _register(self)
        timeout = timeout if self.patience_s is None else self.patience_s
        data = self._stream.read(max_bytes, timeout)
        self.read_at = time.perf_counter()
        self.received += len(data)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if self.received:  # an answer came: this is the next request
            self.sent, self.received, self.patience_s = 0, 0, None
        _register(self)
        self._stream.write(buffer, timeout)
        self.sent += len(buffer)

    def start_tls(self, *arguments, **more) -> "CountedConnection":
        # Counted from here on is what is inside the encryption.
        return CountedConnection(self._stream.start_tls(*arguments, **more))

    def close(self) -> None:
        self._stream.close()

    def shut_down(self) -> None:
        """Ends it both ways, below any encryption: nothing that is sent meanwhile goes unencrypted.

        Raises:
            OSError: it has ended.
        """
        # An SSLSocket's own `shutdown` first forgets that it encrypts.
        socket.SocketType.shutdown(self.get_extra_info("socket"), socket.SHUT_RDWR)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def hang_up(keeps: Callable[[str], bool]) -> None:
    """Hangs up on every open connection, but for those whose peer's address is to be kept.

    A client that had one of them in reserve opens a new one; an answer that is coming ends.
    """
    with _changing:
        connections = list(_open)
    for connection in connections:
        with suppress(OSError):  # it is closed
            if not keeps(connection.get_extra_info("socket").getpeername()[0]):
                connection.shut_down()


tracing: ContextVar["Tracer | None"] = ContextVar("tracing", default=None)


def _register(connection: CountedConnection) -> None:
    """So that a request can be hung up on before anything answers it."""
    if tracer := tracing.get():
        tracer.connection = connection


class Tracer:
    """Notes the moments of the one request that is made inside ``with tracer:``.

    It is httpx2's own ``trace`` extension, which is called before and after each of its stages;
    the name lookup, which is not one of them, is added by `network`.

    Attributes:
        connection: the one that the request is sent on, once it is known.
        stopped: once it is set, nothing more is sent.
    """

    def __init__(self, address: str, proxy: str | None = None):
        self._address, self._proxy = without_password(address), proxy and without_password(proxy)
        self._at: dict[str, float] = {}
        self.connection: CountedConnection | None = None
        self.stopped = threading.Event()
        self._bytes: tuple[int | None, int | None] = (None, None)
        self._status: int | None = None

    def __enter__(self) -> "Tracer":
        self._token = tracing.set(self)
        return self

    def __exit__(self, *error) -> None:
        tracing.reset(self._token)

    def __call__(self, event: str, info: dict[str, Any]) -> None:
        """Called by httpx2; of several rounds, as through a proxy, the last one counts."""
        stage = event.partition(".")[2]
        if self.stopped.is_set() and stage in SENDING:
            # After a WriteError it would read the answer to what was never asked, for ever.
            raise httpcore2.NetworkError("stopped")
        self._at[stage] = time.perf_counter()
        result = info.get("return_value")
        if isinstance(result, CountedConnection):
            self.connection = result
        elif stage == "receive_response_headers.complete":
            self._status = info["return_value"][1]
        elif stage == "response_closed.started":  # before another request has the connection
            self._count()

    @property
    def arrived(self) -> float:
        """When the last bytes came (`time.perf_counter`): before anybody read what they say."""
        return (self.connection.read_at if self.connection else None) or time.perf_counter()

    @property
    def accepted(self) -> bool:
        """Whether all of the request was handed over and not refused: it may be charged for."""
        sent = "send_request_body.complete" in self._at
        return sent and not (self._status and self._status >= 400)

    def _count(self) -> None:
        if self.connection:
            self._bytes = self.connection.sent, self.connection.received

    def timing(
        self, began: float, first: float | None, last: float | None, origin: str
    ) -> HttpTiming | None:
        """How the request spent its time, by `time.perf_counter`; None if none was made."""
        if not self._at:
            return None
        if self._bytes == (None, None):
            self._count()
        sent, received = self._bytes
        return HttpTiming(
            self._address,
            **self._parts(began, first, last),
            bytes_sent=sent,
            bytes_received=received,
            reused="connect_tcp.started" not in self._at,
            proxy=self._proxy,
            origin=origin,
        )

    def _parts(
        self, began: float, first: float | None, last: float | None
    ) -> dict[str, float | None]:
        at = self._at.get
        lookup = _between(at("connect_tcp.started"), at("lookup.complete"))
        # Through a proxy, its consent lies between the two.
        connect = _between(
            at("lookup.complete"), at("start_tls.started", at("connect_tcp.complete"))
        )
        tls = _between(at("start_tls.started"), at("start_tls.complete"))
        send = _between(began, at("send_request_body.complete"))
        if send is not None:
            send = max(0.0, send - sum(part or 0 for part in (lookup, connect, tls)))
        headers = at("receive_response_headers.complete") if send is not None else None
        return {
            "lookup_s": lookup,
            "connect_s": connect,
            "tls_s": tls,
            "send_s": send,
            "wait_s": _between(at("send_request_body.complete"), headers),
            "first_token_s": _between(headers, first),
            "stream_s": _between(first, last),
        }


def without_password(address: str) -> str:
    """Scheme, host and port of an address, as far as it has them, and nothing else of it.

    >>> without_password("http://anna:secret@example.org:8080/v1?key=secret")
    'http://example.org:8080'
    >>> without_password("anna:secret@example.org")
    'example.org'
    """
    return re.sub(r"^([\w+.-]+://)?(?:[^/?#]*@)?([^/?#]*).*", r"\1\2", address, flags=re.DOTALL)


def _between(start: float | None, end: float | None) -> float | None:
    """Seconds; 0 where two threads noted the two moments the wrong way round."""
    return None if start is None or end is None else max(0.0, end - start)
