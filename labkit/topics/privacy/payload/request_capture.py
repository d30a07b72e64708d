"""A request as the client's own code writes it, captured before it reaches a network.

The bytes are those that httpcore2 hands to a connection, which here leads nowhere: they are kept,
and nothing answers. So they are what would be sent, to the byte; encryption comes after them.
"""

from dataclasses import dataclass, replace
from typing import Any

import httpcore2
import httpx2

from labkit.backends.guard.policy import Policy
from labkit.backends.prompts import Messages
from labkit.backends.remote.model import RemoteModel
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


def capture_request(
    backend: RemoteModel, prompt: str | Messages, *, raw: bool, policy: Policy | None, **settings
) -> CapturedRequest:
    """The request that a model would send; its budget is not touched.

    Raises:
        ValueError: for a prompt or a setting out of range.
        LabError: the policy does not let the prompt out.
    """
    network = CapturingTransport()
    transport = replace(backend.transport, network=network)
    try:
        model = RemoteModel(backend.protocol, transport, policy=policy)
        list(model.stream(prompt, raw=raw, **settings))
    except LabError:
        if not network.captured:
            raise
    return network.captured


class CapturingTransport(httpx2.BaseTransport):
    """Writes requests as httpx2's own transport does, to memory instead of a connection.

    Attributes:
        captured: the last request, or None.
    """

    def __init__(self):
        self.captured: CapturedRequest | None = None

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """See httpx2; nothing answers.

        Raises:
            httpx2.ReadError: always, as where a server hangs up.
        """
        written = bytearray()
        url = httpcore2.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        asked = httpcore2.Request(
            request.method, url, headers=request.headers.raw, content=request.stream
        )
        with httpcore2.ConnectionPool(network_backend=_NoNetwork(written)) as pool:
            try:
                pool.handle_request(asked)
            except httpcore2.ReadError as error:
                body_at = written.index(b"\r\n\r\n") + 4
                method, address = request.method, str(request.url)
                self.captured = CapturedRequest(method, address, bytes(written), body_at)
                raise httpx2.ReadError(str(error)) from error


class _NoNetwork(httpcore2.NetworkBackend):
    """Opens connections that lead nowhere."""

    def __init__(self, sent: bytearray):
        self._sent = sent

    def connect_tcp(self, host: str, port: int, **more: Any) -> "_NoStream":
        return _NoStream(self._sent)


class _NoStream(httpcore2.MockStream):
    """Keeps what is written; there is nothing to read."""

    def __init__(self, sent: bytearray):
        super().__init__([])
        self._sent = sent

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._sent += buffer

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        raise httpcore2.ReadError("nobody answers here")
