"""The watch: nothing is listed where nothing is attempted, and every kind of attempt is."""

import _socket
import asyncio
import contextlib
import ctypes
import os
import socket
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request

import nbformat
import pytest
from nbclient import NotebookClient

import labkit
from labkit.topics.privacy.network import audit_hook
from labkit.topics.privacy.network.connection_log import is_loopback
from labkit.topics.privacy.network.offline import ROOT

AWAY = ("192.0.2.1", 443)  # RFC 5737: never assigned; only tried where it is refused


def connect(address):
    """As Python does it, below pytest-socket, which would stop it before the audit event."""
    sock = _socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.connect(address)
    finally:
        sock.close()


def read_twice(watch):
    """Until the table was read twice more; a busy machine takes its time."""
    seen = watch.log.reads
    deadline = time.monotonic() + 30
    while watch.log.reads < seen + 2 and time.monotonic() < deadline:
        time.sleep(0.01)


def native_connection(address):
    """A connection of the C library's, which causes no audit event."""
    libc = ctypes.CDLL(None)
    number = libc.socket(socket.AF_INET, socket.SOCK_STREAM, 0)
    name = struct.pack("=H", socket.AF_INET) + struct.pack("!H", address[1])
    assert libc.connect(number, name + socket.inet_aton(address[0]) + bytes(8), 16) == 0
    return lambda: libc.close(number)


def test_nothing_tried_is_an_empty_list_and_says_what_it_cannot_see():
    with labkit.watch_network() as watch:
        sum(range(1000))
    assert watch.log.attempts == ()
    assert "no connection was tried" in watch.summary and "measured" in watch.summary
    assert any("native code" in sentence for sentence in watch.log.cannot_see)
    assert watch.log.reads >= 1


def test_a_connection_is_listed_with_address_bytes_and_caller(listener):
    with labkit.watch_network() as watch, socket.create_connection(listener) as sock:
        sock.sendall(b"x" * 1000)
        assert sock.recv(10) == b"hello"
        read_twice(watch)
    (attempt,) = watch.log.attempts
    assert (attempt.address, attempt.port) == listener and attempt.is_local
    assert attempt.process == "this process" and not attempt.refused
    assert attempt.caller.startswith("tests/topics/privacy/network/test_network_watch.py, line ")
    if sys.platform == "linux":
        assert attempt.seen_by == "audit hook and system table"
        assert (attempt.bytes_sent, attempt.bytes_received) == (1000, 5)


def test_a_connection_that_was_open_before_is_not_listed(listener):
    with socket.create_connection(listener) as sock, labkit.watch_network() as watch:
        sock.sendall(b"x")
        read_twice(watch)
    assert watch.log.attempts == ()


def test_two_connections_to_one_address_are_two(listener):
    with labkit.watch_network() as watch, contextlib.ExitStack() as both:
        for _ in range(2):
            both.enter_context(socket.create_connection(listener))
        read_twice(watch)
    assert len(watch.log.attempts) == 2


def test_connections_to_this_process_are_not_listed():
    with labkit.watch_network() as watch, socket.create_server(("127.0.0.1", 0)) as server:
        code = f"import socket, time; s = socket.create_connection({server.getsockname()!r});"
        child = subprocess.Popen([sys.executable, "-c", f"{code} time.sleep(30)"])
        connection, _ = server.accept()
        with connection:
            read_twice(watch)
        child.kill()
        child.wait()
    listed = watch.log.attempts
    assert [each.process == "this process" for each in listed] == [False], listed


def run_script(folder, text, listener):
    """What it prints in a process of its own: here pytest-socket stands between."""
    script = folder / "script.py"
    script.write_text(text.format(url=f"http://127.0.0.1:{listener[1]}"))
    return subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    ).stdout


LIBRARY = """
import contextlib, httpx2, labkit
with labkit.watch_network() as watch, contextlib.suppress(httpx2.HTTPError):
    httpx2.get({url!r}, trust_env=False)
(attempt,) = watch.log.attempts
print(attempt.library, "|", attempt.caller)
"""


@pytest.mark.slow
def test_the_library_that_connects_is_named(listener, tmp_path):
    output = run_script(tmp_path, LIBRARY, listener)
    library, caller = output.strip().split(" | ")
    assert library.startswith("httpcore2/")
    assert caller == "script.py, line 4"


