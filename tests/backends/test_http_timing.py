"""The way of a request: parts that add up to the whole, bytes as the server counts them."""

import time

import pytest

import labkit
from labkit.backends.http_timing import PARTS, HttpTiming

from .measured_again import adding_up
from .tls_server import HANG_UP, chat_end, claude_end, claude_start, claude_text, text

QUESTION = "Why is the sky blue?"


def scripts(name, *pauses):
    if name == "openai":
        return (*pauses, text("Ray"), *pauses, text("leigh"), chat_end(9, 2))
    return (
        *pauses,
        claude_start(9),
        claude_text("Ray"),
        *pauses,
        claude_text("leigh"),
        claude_end(2),
    )


@pytest.mark.alone
@pytest.mark.parametrize("name", ["openai", "anthropic"])
def test_parts_add_up_to_the_whole_by_another_clock(provider, name):
    server = provider(name)
    cloud = labkit.cloud(name, address=server.address)

    def ask():
        server.answer(*scripts(name, 0.15), headers=("Connection: close",))
        return cloud.stream(QUESTION)

    wire = adding_up(ask)
    assert [part for part, _ in wire.parts] == list(PARTS.values())
    assert all(seconds >= 0 for _, seconds in wire.parts)
    assert wire.first_token_s + wire.stream_s >= 0.29, "the pauses are where they were"


def test_bytes_are_those_that_the_server_got(provider):
    server = provider()
    server.answer(*scripts("openai"))
    reply = labkit.generate(labkit.cloud("openai", address=server.address), QUESTION)
    assert reply.http.bytes_sent == len(server.requests[0].raw)
    parts = [part for part in scripts("openai") if isinstance(part, bytes)]
    framed = sum(len(part) + len(b"%x" % len(part)) + 4 for part in parts) + 5
    head = len(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    assert reply.http.bytes_received == framed + head


@pytest.mark.parametrize("name", ["openai", "anthropic"])
def test_a_connection_is_kept_and_told_so(provider, name):
    server = provider(name)
    cloud = labkit.cloud(name, address=server.address)
    for _ in range(2):
        server.answer(*scripts(name))
    first, second = (labkit.generate(cloud, QUESTION).http for _ in "12")
    assert server.connections == 1
    assert not first.reused and None not in (first.lookup_s, first.connect_s, first.tls_s)
    assert second.reused and second.lookup_s is second.connect_s is second.tls_s is None
    assert [first.bytes_sent, second.bytes_sent] == [len(each.raw) for each in server.requests]
    assert second.bytes_received == first.bytes_received
    assert "open already" in second.summary


def test_an_end_that_never_comes_is_not_waited_for(provider):
    server = provider()
    server.answer(*scripts("openai"), 120)
    began = time.perf_counter()
    reply = labkit.generate(labkit.cloud("openai", address=server.address), QUESTION)
    assert reply.finish == "stop" and time.perf_counter() - began < 60


def test_what_failed_has_parts_until_then(provider):
    server = provider()
    server.answer(HANG_UP)
    running = labkit.stream(labkit.cloud("openai", address=server.address), QUESTION)
    with pytest.raises(labkit.LabError, match="broke off"):
        next(running)
    assert running.http.wait_s is not None
    assert running.http.first_token_s is running.http.stream_s is None
    untouched = labkit.stream(labkit.cloud("openai", address=server.address), QUESTION)
    untouched.close()
    assert untouched.http is None


def test_a_plain_server_has_no_tls(llama_server):
    wire = labkit.generate(labkit.connect(llama_server.address), "Hi", max_tokens=4).http
    assert wire.tls_s is None and wire.connect_s is not None and wire.proxy is None
    assert wire.address == llama_server.address


def test_a_wire_shows_itself():
    wire = HttpTiming(
        "https://a.test", send_s=0.001, wait_s=0.2, bytes_sent=5, origin="recorded, m"
    )
    assert wire.parts == (("request sent", 0.001), ("wait for the first byte", 0.2))
    assert repr(wire) == (
        "<HttpTiming https://a.test: request sent 1 ms, wait for the first byte 200 ms "
        "(recorded, m, one request)>"
    )
