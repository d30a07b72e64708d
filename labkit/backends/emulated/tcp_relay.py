"""A wide-area link in front of a server of this machine: what a cloud's network adds.

A client goes to the relay here as to a proxy (HTTP's CONNECT), whose consent takes as long as
opening a connection over the link would; then every byte is encrypted and held back.
Not emulated are the name lookup and TCP's slow start, which matter little for texts.
"""

import asyncio
import random
import ssl
import threading
from contextlib import suppress

from labkit.errors import LabError

from .links import Link

HOST = "stand-in.test"  # a name that can exist nowhere: RFC 6761
PACKET_BYTES = 1460  # of TCP's data in one of Ethernet's frames
# How long TCP waits for a packet's receipt before it sends it again: for the first packet of a
# connection (RFC 6298, 2.1), and beyond the round trip later on (Linux, TCP_RTO_MIN).
FIRST_RESEND_S, RESEND_S = 1.0, 0.2
GLANCE_S = 0.1  # how often the remote end looks whether the client is still there
# How a connection can end: from either side, with half a request, or with the relay itself.
HUNG_UP = OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError


class _Direction:
    """One direction of a link, for one connection; bytes keep their order."""

    def __init__(self, link: Link, dice: random.Random):
        self._link, self._dice = link, dice
        self._free = self._last = 0.0

    def arrival(self, now: float, size: int) -> float:
        """When a packet of n bytes, sent now, is at the other end."""
        rate = self._link.bandwidth_bits_per_s
        self._free = max(now, self._free) + (8 * size / rate if rate else 0)
        self._last = max(self._last, self._free + self.delay(RESEND_S))
        return self._last

    def delay(self, resend_s: float) -> float:
        """Seconds of one packet on its way, its being lost and sent again included."""
        usual = self._link.round_trip_s / 2
        delay = max(0.0, self._dice.gauss(usual, self._link.jitter_s))
        while self._dice.random() < self._link.loss:
            delay += self._link.round_trip_s + resend_s
            resend_s *= 2
        return delay


class Relay:
    """A link in front of a server of this machine, with TLS at its remote end; it runs at once.

    Args:
        link: what to emulate.
        port: where the server listens on 127.0.0.1.
        seed: of the dice for jitter and loss; None: another one each time.
    Attributes:
        link: what is emulated.
        proxy: the address to go through.
        trusted: trusts the remote end's certificate, which was made at the start, and no other.
    """

    def __init__(self, link: Link, port: int, *, seed: int | None = None):
        self.link, self._port, self._dice = link, port, random.Random(seed)
        served, self.trusted = _certificates()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        remote = self._run(asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=served))
        local = self._run(asyncio.start_server(self._admit, "127.0.0.1", 0))
        self._servers = remote, local
        self._remote_port, local_port = (each.sockets[0].getsockname()[1] for each in self._servers)
        self.proxy = f"http://127.0.0.1:{local_port}"

    def _run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    @property
    def is_open(self) -> bool:
        """Whether it was not closed."""
        return not self._loop.is_closed()

    def close(self) -> None:
        """Ends it, and every connection through it."""
        if not self.is_open:
            return
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        for server in self._servers:
            server.close()
        running = asyncio.all_tasks() - {asyncio.current_task()}
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _admit(self, reader, writer) -> None:
        """The local end: a client that asks for `HOST` is let in, a round trip later."""
        with suppress(*HUNG_UP):
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(f"CONNECT {HOST}:443 ".encode()):
                writer.write(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
                return writer.close()
            there, back = (_Direction(self.link, self._dice) for _ in "12")
            await asyncio.sleep(there.delay(FIRST_RESEND_S) + back.delay(FIRST_RESEND_S))
            source, sink = await asyncio.open_connection("127.0.0.1", self._remote_port)
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await _both(_carry(reader, sink, there), _carry(source, writer, back))
            sink.close()
        writer.close()

    async def _serve(self, reader, writer) -> None:
        """The remote end, inside the encryption, as a cloud's front end: connections are kept."""
        with suppress(*HUNG_UP):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                body = await reader.readexactly(_length(head))
                await asyncio.sleep(self.link.queue_s)
                request = _keeping(head)[:-2] + b"Connection: close\r\n\r\n" + body
                await self._ask(request, reader, writer)
        writer.close()

    async def _ask(self, request: bytes, asker, writer) -> None:
        """One request to the server, on a connection of its own: llama.cpp keeps none."""
        inner, asking = await asyncio.open_connection("127.0.0.1", self._port)
        asking.write(request)
        try:
            writer.write(_keeping(await inner.readuntil(b"\r\n\r\n")))
            while data := await _read_for(asker, inner):
                writer.write(data)
                await writer.drain()
        finally:
            asking.close()


def _length(head: bytes) -> int:
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return int(lengths[0].partition(b":")[2]) if lengths else 0


def _keeping(head: bytes) -> bytes:
    """A head that says nothing of what becomes of the connection."""
    lines = head.split(b"\r\n")
    return b"\r\n".join(line for line in lines if not line.lower().startswith(b"connection:"))


async def _read_for(asker, reader) -> bytes:
    """What comes next; nothing where there is no more, or where the client has left."""
    coming = asyncio.ensure_future(_read(reader))
    try:
        while not coming.done() and not asker.at_eof():
            await asyncio.wait([coming], timeout=GLANCE_S)
        return coming.result() if coming.done() else b""
    finally:
        coming.cancel()


async def _both(*directions) -> None:
    """Runs both directions until the answer's has ended; without it the other has no use."""
    there, back = (asyncio.ensure_future(each) for each in directions)
    try:
        await back
    finally:
        there.cancel()
        await asyncio.gather(there, return_exceptions=True)


async def _carry(reader, writer, direction: _Direction) -> None:
    """Bytes from here to there, each packet when it arrives."""
    clock = asyncio.get_running_loop().time
    under_way: asyncio.Queue = asyncio.Queue()

    async def send() -> None:
        data = b"-"
        while data:
            data = await _read(reader)
            for start in range(0, max(1, len(data)), PACKET_BYTES):
                packet = data[start : start + PACKET_BYTES]
                under_way.put_nowait((direction.arrival(clock(), len(packet)), packet))

    sending = asyncio.ensure_future(send())
    try:
        while True:
            arrival, packet = await under_way.get()
            await asyncio.sleep(arrival - clock())
            if not packet:  # tells the other side that no more comes
                with suppress(OSError):
                    writer.write_eof()
                return
            writer.write(packet)
            await writer.drain()
    finally:
        sending.cancel()


async def _read(reader) -> bytes:
    """What came; nothing where the other side has hung up, however it did."""
    try:
        return await reader.read(65536)
    except OSError:
        return b""


def _certificates() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Contexts of a server with a fresh certificate for `HOST`, and of a client that trusts it."""
    try:
        import trustme
    except ImportError:
        raise LabError(
            "The stand-in needs the package trustme, which makes its certificate.",
            "pip install trustme, or with the lab: pip install '.[llamacpp]'.",
        ) from None
    authority = trustme.CA()
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(served)
    trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(trusted)
    return served, trusted
