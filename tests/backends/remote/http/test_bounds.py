"""Memory and time have an end, whatever a server sends; and nothing leaves but what is known."""

import contextlib
import gzip
import socket
import socketserver
import threading
import time

import httpx2
import pytest

import labkit
from labkit.backends.remote.http import bounds
from labkit.backends.remote.http.bounds import HEADERS, BoundedTransport
from labkit.topics.privacy.payload.request_capture import capture_request

from ...loopback import event, piece

END = b"data: [DONE]\n\n"
QUICK = {"connect_timeout_s": 0.3, "read_timeout_s": 0.5}


def ask(address, **timeouts):
    return labkit.generate(labkit.connect(f"{address}/v1", "m", kind="vLLM", **timeouts), "Hi")


def test_a_compressed_answer_is_refused_and_not_asked_for(scripted):
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\n\r\n"
    address, _ = scripted(gzip.compress(piece("x" * 1_000_000)), head=head)
    with pytest.raises(labkit.LabError, match="compressed answer"):
        ask(address)
    model = labkit.connect("http://127.0.0.1:9/v1", "m", kind="vLLM")
    captured = capture_request(model, "Hi", raw=False, policy=None)
    assert b"accept-encoding: identity\r\n" in captured.http.lower()


@pytest.mark.parametrize("size", [3000, 500_000])
@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b"\r\r"])
def test_an_event_has_a_largest_size(scripted, monkeypatch, size, end):
    """What came until then is kept; many small events are no large one."""
    monkeypatch.setattr(bounds, "LARGEST_EVENT", 20_000)
    large = piece("y" * size, finish_reason="stop").rstrip() + end
    address, _ = scripted(*[piece("x" * 100)] * 300, large, END)
    reply = ask(address)
    assert reply.text.startswith("x" * 30_000)
    assert reply.finish == ("stop" if size == 3000 else "failed")
    assert size == 3000 or "more than 0 MB as one event" in reply.error


def test_an_answer_has_a_largest_size(scripted, monkeypatch):
    monkeypatch.setattr(bounds, "LARGEST_ANSWER", 10_000)
    address, _ = scripted(*[piece("x" * 100)] * 2000)
    reply = ask(address)
    assert reply.finish == "failed" and "as an answer" in reply.error and reply.text


def test_of_an_error_page_the_beginning_is_read(scripted):
    """The rest, which here never ends, is not."""
    head = b"HTTP/1.1 500 Oh\r\nContent-Type: text/plain\r\n\r\nIt burns.\n"
    address, _ = scripted(*[b"x" * 100_000] * 10_000, head=head)
    with pytest.raises(labkit.LabError, match=r"failed \(status 500\): It burns\."):
        ask(address)


def test_a_list_of_models_has_a_largest_size(scripted, monkeypatch):
    monkeypatch.setattr(bounds, "LARGEST_EVENT", 1000)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
    address = listen_and_send(head + b'{"data": [' + b" \n\n" * 1000)
    with pytest.raises(labkit.LabError, match="as one event"):
        labkit.connect(f"{address}/v1", "m", kind="vLLM").models()


