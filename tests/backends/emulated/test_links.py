"""The emulated link: its delays by computation, and on a real connection."""

import contextlib
import http.server
import random
import socket
import ssl
import statistics
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.backends.emulated.links import LINKS, Link, find_link
from labkit.backends.emulated.tcp_relay import HOST, Relay, _Direction

from ..measured_again import quickest

LINK = st.builds(
    Link, st.floats(0, 2), st.floats(0, 0.2), st.none() | st.floats(1e4, 1e9), st.floats(0, 0.5)
)


@given(
    link=LINK,
    packets=st.lists(st.tuples(st.floats(0, 0.1), st.integers(0, 1460)), min_size=1, max_size=40),
    seed=st.integers(0, 99),
)
def test_packets_keep_their_order_and_never_beat_the_link(link, packets, seed):
    way, now, arrivals, bits = _Direction(link, random.Random(seed)), 0.0, [], 0
    for gap, size in packets:
        now += gap
        bits += 8 * size
        arrivals.append(way.arrival(now, size))
        if not link.jitter_s:
            assert arrivals[-1] >= (now + link.round_trip_s / 2) * (1 - 1e-9)
        least = bits / (link.bandwidth_bits_per_s or float("inf"))
        assert arrivals[-1] >= least * (1 - 1e-9)  # sums of floats, in another order
    assert arrivals == sorted(arrivals)


def test_what_is_sent_at_once_queues():
    way = _Direction(Link(0.1, bandwidth_bits_per_s=1e6), random.Random(0))
    arrivals = [way.arrival(0.0, 1250) for _ in range(3)]  # 10 ms each
    assert arrivals == pytest.approx([0.06, 0.07, 0.08])


def test_a_lost_packet_stalls_all_behind_it():
    dice = random.Random(1)
    dice.gauss = lambda mean, _: mean
    dice.random = iter([0.0, 0.9, 0.9]).__next__  # the first is lost once, the second is not
    way = _Direction(Link(0.1, loss=0.5), dice)
    first, second = way.arrival(0.0, 100), way.arrival(0.01, 100)
    assert first == pytest.approx(0.05 + 0.1 + 0.2) and second == first


def test_jitter_and_loss_are_as_asked():
    way = _Direction(Link(0.2, jitter_s=0.01), random.Random(3))
    delays = [way.delay(0.2) for _ in range(4000)]
    assert statistics.mean(delays) == pytest.approx(0.1, rel=0.02)
    assert statistics.stdev(delays) == pytest.approx(0.01, rel=0.1)
    way = _Direction(Link(0.0, loss=0.1), random.Random(3))
    lost = sum(way.delay(1.0) > 0 for _ in range(4000)) / 4000
    assert lost == pytest.approx(0.1, abs=0.02)


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        ({"round_trip_s": -1}, "round_trip_s must be a number, 0 to 60; got -1"),
        ({"round_trip_s": float("nan")}, "round_trip_s must be"),
        ({"round_trip_s": 0.1, "loss": 1}, "loss must be a number, at least 0 and below 1; got 1"),
        ({"round_trip_s": 0.1, "jitter_s": "1"}, "jitter_s must be a number"),
        ({"round_trip_s": 0.1, "bandwidth_bits_per_s": 0}, "bandwidth_bits_per_s must be"),
        ({"round_trip_s": 0.1, "queue_s": 61}, "queue_s must be a number, 0 to 60; got 61"),
    ],
)
def test_bad_links(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        Link(**arguments)


def test_presets_tell_their_sources():
    assert all(link.source and link.summary for link in LINKS.values())
    assert find_link("ocean") is LINKS["ocean"] and find_link(Link(1)) == Link(1)
    assert LINKS["satellite"].round_trip_s == pytest.approx(4 * 41_679e3 / 299_792_458, rel=0.01)
    assert LINKS["ocean"].round_trip_s == pytest.approx(2 * 8_000e3 / 200_000e3)
    with pytest.raises(
        ValueError, match=r"link must be a Link or one of none, fibre, .* got 'moon'"
    ):
        find_link("moon")


class Echo(http.server.BaseHTTPRequestHandler):
    """Sends back what it gets, and hangs up, as llama.cpp does after a stream."""

    def do_POST(self):
        told = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(told)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *_):
        pass


