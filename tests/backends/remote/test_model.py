"""The client of OpenAI-style servers: against a real llama.cpp, and against what goes wrong."""

import _thread
import contextlib
import gc
import re
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

import labkit
from labkit.backends.generate import make_reply
from labkit.backends.remote.discovery import Server, is_loopback
from labkit.backends.remote.http.network import find_proxy, open_network
from labkit.backends.remote.http.tracer import CountedConnection, Tracer
from labkit.backends.remote.protocols.parameters import PARAMETERS, request_fields
from labkit.backends.remote.transport import Exchange
from labkit.backends.settings import Settings

from ..loopback import CLIENTS, event, get, piece, read_request, until

QUESTION = "Why is the sky blue?"
END = b"data: [DONE]\n\n"


@pytest.fixture(scope="module")
def server(llama_server):
    return labkit.connect(llama_server.address)


@pytest.fixture(scope="module")
def greedy(server):
    return labkit.generate(server, QUESTION, temperature=0, max_tokens=32)


def test_what_listens_is_found_out(server, llama_server):
    assert (server.kind, server.model, server.name) == (
        "llama.cpp",
        "smollm2",
        "smollm2 (llama.cpp)",
    )
    assert server.models() == ("smollm2",)
    assert llama_server.address in repr(server)


def test_tokens_are_those_of_the_tokenizer(greedy, smollm2):
    ids = [step.token_id for step in greedy.steps]
    assert smollm2.tokenizer.decode(ids) == greedy.text
    assert smollm2.tokenizer(greedy.text)["input_ids"] == ids
    assert greedy.prompt_tokens == len(smollm2.encode(QUESTION))
    assert (greedy.output_tokens, greedy.finish, greedy.chunked) == (32, "length", False)


def test_logprobs_and_alternatives(greedy):
    for step in greedy.steps:
        assert step.logprob == max(other.logprob for other in step.alternatives) <= 0
        assert step.alternatives[0].token_id == step.token_id
        assert len(step.alternatives) == 10
        assert step.entropy_bits is step.drawn_logprob is None


def test_the_engines_own_times(greedy):
    timings = greedy.timings
    assert timings.output_tokens == 32
    assert timings.prompt_tokens + timings.cached_tokens == greedy.prompt_tokens
    assert 0 < timings.prompt_s < greedy.elapsed_s
    assert timings.decode_tokens_per_s == pytest.approx(31 / timings.decode_s)


def test_raw_text_and_a_stop_string(server):
    reply = labkit.generate(server, "1, 2, 3, 4,", raw=True, temperature=0, stop="7, 8")
    assert (reply.text, reply.finish) == (" 5, 6, ", "stop")
    assert reply.output_tokens == len(reply.steps) == reply.timings.output_tokens


def test_the_end_token_is_counted(server):
    reply = labkit.generate(server, "Say yes.", temperature=0, max_tokens=200)
    assert reply.finish == "stop"
    assert reply.steps[-1].text == ""
    assert len(reply.steps) == reply.timings.output_tokens


def test_characters_of_several_tokens_come_whole(server):
    reply = labkit.generate(server, "Repeat: 🌠🌠🌠🌠🌠", temperature=0, max_tokens=24)
    assert "�" not in reply.text.rstrip("�")
    assert len(reply.steps) == reply.output_tokens == reply.timings.output_tokens
    assert {step.token_id for step in reply.steps if len(step.text.encode()) == 4} <= {None}


def test_a_seed_repeats(server):
    asked = {"temperature": 1.3, "max_tokens": 12, "top_k": 50, "min_p": 0.02}
    one, two, three = (labkit.generate(server, QUESTION, seed=n, **asked).text for n in (7, 7, 8))
    assert one == two != three


def test_closing_stops_the_server(server, llama_server):
    before = written(llama_server)
    running = labkit.stream(server, "Tell me a very long story.", max_tokens=400, seed=1)
    for _ in zip(range(4), running, strict=False):
        pass
    running.close()
    assert until(lambda: processing(llama_server) == 0, seconds=5)
    assert written(llama_server) - before < 100
    assert running.finish is None


def written(server):
    return metric(server, "tokens_predicted_total")


def processing(server):
    return metric(server, "requests_processing")


def metric(server, name):
    told = re.search(rf"^llamacpp:{name} (\d+)", get(f"{server.address}/metrics"), re.MULTILINE)
    return int(told.group(1))


