"""A connection that counts its bytes."""

import ssl
import time
from typing import Any

import httpcore2


class CountedConnection(httpcore2.NetworkStream):
    """A connection that counts the bytes of HTTP on it; each request begins anew.

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

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """See httpcore2."""
        timeout = timeout if self.patience_s is None else self.patience_s
        data = self._stream.read(max_bytes, timeout)
        self.read_at = time.perf_counter()
        self.received += len(data)
        return data

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
    ) -> "CountedConnection":
        """See httpcore2; counted from here on is what is inside the encryption."""
        return CountedConnection(self._stream.start_tls(ssl_context, server_hostname, timeout))

    def close(self) -> None:
        """See httpcore2."""
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        """See httpcore2."""
        return self._stream.get_extra_info(info)