@pytest.fixture
def echo():
    """The port of that server."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture
def relay(echo):
    """``relay(link)`` in front of the echo."""
    running = []

    def start(link):
        running.append(Relay(link, echo, seed=1))
        return running[-1]

    yield start
    for each in running:
        each.close()


def enter(relay, host=HOST):
    """A plain connection to the relay, and its answer to CONNECT."""
    near = socket.create_connection(("127.0.0.1", int(relay.proxy.rpartition(":")[2])), timeout=30)
    near.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    return near, near.recv(4096)


def ask(way, told):
    """A request over an encrypted connection, and the body of its answer."""
    way.sendall(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(told) + told)
    got = b""
    while b"\r\n\r\n" not in got or len(got.partition(b"\r\n\r\n")[2]) < len(told):
        piece = way.recv(65536)
        assert piece, "hung up"
        got += piece
    return got.partition(b"\r\n\r\n")[2]


@pytest.mark.alone
@pytest.mark.parametrize("part", ["open", "tls", "message"])
def test_every_round_trip_takes_its_time(relay, part):
    """Opening a connection, the handshake of TLS 1.3 and a message each cost one."""
    way = relay(Link(0.08))

    def measure():
        at = [time.perf_counter()]
        near, told = enter(way)
        at.append(time.perf_counter())
        assert told.startswith(b"HTTP/1.1 200")
        with way.trusted.wrap_socket(near, server_hostname=HOST) as secure:
            at.append(time.perf_counter())
            assert ask(secure, b"ping") == b"ping" and secure.version() == "TLSv1.3"
        at.append(time.perf_counter())
        place = ["open", "tls", "message"].index(part)
        return at[place + 1] - at[place]

    assert quickest(measure, 0.08) == pytest.approx(0.08, rel=0.1)


def test_a_narrow_link_takes_longer_for_more(relay):
    way = relay(Link(0.0, bandwidth_bits_per_s=1e6))
    near, _ = enter(way)
    secure = way.trusted.wrap_socket(near, server_hostname=HOST)
    told, began = bytes(25_000), time.perf_counter()
    assert ask(secure, told) == told
    assert time.perf_counter() - began > 0.4, "0.2 s each way"
    secure.close()


def test_the_far_end_keeps_the_connection_though_the_server_does_not(relay):
    near, _ = enter(way := relay(Link(0.0)))
    secure = way.trusted.wrap_socket(near, server_hostname=HOST)
    assert [ask(secure, b"%d" % n) for n in range(3)] == [b"0", b"1", b"2"]
    secure.close()


def test_only_the_stand_in_is_reached_and_only_by_who_trusts_it(relay):
    way = relay(Link(0.0))
    near, told = enter(way, "example.com")
    assert told.startswith(b"HTTP/1.1 403")
    near.close()
    near, _ = enter(way)
    with pytest.raises(ssl.SSLCertVerificationError, match="verify failed"):
        ssl.create_default_context().wrap_socket(near, server_hostname=HOST)
    near, _ = enter(relay(Link(0.0)))
    with pytest.raises(ssl.SSLCertVerificationError):  # another relay has another certificate
        way.trusted.wrap_socket(near, server_hostname=HOST)


def test_closing_ends_every_connection(relay):
    way = relay(Link(0.01))
    near, _ = enter(way)
    secure = way.trusted.wrap_socket(near, server_hostname=HOST)
    way.close()
    way.close()
    secure.settimeout(5)
    with contextlib.suppress(ConnectionError):
        assert secure.recv(10) == b""
    with pytest.raises(ConnectionError):
        enter(way)