THREADS = """
import labkit
model = labkit.connect({url!r}, "m", kind="vLLM", read_timeout_s=0.5)
with labkit.watch_network() as watch:
    labkit.compare("Hi", [model])
(attempt,) = watch.log.attempts
print(attempt.caller)
"""


def test_in_a_thread_of_the_labs_the_lab_is_the_caller(listener, tmp_path):
    output = run_script(tmp_path, THREADS, listener)
    assert output.startswith("labkit/backends/remote/transport.py, line ")


@pytest.mark.slow
def test_a_notebook_cell_is_named_by_its_number(listener):
    cells = [
        "import labkit as lab\nwatch = lab.watch_network()",
        f"with watch:\n    lab.privacy.try_connection(*{listener!r})",
        "(attempt,) = watch.log.attempts\nprint(attempt.caller, attempt.library)",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    ran = NotebookClient(notebook, resources={"metadata": {"path": str(ROOT)}}).execute()
    assert ran.cells[2].outputs[0].text == "notebook cell [2], line 2 None\n"


@pytest.mark.skipif(sys.platform == "win32", reason="the C library's connect is Winsock's there")
def test_native_code_is_seen_in_the_table_while_its_connection_is_open(listener):
    with labkit.watch_network() as watch:
        close = native_connection(listener)
        read_twice(watch)
        close()
    (attempt,) = watch.log.attempts
    assert attempt.seen_by == "system table" and attempt.library is None
    assert (attempt.address, attempt.port) == listener


def test_a_child_process_is_seen_and_named(listener):
    code = f"import socket; s = socket.create_connection({listener!r}); print(); input()"
    with labkit.watch_network() as watch:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen([sys.executable, "-c", code], **pipes) as child:
            child.stdout.readline()
            read_twice(watch)
            child.communicate(b"\n")
    (attempt,) = watch.log.attempts
    assert attempt.process != "this process" and attempt.seen_by == "system table"
    assert watch.log.children and "python" in watch.log.children[0]


def test_asyncio_is_recorded_too(listener):
    async def ask():
        _, writer = await asyncio.open_connection(*listener)
        writer.close()

    with labkit.watch_network() as watch:
        asyncio.run(ask())
    assert [(each.address, each.port) for each in watch.log.attempts] == [listener]


def test_refused_connections_never_happen_and_look_like_nobody_answered(listener):
    with labkit.watch_network(refuse=True) as watch:
        with pytest.raises(ConnectionRefusedError, match="labkit refused"):
            connect(listener)
        with pytest.raises(ConnectionRefusedError):
            connect(AWAY)
        with pytest.raises(socket.gaierror, match="labkit refused"):
            _socket.getaddrinfo("no-such-name.example", 443)
        with pytest.raises(urllib.error.URLError):
            urllib.request.urlopen(f"http://{listener[0]}:{listener[1]}", timeout=5)
    assert len(watch.log.refused) == len(watch.log.attempts) == 4
    assert [each.host for each in watch.log.attempts if each.kind == "lookup"] == [
        "no-such-name.example"
    ]
    connect(listener)  # over: it works again


def test_the_name_of_a_number_is_a_lookup_too():
    with labkit.watch_network(refuse=True) as watch:
        for look_up, address in ((socket.gethostbyaddr, AWAY[0]), (socket.getnameinfo, (AWAY, 0))):
            with pytest.raises(socket.gaierror, match="labkit refused"):
                look_up(*address) if isinstance(address, tuple) else look_up(address)
        socket.gethostbyaddr("127.0.0.1")  # stays here
    assert [(each.kind, each.host) for each in watch.log.refused] == [("lookup", AWAY[0])] * 2


def test_a_shell_is_listed_as_a_program_and_is_not_stopped():
    with labkit.offline() as watch:
        os.system("exit 0")
    assert "a shell" in watch.log.children
    assert any("no other program" in sentence for sentence in watch.log.cannot_see)


def test_offline_lets_the_loopback_through_and_nothing_else(listener):
    with labkit.offline() as watch:
        connect(listener)
        with pytest.raises(ConnectionRefusedError):
            connect(AWAY)
    assert [each.refused for each in watch.log.attempts] == [False, True]
    assert [each.address for each in watch.log.leaving] == [AWAY[0]]


def test_offline_can_close_the_loopback_too(listener):
    with labkit.offline(loopback=False), pytest.raises(ConnectionRefusedError):
        connect(listener)


def test_datagrams_to_one_address_are_one_attempt():
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with labkit.offline() as watch, sock:
        for _ in range(3):
            with pytest.raises(ConnectionRefusedError):
                sock.sendto(b"x", ("192.0.2.1", 53))
    (attempt,) = watch.log.attempts
    assert attempt.kind == "datagrams" and attempt.refused


def test_a_name_is_kept_with_the_number_that_was_connected_to(listener, monkeypatch):
    with labkit.offline() as watch:
        audit_hook._last_lookup.name = ("api.example.com", 443)
        with pytest.raises(ConnectionRefusedError):
            connect(AWAY)
    assert watch.log.attempts[0].target == "api.example.com (192.0.2.1), port 443"


def test_watches_nest_and_each_is_for_once(listener):
    with labkit.watch_network() as outer:
        with labkit.watch_network() as inner:
            connect(listener)
        connect(listener)
    assert len(inner.log.attempts) == 1 and len(outer.log.attempts) == 2
    with pytest.raises(ValueError, match="for one 'with'"), inner:
        pass


@pytest.mark.parametrize(
    ("verb", "arguments", "sentence"),
    [
        (labkit.watch_network, {"refuse": "yes"}, "refuse must be True or False; got 'yes'"),
        (labkit.offline, {"loopback": 1}, "loopback must be True or False; got 1"),
    ],
)
def test_bad_arguments_are_named(verb, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        verb(**arguments)


@pytest.mark.parametrize(
    ("host", "answer"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("::ffff:127.0.0.1", True),
        ("0.0.0.0", True),
        ("::", True),
        ("fe80::1%eth0", False),
        ("10.0.0.1", False),
        ("localhost.example", False),
        (None, False),
        ("", False),
    ],
)
def test_the_loopback_is_known_by_its_spelling(host, answer):
    assert is_loopback(host) is answer


@pytest.mark.parametrize("name", ["api..example.com", "a" * 300])
def test_a_name_that_no_machine_can_have_gets_a_sentence(name):
    assert labkit.privacy.try_connection(name, 443) == "no name of a machine has this form"


@pytest.mark.slow
def test_local_generation_tries_nothing_and_runs_offline(smollm2):
    with labkit.offline(loopback=False) as watch:
        reply = labkit.generate(smollm2, "Why is the sky blue?", temperature=0, max_tokens=12)
    assert reply.text and watch.log.attempts == ()


@pytest.fixture(scope="module")
def local_server(smollm2):
    """llama.cpp's own server on the loopback, and a backend that asks it."""
    pytest.importorskip("xllamacpp", reason="pip install 'labkit[llamacpp]'")
    engine = labkit.load_llamacpp("smollm2-135m")
    address, key = engine.listening
    yield labkit.connect(address, api_key=key), address
    engine.close()


@pytest.mark.slow
def test_a_server_of_this_machine_is_the_one_connection_there_is(local_server):
    asked, address = local_server  # by `connect`: a fresh connection now
    key = asked.transport.key.reveal()
    model = labkit.connect(address, asked.model, kind=asked.kind, api_key=key)
    with labkit.watch_network() as watch:
        running = iter(labkit.stream(model, "Why is the sky blue?", temperature=0, max_tokens=12))
        first = next(running)
        read_twice(watch)  # of all twelve a fast machine's server is done between two reads
        rest = list(running)
    assert first and rest
    (attempt,) = watch.log.attempts
    assert attempt.is_local and attempt.port == int(address.rpartition(":")[2].strip("/"))
    assert attempt.library.startswith(("httpcore2/", "pytest_socket/"))
    if sys.platform == "linux":
        assert attempt.bytes_sent > 200 and attempt.bytes_received > 1000


@pytest.mark.slow
def test_llamacpp_in_this_process_tries_nothing(local_server):
    engine = labkit.load_llamacpp("smollm2-135m")
    with labkit.watch_network(refuse=True) as watch:
        reply = labkit.generate(engine, "Why is the sky blue?", temperature=0, max_tokens=8)
    engine.close()
    assert reply.text and watch.log.attempts == ()