def listen_and_send(first, drip=b"", pause_s=0.05):
    """An address whose server sends this to each who asks, and then a drop now and then."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=answer, args=listener.accept(), daemon=True).start()

    def answer(connection, _):
        with connection, contextlib.suppress(OSError):
            connection.recv(65536)
            connection.sendall(first)
            for _ in range(400) if drip else ():
                connection.sendall(drip)
                time.sleep(pause_s)

    threading.Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
DRIPPING = {
    "headers": (b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"),
    "comments": (OK, b": still here\n\n"),
    "a line without end": (OK + b"data: ", b" "),
    "an error page": (b"HTTP/1.1 500 Oh\r\n\r\n", b"<"),
    "a refusal's headers": (b"HTTP/1.1 401 No\r\n", b"X-A: b\r\n"),
}


@pytest.mark.parametrize("first, drip", DRIPPING.values(), ids=DRIPPING)
def test_what_drips_is_silence(first, drip):
    began = time.monotonic()
    with pytest.raises(labkit.LabError, match=r"sent nothing for 0\.5 s, or nothing that counts"):
        ask(listen_and_send(first, drip), **QUICK)
    assert time.monotonic() - began < 10


def test_what_drips_in_the_middle_keeps_what_came():
    reply = ask(listen_and_send(OK + piece("Once "), b": still here\n\n"), **QUICK)
    assert (reply.text, reply.finish) == ("Once ", "failed")


@pytest.mark.parametrize("text", ["", "Once "])
def test_events_without_a_token_are_not_waited_for_for_ever(text):
    address = listen_and_send(OK + piece(text), event(choices=[]))
    began = time.monotonic()
    if text:
        assert "has written nothing for 2.5 s" in ask(address, **QUICK).error
    else:
        with pytest.raises(labkit.LabError, match=r"has written nothing for 2\.5 s"):
            ask(address, **QUICK)
    assert time.monotonic() - began < 12


@pytest.mark.parametrize("first", [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 401 No\r\n\r\n"])
def test_a_list_of_models_that_drips_ends(first):
    began = time.monotonic()
    with pytest.raises(labkit.LabError, match="sent nothing"):
        labkit.connect(listen_and_send(first, b"X-A: b\r\n"), "m", kind="vLLM", **QUICK).models()
    assert time.monotonic() - began < 10


def test_whoever_is_only_identified_may_not_drip_either():
    began = time.monotonic()
    address = listen_and_send(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n")
    model = labkit.connect(address, "m", connect_timeout_s=0.2)
    assert time.monotonic() - began < 10
    assert model.policy.action == "ask", "it may be an Ollama that is too slow to be identified"


def test_a_drip_after_the_end_does_no_harm():
    reply = ask(listen_and_send(OK + piece("Hi", finish_reason="stop") + END, b": x\n\n"), **QUICK)
    assert (reply.text, reply.finish) == ("Hi", "stop")


def test_nothing_goes_to_another_server():
    """Whoever follows a redirect, with the lab's own client, gets nowhere."""
    network = httpx2.MockTransport(
        lambda _: httpx2.Response(307, headers={"location": "http://127.0.0.2:9/"})
    )
    http = httpx2.Client(
        transport=BoundedTransport(network, "http://127.0.0.1:9/v1", None), follow_redirects=True
    )
    with pytest.raises(labkit.LabError, match="about to go to another server"):
        http.post("http://127.0.0.1:9/v1", json={"prompt": "secret"})


PLANTED = "planted-in-the-environment"
VARIABLES = {
    "OPENAI_API_KEY": PLANTED,
    "OPENAI_ADMIN_KEY": PLANTED,
    "OPENAI_ORG_ID": PLANTED,
    "OPENAI_PROJECT_ID": PLANTED,
    "OPENAI_BASE_URL": f"http://127.0.0.1:9/{PLANTED}",
    "ANTHROPIC_AUTH_TOKEN": PLANTED,
    "ANTHROPIC_BASE_URL": f"http://127.0.0.1:9/{PLANTED}",
    "ANTHROPIC_PROFILE": PLANTED,
    **{
        f"{maker}_CUSTOM_HEADERS": "\n".join(
            [
                f"X-A: {PLANTED}",
                f"Authorization: {PLANTED}",
                *(f"{name}: {PLANTED}" for name in (*HEADERS, "Host", "Content-Length", "Cookie")),
            ]
        )
        for maker in ("OPENAI", "ANTHROPIC")
    },
}


@pytest.mark.parametrize("key", [None, "sk-given-by-hand-0123"])
def test_nothing_of_the_environment_leaves(monkeypatch, key):
    """Nor anything about this machine: a fixed list of headers does, and nothing else."""
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    models = [labkit.connect("http://127.0.0.1:9", "m", kind="vLLM", api_key=key)]
    if key:
        models += [labkit.cloud(name, key=key, policy=None) for name in ("openai", "anthropic")]
    for model in models:
        captured = capture_request(model, "Hi", raw=False, policy=None)
        assert PLANTED not in captured.http.decode() and PLANTED not in captured.address
        head = captured.http[: captured.body_at].decode().split("\r\n")[1:-2]
        names = {line.partition(":")[0].lower() for line in head}
        own = {"host", "content-length", "accept-encoding", "authorization"}
        assert names <= {*HEADERS} | own
        assert ("authorization" in names) == bool(key)


def test_a_plain_server_that_hangs_up_after_each_answer_loses_none():
    """As llama.cpp's does, which promises to keep the connection."""
    answer = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nKeep-Alive: timeout=5, max=100\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
        + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (piece("x"), END, b""))
    )

    class OnlyOnce(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.recv(65_536)
            self.request.sendall(answer)
            self.request.recv(65_536)  # until the client lets go; a second request is not answered

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), OnlyOnce) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        model = labkit.connect(f"http://127.0.0.1:{server.server_address[1]}/v1", "m", kind="vLLM")
        assert [labkit.generate(model, "Hi").text for _ in range(5)] == ["x"] * 5
        server.shutdown()
