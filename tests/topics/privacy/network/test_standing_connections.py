"""What was open before a watch: the lab's own is closed, all else is listed with its traffic."""

import _socket
import contextlib
import http.client
import http.server
import os
import socket
import sys
import threading

import httpcore2
import httpx2
import pytest

import labkit
from labkit.backends.remote.http.network import open_network
from labkit.backends.remote.http.tracer import CountedConnection, hang_up
from labkit.topics.privacy.network import network_watch
from labkit.topics.privacy.network.connection_log import NetworkLog, StandingConnection
from labkit.topics.privacy.network.figures import network_figure

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts a socket's bytes")
SENDS = {
    "send": lambda sock: sock.send(b"x" * 1000),
    "os.write": lambda sock: os.write(sock.fileno(), b"x" * 1000),
    "another socket object": lambda sock: sock.dup().sendall(b"x" * 1000),
    "sendmsg": lambda sock: sock.sendmsg([b"x" * 1000]),
}


def connection_to(address, log):
    """The one to there: tests before this one may have left others open in the process."""
    (found,) = (each for each in log.standing if (each.address, each.port) == address)
    return found


@linux
@pytest.mark.parametrize("send", SENDS.values(), ids=SENDS)
def test_what_is_sent_over_an_open_connection_is_counted(listener, send):
    with socket.create_connection(listener) as sock:
        assert sock.recv(10) == b"hello"
        with labkit.offline() as watch:
            send(sock)
    standing = connection_to(listener, watch.log)
    assert (standing.address, standing.port) == listener and standing.is_local
    assert (standing.bytes_sent, standing.bytes_received) == (1000, 0)
    assert watch.log.attempts == ()


@linux
def test_a_client_of_the_standard_library_is_listed_too(web_server):
    client = http.client.HTTPConnection(*web_server)
    client.request("GET", "/")
    client.getresponse().read()
    with labkit.watch_network() as watch:
        client.request("GET", "/again")
        assert client.getresponse().read() == b"well"
    client.close()
    standing = connection_to(web_server, watch.log)
    assert standing.bytes_sent > 50 and standing.bytes_received > 50


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"well")

    def log_message(self, *args):
        pass


@pytest.fixture
def web_server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address
        server.shutdown()


@pytest.mark.parametrize("loopback", [True, False])
def test_the_labs_own_clients_close_and_are_refused(web_server, loopback):
    address = f"http://127.0.0.1:{web_server[1]}/"
    with httpx2.Client(transport=open_network(), trust_env=False) as client:
        assert client.get(address).text == "well"  # and its connection is kept
        with labkit.offline(loopback=loopback) as watch:
            if loopback:
                assert client.get(address).text == "well"
            else:
                with pytest.raises(httpx2.ConnectError, match="labkit refused"):
                    client.get(address)
        assert [each.refused for each in watch.log.attempts] == [True] * (not loopback)
        assert client.get(address).text == "well"  # over: it works again


def test_hanging_up_spares_what_is_to_be_kept(listener):
    stream = CountedConnection(httpcore2.SyncBackend().connect_tcp(*listener))
    hang_up(lambda address: address == "127.0.0.1")
    assert stream.read(10) == b"hello"
    hang_up(lambda address: False)
    assert stream.read(10) == b""
    stream.close()
    hang_up(lambda address: False)


def test_the_hubs_connections_are_closed(monkeypatch):
    closed = []
    hub = type(sys)("huggingface_hub")
    hub.close_session = lambda: closed.append(True)
    monkeypatch.setitem(network_watch.sys.modules, "huggingface_hub", hub)
    with labkit.watch_network():
        assert not closed
    with labkit.offline():
        assert closed


def away(sent):
    return StandingConnection("this process", "192.0.2.1", 443, sent, sent)