@pytest.mark.slow
def test_thirty_clients_at_once(server):
    """Each asks for a number of its own; none is lost and none gets another's answer.

    Nobody goes on before all have their first token: so all answers are under way together.
    """
    together = threading.Barrier(CLIENTS, timeout=300)

    def ask(number):
        prompt = f"{number}, {number}, {number}, {number}, {number}, {number},"
        own = labkit.connect(server.base_url, server.model, kind="llama.cpp")
        running = labkit.stream(own, prompt, raw=True, temperature=0, max_tokens=12)
        first = next(running)
        together.wait()
        return make_reply(own.name, prompt, running, [first, *running])

    numbers = [100 + 7 * n for n in range(CLIENTS)]
    with ThreadPoolExecutor(CLIENTS) as pool:
        replies = list(pool.map(ask, numbers))
    for number, reply in zip(numbers, replies, strict=True):
        assert reply.output_tokens == len(reply.steps) == 12
        assert set(re.findall(r"\b\d{3}\b", reply.text)) == {str(number)}


def test_an_unknown_name_is_no_model(llama_server, httpserver):
    httpserver.expect_request("/v1/chat/completions").respond_with_json(
        {"error": {"message": "The model `x` does not exist."}}, status=404
    )
    model = labkit.connect(httpserver.url_for("/v1"), "x", kind="vLLM")
    with pytest.raises(labkit.LabError, match=r"no model 'x'.*does not exist.*\n.*servers\(\)"):
        labkit.generate(model, "Hi")


@pytest.fixture(scope="session")
def httpserver_listen_address():
    return "127.0.0.1", 0


@pytest.mark.parametrize(
    "status, sentence",
    [
        (401, r"wants a key.*\n.*api_key="),
        (400, r"did not take the request \(status 400\): told so"),
        (429, "rate limit reached: told so"),
        (500, r"failed \(status 500\): told so.*\n.*log"),
    ],
)
def test_a_refusal_is_a_sentence_and_asked_once(httpserver, status, sentence):
    httpserver.expect_request("/v1/chat/completions").respond_with_json(
        {"error": {"message": "told so"}}, status=status
    )
    with pytest.raises(labkit.LabError, match=sentence):
        labkit.generate(labkit.connect(httpserver.url_for("/v1"), "m", kind="vLLM"), "Hi")
    assert len(httpserver.log) == 1, "it was asked again, so a time would be of two requests"


def test_nobody_there():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(labkit.LabError, match=r"does not answer.*\n.*Start the server"):
        labkit.connect(address)
    with pytest.raises(labkit.LabError, match="does not answer"):
        labkit.generate(labkit.connect(address, "m", kind="vLLM"), "Hi")


def ask(address, **timeouts):
    return labkit.connect(address, "m", kind="OpenAI-compatible", **timeouts)


CUT = [
    ("cut", [], r"broke off in the middle"),
    ("malformed", [b"data: {no json\n\n"], r"not an event of its interface"),
    ("not an object", [b"data: 7\n\n"], r"not an event of its interface"),
    ("error event", [event(error={"message": "out of memory"})], r"failed: out of memory"),
    ("stall", [300], r"sent nothing for 2 s.*\n.*read_timeout_s"),
]


@pytest.mark.parametrize("parts, sentence", [case[1:] for case in CUT], ids=[c[0] for c in CUT])
def test_a_server_that_fails_in_the_middle_leaves_what_came(scripted, parts, sentence):
    address, _ = scripted(piece("Once "), piece("upon"), *parts)
    reply = labkit.generate(ask(address, read_timeout_s=2), "Tell me a story.")
    assert (reply.text, reply.finish) == ("Once upon", "failed")
    assert re.search(sentence, reply.error, re.DOTALL)
    assert reply.output_tokens is reply.prompt_tokens is reply.decode_tokens_per_s is None
    assert reply.error in repr(reply)


def test_a_loop_over_its_steps_gets_the_error_after_them(scripted):
    address, _ = scripted(piece("Once "))
    running, steps = labkit.stream(ask(address), "Hi"), []
    with pytest.raises(labkit.LabError, match="broke off"):
        steps.extend(step for step in iter_into(running, steps))
    assert [step.text for step in steps] == ["Once "]
    assert running.finish == "failed"
    assert "broke off" in running.error


def iter_into(running, steps):
    for step in running:
        steps.append(step)
    yield from ()


