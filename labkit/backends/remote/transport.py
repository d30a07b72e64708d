"""The HTTP client under every server's backend, and what it tells of each request's way."""

import socket
import ssl
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit

import httpcore2
import httpx2

from labkit.backends.http_timing import HttpTiming
from labkit.errors import LabError

LAST_S = 0.25  # how long the end of an answer may take after its last event
_traced: ContextVar["Tracer | None"] = ContextVar("traced", default=None)


class Tracer:
    """Notes the moments of the one request that is made inside ``with tracer:``.

    It is httpx2's own ``trace`` extension, which is called before and after each of its stages;
    the name lookup, which is none of them, is added by `_Network`.
    """

    def __init__(self, address: str, proxy: str | None = None):
        self._address, self._proxy = _without_password(address), proxy and _without_password(proxy)
        self._at: dict[str, float] = {}
        self._way: _Counted | None = None
        self._bytes: tuple[int | None, int | None] = (None, None)
        self._status: int | None = None

    def __enter__(self) -> "Tracer":
        self._token = _traced.set(self)
        return self

    def __exit__(self, *error) -> None:
        _traced.reset(self._token)

    def __call__(self, event: str, info: dict[str, Any]) -> None:
        """Called by httpx2; of several rounds, as through a proxy, the last one counts."""
        stage = event.partition(".")[2]
        self._at[stage] = time.perf_counter()
        result = info.get("return_value")
        if isinstance(result, _Counted):
            self._way = result
        elif stage == "receive_response_headers.complete":
            self._status = result[1]
        elif stage == "response_closed.started":  # before another request has the connection
            self._count()

    def note(self, stage: str) -> None:
        """That a stage is reached now."""
        self._at[stage] = time.perf_counter()

    def answered(self, way: "_Counted") -> None:
        """The response has begun, on that connection."""
        self._way = way

    @property
    def arrived(self) -> float:
        """When the last bytes came (`time.perf_counter`): before anybody read what they say."""
        return (self._way and self._way.read_at) or time.perf_counter()

    @property
    def accepted(self) -> bool:
        """Whether all of the request was handed over and not refused: it may be charged for."""
        sent = "send_request_body.complete" in self._at
        return sent and not (self._status and self._status >= 400)

    def _count(self) -> None:
        if self._way:
            self._bytes = self._way.sent, self._way.received

    def timing(self, began: float, first: float | None, last: float | None) -> HttpTiming | None:
        """The way of the request, or None if none was made.

        Args:
            began: when it was asked for (`time.perf_counter`), as the two others.
            first: when its first token came, or None.
            last: when its last token came, or None.
        """
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
            send -= sum(part or 0 for part in (lookup, connect, tls))
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


def _without_password(address: str) -> str:
    """Scheme, host and port of an address, and nothing else of it."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _between(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else end - start


class _Counted(httpcore2.NetworkStream):
    """A connection that counts the bytes of HTTP on it; each request begins anew.

    Attributes:
        sent, received: bytes since the request began.
        read_at: when the last bytes came (`time.perf_counter`), or None.
        patience_s: no waiting for more is longer than this; None: as long as it is asked for.
    """

    def __init__(self, stream: httpcore2.NetworkStream):
        self._stream = stream
        self.sent = self.received = 0
        self.read_at = self.patience_s = None

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """See httpcore2."""
        timeout = timeout if self.patience_s is None else self.patience_s
        told = self._stream.read(max_bytes, timeout)
        self.read_at = time.perf_counter()
        self.received += len(told)
        return told

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """See httpcore2."""
        if self.received:  # an answer came: this is the next request
            self.sent, self.received, self.patience_s = 0, 0, None
        self._stream.write(buffer, timeout)
        self.sent += len(buffer)

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> "_Counted":
        """See httpcore2; counted from here on is what is inside the encryption."""
        return _Counted(self._stream.start_tls(ssl_context, server_hostname, timeout))

    def close(self) -> None:
        """See httpcore2."""
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        """See httpcore2."""
        return self._stream.get_extra_info(info)


class _Answer(httpx2.SyncByteStream):
    """An answer that is read to its very end, so that its connection can be used again.

    The client of openai hangs up on what comes after the last event, which is no more than the
    mark of the end.
    """

    def __init__(self, stream: httpx2.SyncByteStream, way: _Counted):
        self._stream, self._pieces, self._way = stream, iter(stream), way
        self._tail = b""

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self._tail = (self._tail + piece)[-16:]
            yield piece

    def close(self) -> None:
        """See httpx2."""
        if self._tail.rstrip().endswith(b"[DONE]"):
            self._way.patience_s = LAST_S
            with suppress(httpx2.HTTPError):
                for _ in self._pieces:
                    pass
        self._stream.close()


class _Network(httpcore2.SyncBackend):
    """httpcore2's own way to the network, with the name lookup as a stage of its own."""

    def connect_tcp(self, host: str, port: int, timeout: float | None = None, **more) -> _Counted:
        """See httpcore2; tries each number of the name in turn, as the standard library does."""
        numbers = _look_up(host, port)
        if tracer := _traced.get():
            tracer.note("lookup.complete")
        for number in numbers:
            try:
                return _Counted(super().connect_tcp(number, port, timeout, **more))
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                last = error
        raise last


def _look_up(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:  # socket.gaierror: the sentence is made of it
        raise httpcore2.ConnectError(str(error)) from error
    return list(dict.fromkeys(address[0] for *_, address in found))


class _Transport(httpx2.HTTPTransport):
    """httpx2's transport, each request traced."""

    def __init__(self, **options):
        super().__init__(**options)
        # httpx2 does not hand this argument of httpcore2's pool on.
        self._pool._network_backend = _Network()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        tracer = _traced.get()
        if tracer is None:
            return super().handle_request(request)
        request.extensions = {**request.extensions, "trace": tracer}
        response = super().handle_request(request)
        way = response.extensions["network_stream"]
        tracer.answered(way)
        response.stream = _Answer(response.stream, way)
        return response


def make_http_client(
    base_url: str,
    timeouts_s: tuple[float, float],
    *,
    proxy: str | None = None,
    trusted: ssl.SSLContext | None = None,
) -> httpx2.Client:
    """A client that follows no redirect and reads no password out of a file.

    Args:
        base_url: of the server.
        timeouts_s: how long to wait for a connection, and for anything to come.
        proxy: address of the proxy to go through; see `find_proxy`.
        trusted: whose certificates to trust; None: those that the client comes with, or those
            that ``SSL_CERT_FILE`` names.
    Raises:
        LabError: the proxy is one of SOCKS, and the package for that is missing.
    """
    connect_s, read_s = timeouts_s
    try:
        transport = _Transport(
            verify=trusted or True,
            proxy=proxy,
            limits=httpx2.Limits(max_connections=None),  # thirty students ask at once
        )
    except ImportError:  # of SOCKS, which httpx2 alone does not speak
        raise LabError(
            "The proxy that this machine names is a SOCKS proxy.", "pip install socksio."
        ) from None
    return httpx2.Client(
        timeout=httpx2.Timeout(read_s, connect=connect_s),
        transport=transport,
        trust_env=False,
        follow_redirects=False,
    )


def find_proxy(base_url: str) -> str | None:
    """The proxy that the environment names for an address, as browsers and pip go by it."""
    parts = urlsplit(base_url)
    if urllib.request.proxy_bypass(parts.hostname or ""):
        return None
    named = urllib.request.getproxies()
    return named.get(parts.scheme) or named.get("all")
