"""How one request spent its time and its bytes on the network."""

from dataclasses import dataclass

# What each part is called in a figure, in the order in which they follow one another.
PARTS = {
    "lookup_s": "name lookup",
    "connect_s": "connection",
    "tls_s": "TLS",
    "send_s": "request sent",
    "wait_s": "wait for the first byte",
    "first_token_s": "to the first token",
    "stream_s": "stream",
}


@dataclass(frozen=True, slots=True, repr=False)
class HttpTiming:
    """One request on the network, by the moments that the HTTP client itself reports.

    The parts follow one another without a gap, from the request to its last token. A part that
    did not take place is None: plain http has no TLS; a connection that was open already has no
    lookup, connection and TLS; a request that failed has nothing after its failure.

    Attributes:
        address: scheme, host and port that were connected to.
        lookup_s: seconds until the name had a number.
        connect_s: seconds until the connection stood; through a proxy, the proxy's consent too.
        tls_s: seconds of the handshake after which all is encrypted.
        send_s: seconds of writing the request, making it included.
        wait_s: seconds until the answer's first bytes, its headers, were there.
        first_token_s: seconds from there to the first token.
        stream_s: seconds from the first token to the last.
        bytes_sent: bytes of the request, headers included, before encryption.
        bytes_received: bytes of the answer, headers included, after decryption.
        reused: whether the connection was open already.
        proxy: address of the proxy that it went through, or None.
        origin: ``"measured"``, ``"recorded …"`` or ``"stand-in …"``, as of the `Reply`.
    """

    address: str
    lookup_s: float | None = None
    connect_s: float | None = None
    tls_s: float | None = None
    send_s: float | None = None
    wait_s: float | None = None
    first_token_s: float | None = None
    stream_s: float | None = None
    bytes_sent: int | None = None
    bytes_received: int | None = None
    reused: bool = False
    proxy: str | None = None
    origin: str = "measured"

    @property
    def parts(self) -> tuple[tuple[str, float], ...]:
        """Name and seconds of each part that took place, in order; their sum is `elapsed_s`."""
        parts = ((name, getattr(self, field)) for field, name in PARTS.items())
        return tuple((name, seconds) for name, seconds in parts if seconds is not None)

    @property
    def elapsed_s(self) -> float:
        """Seconds from the request to its last token, or to its failure."""
        return sum(seconds for _, seconds in self.parts)

    @property
    def summary(self) -> str:
        """The parts of this one request, in a line."""
        parts = ", ".join(f"{name} {1000 * seconds:.0f} ms" for name, seconds in self.parts)
        kept = "; the connection was open already" if self.reused else ""
        return f"{self.address}: {parts}{kept} ({self.origin}, one request)"

    def __repr__(self) -> str:
        return f"<HttpTiming {self.summary}>"