def test_a_failure_before_the_first_token_is_raised(scripted):
    address, _ = scripted(head=b"")
    with pytest.raises(labkit.LabError):
        labkit.generate(ask(address), "Hi")


def test_pieces_are_not_tokens(scripted):
    """Two pieces of five tokens: the server's count is told, and no token is made up."""
    usage = {"prompt_tokens": 9, "completion_tokens": 5}
    address, asked = scripted(
        event(choices=[{"delta": {"role": "assistant", "content": ""}}]),
        piece("Hello wor"),
        0.05,
        piece("ld!", finish_reason="stop"),
        event(choices=[], usage=usage),
        END,
    )
    reply = labkit.generate(ask(address), "Hi", seed=5)
    assert [step.token_id for step in reply.steps] == [None, None]
    assert (reply.prompt_tokens, reply.output_tokens, reply.chunked) == (9, 5, True)
    assert reply.decode_tokens_per_s == pytest.approx(4 / (reply.elapsed_s - reply.ttft_s))
    assert "5 written" in reply.summary
    assert (asked[0]["seed"], asked[0]["stream_options"]) == (5, {"include_usage": True})


def test_a_piece_with_its_tokens_told_is_taken_apart(scripted):
    told = [{"token": text, "logprob": -0.5, "top_logprobs": []} for text in ("Hel", "lo")]
    address, _ = scripted(piece("Hello", logprobs={"content": told}, finish_reason="stop"), END)
    reply = labkit.generate(ask(address), "Hi")
    assert [step.text for step in reply.steps] == ["Hel", "lo"]
    assert [step.logprob for step in reply.steps] == [-0.5, -0.5]
    assert reply.output_tokens is None


def test_what_a_model_thinks_takes_time_and_is_no_answer(scripted):
    thought = event(choices=[{"delta": {"reasoning_content": "Hmm"}}])
    address, _ = scripted(thought, piece("Yes", finish_reason="stop"), END)
    reply = labkit.generate(ask(address), "Hi")
    assert [(step.text, step.thinking) for step in reply.steps] == [("Hmm", True), ("Yes", False)]
    assert (reply.text, reply.thinking) == ("Yes", "Hmm") and 0 <= reply.thinking_s < 1


def test_stopping_closes_the_connection(scripted):
    address, _ = scripted(*[piece("word ")] * 3, 0.2, *[piece("word ")] * 50_000)
    before = threading.active_count()
    running = labkit.stream(ask(address), "Hi")
    next(running)
    running.close()
    # The server's thread ends by a broken pipe: nobody reads on.
    assert until(lambda: threading.active_count() < before, seconds=5)


EVENTS = [b"Content-Type: text/event-stream\r\n\r\n", piece("Once "), piece("upon")]
LINES = [
    b"Content-Type: application/x-ndjson\r\n\r\n",
    b'{"message": {"role": "assistant", "content": "Once "}, "done": false}\n',
    b'{"message": {"role": "assistant", "content": "upon"}, "done": false}\n',
]
STALLED = pytest.mark.parametrize(
    "make, parts",
    [
        (lambda address: labkit.connect(f"{address}/v1", "m", kind="vLLM"), EVENTS),
        (lambda address: labkit.connect(Server("Ollama", address, ("m",))), LINES),
    ],
    ids=["OpenAI", "Ollama"],
)


@pytest.fixture
def stalling():
    """``stalling(*parts)`` is asked, sends these, then nothing until it is hung up on."""
    listeners = []

    def listen(*parts):
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        asked, hung_up = threading.Event(), threading.Event()

        def serve():
            connection, _ = listener.accept()
            with connection, contextlib.suppress(ConnectionError):
                read_request(connection)
                asked.set()
                connection.sendall(b"".join([b"HTTP/1.1 200 OK\r\n", *parts]) if parts else b"")
                connection.recv(1)
            hung_up.set()

        threading.Thread(target=serve, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}", asked, hung_up

    yield listen
    for listener in listeners:
        listener.close()


@STALLED
def test_a_server_that_stalls_can_be_closed_from_another_thread(stalling, make, parts):
    address, _, hung_up = stalling(*parts)
    running, steps, ended = labkit.stream(make(address), "Hi"), [], threading.Event()

    def read():
        for step in running:
            steps.append(step)
        ended.set()

    threading.Thread(target=read, daemon=True).start()
    assert until(lambda: len(steps) == 2, seconds=20)
    assert not ended.is_set()
    running.close()
    assert ended.wait(20) and hung_up.wait(20), "it waited for the server"
    assert running.finish is running.error is None
    assert [step.text for step in steps] == ["Once ", "upon"] and list(running) == []


