"""The network: httpx2's transport, each request traced and each connection counted."""

import logging
import socket
import ssl
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import httpcore2
import httpx2

from labkit.backends.remote.api_keys import without_keys
from labkit.errors import LabError

from .tracer import CountedConnection, tracing

# They log headers and addresses, as a server sent them.
LOGGERS = (
    *(f"httpcore2.{name}" for name in ("connection", "http11", "http2", "proxy", "socks")),
    *("httpx2", "openai._base_client", "anthropic._base_client"),
)
LAST_S = 0.25  # how long the end of an answer may take after its last event


class _KeyFilter(logging.Filter):
    """Masks keys in what the clients log."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = without_keys(record.getMessage()), ()
        return True


for _name in LOGGERS:
    logging.getLogger(_name).addFilter(_KeyFilter())


class _ReadToEnd(httpx2.SyncByteStream):
    """An answer that is read to its very end, so that its connection can be used again.

    The client of openai hangs up on what comes after the last event, which is no more than the
    mark of the end.
    """

    def __init__(self, stream: httpx2.SyncByteStream, connection: CountedConnection):
        self._stream, self._pieces = stream, iter(stream)
        self._connection, self._tail = connection, b""

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self._tail = (self._tail + piece)[-16:]
            yield piece

    def close(self) -> None:
        if self._tail.rstrip().endswith(b"[DONE]"):
            self._connection.patience_s = LAST_S
            until = time.perf_counter() + LAST_S
            with suppress(httpx2.HTTPError):
                for _ in self._pieces:
                    if time.perf_counter() > until:
                        break
        self._stream.close()


class _Network(httpcore2.SyncBackend):
    """httpcore2's own network, with the name lookup as a stage of its own."""

    def connect_tcp(
        self, host: str, port: int, timeout=None, local_address=None, socket_options=None
    ) -> CountedConnection:
        """Tries each address of the name in turn, as the standard library does."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:  # socket.gaierror; of "a..b" no name can be made
            raise httpcore2.ConnectError(str(error)) from error
        if tracer := tracing.get():
            tracer("network.lookup.complete", {})
        last: Exception = httpcore2.ConnectError(f"{host} has no address")
        for address in dict.fromkeys(str(address[0]) for *_, address in found):
            try:
                stream = super().connect_tcp(address, port, timeout, local_address, socket_options)
                return CountedConnection(stream)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                last = error
        raise last


# Thirty students ask at once. A request on a kept connection is lost if the server hangs up at
# that very moment, as many do after 5 s of silence: ours are let go before.
LIMITS = httpx2.Limits(max_connections=None, keepalive_expiry=2.0)


class _TracedTransport(httpx2.HTTPTransport):
    """httpx2's transport, each request traced."""

    def __init__(self, **options):
        super().__init__(**options)
        # httpx2 does not hand this argument of httpcore2's pool on.
        assert isinstance(self._pool, httpcore2.ConnectionPool)  # a proxy's is one too
        self._pool._network_backend = _Network()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        tracer = tracing.get()
        if tracer is None:
            return super().handle_request(request)
        request.extensions = {**request.extensions, "trace": tracer}
        response = super().handle_request(request)
        connection = response.extensions["network_stream"]
        tracer.connection = connection
        assert isinstance(response.stream, httpx2.SyncByteStream)
        response.stream = _ReadToEnd(response.stream, connection)
        return response


def open_network(
    proxy: str | None = None, trusted: ssl.SSLContext | None = None
) -> httpx2.BaseTransport:
    """The network, for an HTTP client; it reads no password out of a file.

    Args:
        proxy: address of the proxy to go through; see `find_proxy`.
        trusted: whose certificates to trust; None: those that the client comes with, or those
            that ``SSL_CERT_FILE`` names.
    Raises:
        LabError: it is a SOCKS proxy, and the package for that is missing; or no proxy's address.
    """
    try:
        return _TracedTransport(verify=trusted or True, proxy=proxy, limits=LIMITS)
    except ImportError:  # of SOCKS, which httpx2 alone does not speak
        raise LabError(
            "The proxy that this machine names is a SOCKS proxy.", "pip install socksio."
        ) from None
    except ValueError:  # another scheme; the address may hold a password
        raise LabError(
            "The proxy that this machine names has no address of a proxy.",
            "Put one such as http://proxy.example:3128 into HTTPS_PROXY.",
        ) from None


def find_proxy(base_url: str) -> str | None:
    """The proxy that the environment names for an address, as browsers and pip go by it."""
    parts = urlsplit(base_url)
    if urllib.request.proxy_bypass(parts.hostname or ""):
        return None
    named = urllib.request.getproxies()
    proxy = named.get(parts.scheme) or named.get("all")
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy
