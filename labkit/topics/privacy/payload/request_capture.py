"""A request as the client's own code writes it, caught before it reaches a network.

The bytes are those that httpcore2 hands to a connection, which here is none: they are kept, and
nothing answers. So they are what would be sent, to the byte; encryption comes after them.
"""

import copy
import ssl
from dataclasses import dataclass
from typing import Any

import httpcore2
import httpx2

from labkit.backends.guard.policy import Policy
from labkit.backends.prompts import Messages
from labkit.backends.remote.client import ServerModel
from labkit.errors import LabError


@dataclass(frozen=True, slots=True)
class CapturedRequest:
    """A request that was written and not sent.

    Attributes:
        method: such as ``"POST"``.
        address: scheme, host, port and path.
        http: every byte, the request line and the headers included.
        body_at: where in it the body begins.
    """

    method: str
    address: str
    http: bytes
    body_at: int


def catch_request(
    backend: ServerModel, prompt: str | Messages, *, raw: bool, policy: Policy | None, **settings
) -> CapturedRequest:
    """Has a backend write a request, and keeps it.

    Raises:
        ValueError: for a prompt or a setting out of bounds.
        LabError: the policy does not let the prompt out.
    """
    keeper = _Keeper()
    double = copy.copy(backend)
    double.policy, double.budget, double._client = policy, None, None
    double._http_client = lambda: _like(backend._http_client(), keeper)
    steps = double.stream(prompt, raw=raw, **settings)
    try:
        next(steps)
    except (LabError, StopIteration):
        if not keeper.http:
            raise
    finally:
        steps.close()
    body_at = keeper.http.index(b"\r\n\r\n") + 4
    return CapturedRequest(keeper.method, keeper.address, bytes(keeper.http), body_at)


def _like(client: httpx2.Client, transport: httpx2.BaseTransport) -> httpx2.Client:
    """A client that adds the same to each request, over another transport."""
    with client:
        return httpx2.Client(
            transport=transport, timeout=client.timeout, headers=client.headers, trust_env=False
        )


class _Keeper(httpx2.BaseTransport):
    """Writes requests as httpx2's own transport does, into a list instead of a connection."""

    def __init__(self):
        self.http, self.method, self.address = bytearray(), "", ""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.method, self.address = request.method, str(request.url)
        url = httpcore2.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        asked = httpcore2.Request(
            request.method, url, headers=request.headers.raw, content=request.stream
        )
        with httpcore2.ConnectionPool(network_backend=_NoNetwork(self.http)) as pool:
            try:
                return pool.handle_request(asked)
            except httpcore2.ReadError as error:  # as the client expects it
                raise httpx2.ReadError(str(error)) from error


class _NoNetwork(httpcore2.NetworkBackend):
    """Opens connections that lead nowhere."""

    def __init__(self, sent: bytearray):
        self._sent = sent

    def connect_tcp(self, host: str, port: int, **more: Any) -> "_NoStream":
        return _NoStream(self._sent)


class _NoStream(httpcore2.NetworkStream):
    """Keeps what is written; there is nothing to read."""

    def __init__(self, sent: bytearray):
        self._sent = sent

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._sent += buffer

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        raise httpcore2.ReadError("nobody answers here")

    def start_tls(self, ssl_context: ssl.SSLContext, *more: Any, **named: Any) -> "_NoStream":
        return self

    def close(self) -> None:
        pass

    def get_extra_info(self, info: str) -> Any:
        return None