@STALLED
def test_a_server_that_has_not_begun_can_be_interrupted(stalling, make, parts):
    """`interrupt_main` is how an interrupt comes on Windows: it ends no wait for the network."""
    address, asked, _ = stalling()
    threading.Thread(target=lambda: asked.wait(20) and _thread.interrupt_main()).start()
    began = time.monotonic()
    reply = labkit.generate(make(address), "Hi")
    assert time.monotonic() - began < 20
    assert (reply.text, reply.finish, reply.error) == ("", "interrupted", None)


@STALLED
def test_a_server_that_stalls_can_be_interrupted(stalling, make, parts):
    address, _, hung_up = stalling(*parts)
    running, steps = labkit.stream(make(address), "Hi"), []
    for step in running:
        steps.append(step)
        if len(steps) == 2:
            threading.Timer(0.2, _thread.interrupt_main).start()
    assert len(steps) == 2 and running.finish is None
    assert hung_up.wait(20)


@STALLED
def test_an_answer_that_nobody_has_any_more_is_hung_up_on(stalling, make, parts):
    address, _, hung_up = stalling(*parts)
    for _ in labkit.stream(make(address), "Hi"):
        break
    gc.collect()
    assert hung_up.wait(20)


def test_a_proxy_or_a_key_of_the_environment_is_not_used(httpserver, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, "secret-of-the-cloud")
    httpserver.expect_request("/v1/models").respond_with_json({"data": [{"id": "m"}]})
    labkit.connect(httpserver.url_for(""), kind="vLLM")
    request, _ = httpserver.log[0]
    assert "secret-of-the-cloud" not in str(request.headers)


def test_a_redirect_is_not_followed(httpserver):
    elsewhere = httpserver.url_for("/elsewhere")
    httpserver.expect_request("/v1/chat/completions").respond_with_data(
        status=307, headers={"Location": elsewhere}
    )
    with pytest.raises(labkit.LabError, match="307"):
        labkit.generate(labkit.connect(httpserver.url_for("/v1"), "m", kind="vLLM"), "Hi")
    assert "/elsewhere" not in {request.path for request, _ in httpserver.log}


@pytest.mark.parametrize(
    "address, here",
    [
        ("http://127.0.0.1:1/v1", True),
        ("http://localhost/v1", True),
        ("http://[::1]:8/v1", True),
        ("http://10.0.0.1/v1", False),
        ("https://localhost.example.org/v1", False),
    ],
)
def test_what_is_on_this_machine(address, here):
    assert is_loopback(address) is here


@pytest.mark.parametrize("bad", ["", "localhost:8080", "ftp://127.0.0.1"])
def test_an_address_that_is_none(bad):
    with pytest.raises(ValueError, match=r"address must be such as .*got"):
        labkit.connect(bad)


@pytest.mark.parametrize("bad", ["Foo", ["vLLM"], 7])
def test_a_kind_that_is_none(bad):
    with pytest.raises(ValueError, match=r"kind must be one of .*got"):
        labkit.connect("http://127.0.0.1:9", "m", kind=bad)


def test_several_models_must_be_named(httpserver):
    httpserver.expect_request("/v1/models").respond_with_json({"data": [{"id": "a"}, {"id": "b"}]})
    with pytest.raises(labkit.LabError, match=r"several models.*\n.*'a', 'b'"):
        labkit.connect(httpserver.url_for(""))


@pytest.mark.parametrize("bad", ["", [], [{"role": "user"}]])
def test_a_prompt_that_is_none(bad):
    with pytest.raises(ValueError, match=r"prompt must .*got"):
        labkit.stream(labkit.connect("http://127.0.0.1:9/v1", "m", kind="vLLM"), bad)


