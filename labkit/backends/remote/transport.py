"""Requests to one address, each sent and read by a thread of its own, and timed."""

import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx2

from labkit.backends.http_timing import HttpTiming
from labkit.checks import check_number

from .api_keys import Secret
from .discovery import is_loopback
from .http.bounds import BoundedTransport
from .http.errors import OF_SERVERS, Hints
from .http.network import find_proxy, open_network
from .http.tracer import Tracer
from .share import Share

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 120.0  # reading a long prompt on a slow machine, during which nothing comes
GLANCE_S = 0.1  # how often one who waits for a server looks whether to stop


def check_timeouts(connect_timeout_s: float, read_timeout_s: float) -> None:
    """Raises a ValueError unless both are seconds that can be waited."""
    check_number("connect_timeout_s", connect_timeout_s, "above 0", lambda x: x > 0)
    check_number("read_timeout_s", read_timeout_s, "above 0", lambda x: x > 0)


# Sends a request; gives the events that answer it, and hangs up at the end.
Send = Callable[[], AbstractContextManager[Iterator[Any]]]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Transport:
    """Where requests go, and how.

    Attributes:
        base_url: the address below which the interface lies.
        key: sent with each request, or None.
        connect_timeout_s: how long to wait for a connection.
        read_timeout_s: how long the server may send no event.
        hints: what somebody can do where it fails.
        network: what the HTTP client hands requests to; None: the network of this machine, through
            the proxy that the environment names.
        largest_event: bytes that an event, or a page of JSON, may have; None: as most servers.
        share: of the server, which no more of this user's requests take at once; None: all.
    """

    base_url: str
    key: Secret | None = None
    connect_timeout_s: float = CONNECT_TIMEOUT_S
    read_timeout_s: float = READ_TIMEOUT_S
    hints: Hints = OF_SERVERS
    network: httpx2.BaseTransport | None = field(default=None, repr=False)
    largest_event: int | None = None
    share: Share | None = None

    @property
    def proxy(self) -> str | None:
        """The proxy in between; none is asked for what is on this machine."""
        return None if self.network or is_loopback(self.base_url) else find_proxy(self.base_url)

    def make_client(self) -> httpx2.Client:
        """An HTTP client that sends the key with each request, and follows no redirect."""
        network = self.network or open_network(self.proxy)
        return httpx2.Client(
            timeout=httpx2.Timeout(self.read_timeout_s, connect=self.connect_timeout_s),
            transport=BoundedTransport(network, self.base_url, self.key, self.largest_event),
            trust_env=False,
            follow_redirects=False,
        )

    def open(self, send: Send) -> "Exchange":
        """A request, which is sent when its first event is asked for."""
        patience_s = self.connect_timeout_s + self.read_timeout_s
        return Exchange(send, Tracer(self.base_url, self.proxy), patience_s, self.share)

    def ask(self, question: Callable[[], T]) -> T:
        """What a function of the client returns, which has as much time as an event."""
        exchange = self.open(lambda: nullcontext(iter([question()])))
        try:
            return next(answer for _, answer in exchange.events())
        except BaseException:  # an interrupt too: nobody waits for the answer any more
            exchange.stop()
            raise


class Exchange:
    """One request and the events that answer it.

    A server that reads a long prompt, or stalls, is silent for minutes; a thread that waits for the
    network cannot be stopped by another, nor on Windows by the learner. So a thread of its own
    reads here. It holds on to nothing of the learner's: an abandoned answer is hung up on too.

    Headers, comments and error pages that come drop by drop are silence: only events count.
    """

    def __init__(self, send: Send, tracer: Tracer, patience_s: float, share: Share | None = None):
        self._send, self._tracer, self._patience_s = send, tracer, patience_s
        self._share = share
        self._stopped, self._ended = tracer.stopped, False
        self._began = self._heard = 0.0
        self._came: queue.SimpleQueue = queue.SimpleQueue()

    def events(self) -> Generator[tuple[float, Any]]:
        """Each event with its seconds from the request; raises what the client raised."""
        free = self._share.take(self._stopped) if self._share else lambda: None
        if free is None:
            return
        self._began = self._heard = time.perf_counter()
        threading.Thread(target=self._read, args=(free,), daemon=True).start()
        while not self._stopped.is_set():
            try:
                came = self._came.get(timeout=GLANCE_S)
            except queue.Empty:
                if time.perf_counter() - self._heard < self._patience_s:
                    continue
                self.stop()
                raise httpx2.ReadTimeout("no event") from None
            if came is None or self._stopped.is_set():  # no more; or hung up, which is no error
                return
            if isinstance(came, BaseException):
                raise came
            yield came[0] - self._began, came[1]

    def stop(self) -> None:
        """Hangs up, so that the server stops too; before it is connected, nothing will be sent."""
        self._stopped.set()
        connection = self._tracer.connection
        if connection and not self._ended:  # it may be another's from then on
            with suppress(OSError):  # it has hung up itself
                connection.shut_down()

    @property
    def accepted(self) -> bool:
        """Whether the server may charge for it; assumed while it is under way."""
        answered = self._heard > self._began
        return bool(self._began) and (answered or not self._ended or self._tracer.accepted)

    def timing(self, first_s: float | None, last_s: float | None, origin: str) -> HttpTiming | None:
        """How it spent its time, by the seconds to its first and last token; None if not sent."""
        times = (None if each is None else self._began + each for each in (first_s, last_s))
        return self._tracer.timing(self._began, *times, origin=origin)

    def _read(self, free: Callable[[], object]) -> None:
        last = None
        try:
            with ExitStack() as answer:
                answer.callback(
                    free
                )  # when the server is done, also with an answer that nobody reads
                with self._tracer:
                    events = answer.enter_context(self._send())
                for event in events:
                    self._heard = time.perf_counter()
                    self._came.put((self._tracer.arrived, event))
        except BaseException as error:  # raised where the events are read
            last = error
        self._ended = True
        self._came.put(last)