@pytest.mark.parametrize(
    ("standing", "sentence"),
    [
        ([away(0)], "1 off the machine open before (0 bytes sent)"),
        ([away(1200), away(None)], "2 off the machine open before (1,200 bytes sent, unknown for"),
    ],
)
def test_the_result_itself_says_so(standing, sentence):
    log = NetworkLog((), 1.0, 3, (), standing=tuple(standing))
    assert sentence in log.summary and "open before: 192.0.2.1, port 443" in repr(log)
    figure = network_figure(log).html
    assert "192.0.2.1" in figure and ("✓" in figure) is (standing == [away(0)])


def test_the_result_says_what_it_cannot_see():
    with labkit.offline() as watch:
        pass
    assert "cannot_see" in watch.summary
    for sentence in watch.log.cannot_see:
        assert sentence in repr(watch)
    assert any("open before" in sentence for sentence in watch.log.cannot_see)


CONNECTS = {
    "connect": lambda sock, address: sock.connect(address),
    "connect_ex": lambda sock, address: sock.connect_ex(address),
    "sendto": lambda sock, address: sock.sendto(b"x", address),
    "sendmsg": lambda sock, address: sock.sendmsg([b"x"], [], 0, address),
    "bind": lambda sock, address: sock.bind(address),
}


@pytest.mark.parametrize("connect", CONNECTS.values(), ids=CONNECTS)
def test_a_name_is_refused_before_it_is_looked_up(connect):
    methods = [getattr(socket.socket, name) for name in CONNECTS]
    kind = socket.SOCK_DGRAM if "send" in connect.__code__.co_names[0] else socket.SOCK_STREAM
    refused = pytest.raises(socket.gaierror, match="labkit refused")
    with socket.socket(socket.AF_INET, kind) as sock, labkit.offline() as watch, refused:
        connect(sock, ("no-such-name.example", 443))
    assert [(each.kind, each.host) for each in watch.log.attempts] == [
        ("lookup", "no-such-name.example")
    ]
    assert [getattr(socket.socket, name) for name in CONNECTS] == methods


def test_this_machines_name_is_one_attempt_with_its_bytes(listener):
    with labkit.offline() as watch, socket.socket() as sock:
        sock.connect(("localhost", listener[1]))
        sock.sendall(b"x")
        deadline = watch.log.reads + 3
        while watch.log.reads < deadline:
            pass
    (attempt,) = watch.log.attempts
    assert attempt.is_local and attempt.target == f"localhost, port {listener[1]}"


class Loopback(str):
    """A text that says it is another."""

    def __str__(self):
        return "127.0.0.1"


class Pair(tuple):
    """The same of a tuple."""

    def __getitem__(self, index):
        return ("127.0.0.1", 443)[index]


@pytest.mark.parametrize("address", [(Loopback("192.0.2.1"), 443), Pair(("192.0.2.1", 443))])
def test_an_address_is_what_the_system_reads(address):
    with labkit.offline() as watch, pytest.raises(ConnectionRefusedError, match="labkit"):
        _socket.socket().connect(address)
    assert watch.log.attempts[0].address == "192.0.2.1"


def test_a_refused_name_is_not_that_of_the_next_address():
    with labkit.offline() as watch:
        with pytest.raises(socket.gaierror):
            _socket.getaddrinfo("api.example.com", 443)
        with pytest.raises(ConnectionRefusedError):
            _socket.socket().connect(("192.0.2.1", 443))
    assert watch.log.attempts[1].target == "192.0.2.1, port 443"


def test_only_the_standard_librarys_socket_pair_passes():
    def my_socketpair():
        _socket.socket().connect(("192.0.2.1", 443))

    with labkit.offline() as watch, pytest.raises(ConnectionRefusedError):
        my_socketpair()
    assert [each.refused for each in watch.log.attempts] == [True]


def test_no_further_interpreter_starts_offline():
    interpreters = pytest.importorskip("_xxsubinterpreters")
    with labkit.offline() as watch, pytest.raises(RuntimeError):
        interpreters.create()
    assert watch.log.children == ("another Python interpreter in this process",)
    with labkit.watch_network() as watch:
        interpreters.destroy(interpreters.create())
    assert watch.log.children == ("another Python interpreter in this process",)
    with contextlib.suppress(RuntimeError):
        interpreters.destroy(interpreters.create())  # over: it works again