@pytest.mark.parametrize("kind", sorted(PARAMETERS))
def test_a_setting_is_sent_or_refused(kind):
    """No setting is dropped in silence: each changes the request, or is a ValueError."""
    changed = {
        "temperature": 0.1,
        "top_k": 3,
        "top_p": 0.5,
        "min_p": 0.1,
        "typical_p": 0.5,
        "repetition_penalty": 1.5,
        "presence_penalty": 1.0,
        "frequency_penalty": 1.0,
        "max_tokens": 3,
        "seed": 9,
        "stop": ("a",),
        "order": tuple(reversed(Settings().order)),
    }
    plain = request_fields(kind, Settings(seed=1), raw=False)
    for name, value in changed.items():
        try:
            sent = request_fields(kind, Settings(**{"seed": 1, name: value}), raw=False)
        except ValueError as error:
            assert f"{name} must be left at" in str(error)
        else:
            assert sent != plain, name


def test_a_seed_beyond_the_engines_is_refused():
    with pytest.raises(ValueError, match=r"seed must be below 4,294,967,295 for llama.cpp"):
        request_fields("llama.cpp", Settings(seed=2**40), raw=False)


def test_the_times_are_of_the_arrivals(scripted):
    address, _ = scripted(0.2, piece("a"), 0.2, piece("b", finish_reason="stop"), END)
    began = time.perf_counter()
    reply = labkit.generate(ask(address), "Hi")
    whole = time.perf_counter() - began
    assert reply.ttft_s >= 0.2 and reply.ttft_s + 0.19 <= reply.elapsed_s <= whole


def test_hanging_up_leaves_the_encryption_on():
    """`SSLSocket.shutdown` takes it off first: a thread that sends then would send the key so."""
    near, far = socket.socketpair()
    with (
        far,
        ssl.create_default_context().wrap_socket(
            near, server_hostname="a.invalid", do_handshake_on_connect=False
        ) as encrypted,
    ):
        tracer = Tracer("https://a.invalid")
        tracer.connection = CountedConnection(SimpleNamespace(get_extra_info=lambda _: encrypted))
        Exchange(lambda: None, tracer, 1.0).stop()
        with pytest.raises(OSError):  # it has ended; "no SSL wrapper" would be a ValueError
            encrypted.unwrap()
        assert far.recv(1) == b""


@pytest.mark.parametrize("how", ["close", "interrupt"])
def test_what_is_stopped_before_it_is_connected_sends_nothing(scripted, monkeypatch, how):
    address, asked = scripted(piece("Sky"), END)
    looking, found, look_up = threading.Event(), threading.Event(), socket.getaddrinfo
    before = threading.enumerate()

    def slow(*asked_for, **more):
        looking.set()
        assert found.wait(20)
        return look_up(*asked_for, **more)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    server = labkit.connect(address, "m", kind="vLLM")
    if how == "close":
        stream = server.stream(QUESTION)
        threading.Thread(target=lambda: looking.wait(20) and stream.close()).start()
        assert list(stream) == []
    else:  # a question without a stream
        threading.Thread(target=lambda: looking.wait(20) and _thread.interrupt_main()).start()
        with pytest.raises(KeyboardInterrupt):
            server.models()
    reading = [each for each in threading.enumerate() if each not in before]
    found.set()
    assert until(lambda: not any(each.is_alive() for each in reading), 10)
    assert not asked


def test_a_host_of_no_name_is_a_sentence():
    with pytest.raises(labkit.LabError, match="the host name could not be resolved"):
        labkit.generate(labkit.connect("http://192.168..5:8080", "m", kind="vLLM"), QUESTION)


def test_a_redirect_is_a_sentence(httpserver):
    moved = {"location": "https://example.com/v1/chat/completions"}
    httpserver.expect_request("/v1/chat/completions").respond_with_data("", 308, moved)
    server = labkit.connect(httpserver.url_for(""), "m", kind="vLLM")
    with pytest.raises(labkit.LabError, match=r"another address \(status 308\)"):
        labkit.generate(server, QUESTION)


@pytest.mark.parametrize("seconds", [None, "5", 0, -1])
def test_times_to_wait_are_seconds(seconds):
    for name in ("connect_timeout_s", "read_timeout_s"):
        with pytest.raises(ValueError, match=f"{name} must be a number, above 0"):
            labkit.connect("http://127.0.0.1:1", "m", kind="vLLM", **{name: seconds})


def test_a_proxys_address_needs_no_scheme(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("HTTPS_PROXY", "proxy.example:3128")
    assert find_proxy("https://example.com") == "http://proxy.example:3128"
    with pytest.raises(labkit.LabError, match="has no address of a proxy"):
        open_network("gopher://me:its-own-password@proxy.example")
