"""Whatever goes wrong on the way to a cloud is one sentence; what came is kept, the key unseen."""

import re
import socket
import threading

import pytest

import labkit
from labkit.backends.cloud.providers import PROVIDERS
from labkit.errors import BusyError

from ..tls_server import HANG_UP, chat_end, claude_end, claude_start, claude_text, text

QUESTION = "Tell me a story."
STALL_S = 300
BOTH = pytest.mark.parametrize("name", ["openai", "anthropic"])


def ask(server, name="openai", **more):
    return labkit.generate(labkit.cloud(name, address=server.address, **more), QUESTION)


def refused(planted, server, name="openai", **more):
    """The sentence of a request that fails before its first token."""
    with pytest.raises(labkit.LabError) as error:
        ask(server, name, **more)
    planted.saw(error.value)
    return error.value


def patience_s(parts):
    """Short where nothing comes any more; else a busy machine would be too late."""
    return 2.0 if STALL_S in parts else 120.0


def begin(name):
    """The events of an answer that has only begun, as that provider sends them."""
    if name == "anthropic":
        return claude_start(9), claude_text("Once "), claude_text("upon")
    return text("Once "), text("upon")


@BOTH
@pytest.mark.parametrize(
    "parts, sentence",
    [
        ([HANG_UP], r"broke off in the middle"),
        ([STALL_S, HANG_UP], r"sent nothing for 2 s.*\n.*read_timeout_s"),
        ([b"event: message_delta\ndata: {no json\n\n", HANG_UP], r"not an event of its interface"),
        ([b"event: completion\ndata: 7\n\n"], r"not an event of its interface|broke off"),
        ([b'event: error\ndata: {"error": {"message": "Overloaded"}}\n\n'], r"Overloaded"),
        ([], r"broke off in the middle"),
    ],
    ids=["cut", "stall", "malformed", "not an event", "error event", "no end"],
)
def test_what_came_before_the_failure_is_kept(provider, planted, name, parts, sentence):
    server = provider(name)
    server.answer(*begin(name), *parts)
    reply = ask(server, name, read_timeout_s=patience_s(parts))
    planted.saw(reply, reply.error)
    assert (reply.text, reply.finish) == ("Once upon", "failed")
    assert re.search(sentence, reply.error, re.DOTALL), reply.error
    assert reply.error.startswith(("OpenAI", "Anthropic"))
    assert reply.http.bytes_received > 100 and reply.http.elapsed_s >= reply.elapsed_s * 0.98


@BOTH
def test_refusals(provider, planted, name):
    server = provider(name)
    body = {"type": "error", "error": {"type": "x", "message": f"told so {planted.key}"}}
    for status, sentence in (
        ("401 Unauthorized", r"wants a key, or another one.*\n.*api_key_panel"),
        ("403 Forbidden", r"wants a key"),
        ("400 Bad Request", r"did not take the request \(status 400\): told so •••"),
        ("404 Not Found", r"has no model .*told so.*\n.*models\(\)"),
        ("402 Payment Required", r"quota exhausted: told so.*\n.*credit"),
        ("500 Internal Server Error", r"failed \(status 500\): told so.*\n.*status page"),
    ):
        server.refuse(status, body)
        assert re.search(sentence, str(refused(planted, server, name)), re.DOTALL), status
    assert len(server.requests) == 6, "each was asked once"


@BOTH
def test_a_busy_provider_says_when_to_come_back(provider, planted, name):
    server = provider(name)
    told = {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}
    server.refuse("429 Too Many Requests", told, retry_after=7)
    error = refused(planted, server, name)
    assert isinstance(error, BusyError) and error.retry_after_s == 7
    assert "Wait 7 s, then ask again." in str(error)
    server.refuse("529 Overloaded", told)
    error = refused(planted, server, name)
    assert isinstance(error, BusyError) and error.retry_after_s is None


def test_an_empty_account_is_no_busy_provider(provider, planted):
    server = provider()
    told = {"error": {"message": "You exceeded your quota.", "code": "insufficient_quota"}}
    server.refuse("429 Too Many Requests", told, retry_after=7)
    error = refused(planted, server)
    assert not isinstance(error, BusyError) and "credit" in error.hint


def test_googles_ways_to_refuse_a_key(provider, planted):
    server = provider("google")
    told = [{"error": {"code": 400, "message": f"API key not valid: {planted.key}"}}]
    server.refuse("400 Bad Request", told)
    assert "wants a key" in str(refused(planted, server, "google"))


@BOTH
def test_a_page_instead_of_an_answer(provider, planted, name):
    """As of a hotel's network that wants to be paid first."""
    server = provider(name)
    server.answer(b"<html>Log in</html>", status="302 Found", headers=("Location: http://x/",))
    assert "status 302" in str(refused(planted, server, name))
    server.answer(b"<html>Log in</html>", headers=("Content-Type: text/html",))
    assert re.search("broke off|not an event", str(refused(planted, server, name)))


@BOTH
def test_certificates_that_are_not_trusted(provider, planted, monkeypatch, name):
    server = provider(name, expired=True)
    error = refused(planted, server, name)
    assert re.search(r"not trusted: certificate has expired\. Nothing was sent", error.problem)
    server = provider(name, host="elsewhere.test")
    server.host = "localhost"
    assert re.search(r"not trusted: .*[Hh]ostname mismatch", str(refused(planted, server, name)))
    monkeypatch.delenv("SSL_CERT_FILE")
    server = provider(name)
    monkeypatch.delenv("SSL_CERT_FILE")
    assert re.search(r"not trusted: .*certificate", str(refused(planted, server, name)))
    assert not server.requests


@BOTH
def test_a_name_that_nobody_knows(planted, name):
    cloud = labkit.cloud(name, address="https://nobody.invalid/v1", key=planted.key)
    running = labkit.stream(cloud, QUESTION)
    with pytest.raises(labkit.LabError, match=r"could not be resolved.*\n.*network") as error:
        next(running)
    planted.saw(error.value, running.http)
    assert running.http.connect_s is running.http.tls_s is running.http.send_s is None


@BOTH
def test_nobody_listens(planted, name):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    cloud = labkit.cloud(name, address=f"https://127.0.0.1:{port}", key=planted.key)
    with pytest.raises(labkit.LabError, match=r"does not answer.*\n.*lab.stand_in") as error:
        labkit.generate(cloud, QUESTION)
    planted.saw(error.value)


# Where each provider is asked, by its own documents; see `labkit.backends.cloud.providers`.
PLACES = {
    "openai": ("api.openai.com", "/v1/chat/completions"),
    "anthropic": ("api.anthropic.com", "/v1/messages"),
    "google": ("generativelanguage.googleapis.com", "/v1beta/openai/chat/completions"),
    "mistral": ("api.mistral.ai", "/v1/chat/completions"),
    "openrouter": ("openrouter.ai", "/api/v1/chat/completions"),
    "azure": ("shop.openai.azure.com", "/openai/v1/chat/completions"),
}


@pytest.mark.parametrize("name", PROVIDERS)
def test_the_provider_itself_through_a_proxy(provider, planted, proxy, monkeypatch, name):
    """The provider's real address, led to our server by the proxy that the environment names."""
    host, path = PLACES[name]
    server = provider(name, host=host)
    own, asked = proxy(server.port)
    server.answer(*begin(name), HANG_UP)
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", f"https://{PLACES['azure'][0]}")
    reply = labkit.generate(labkit.cloud(name, PROVIDERS[name].model or "gpt-4.1"), QUESTION)
    assert reply.text == "Once upon"
    assert server.requests[0].line == f"POST {path} HTTP/1.1"
    assert f"Bearer {planted.key}" == server.requests[0].headers["authorization"]
    assert asked[0].line == f"CONNECT {host}:443 HTTP/1.1"
    assert planted.key not in asked[0].raw.decode(), "the proxy has not seen the key"
    assert (reply.http.address, reply.http.proxy) == (f"https://{host}", f"http://{own}")
    assert reply.http.tls_s > 0 and reply.http.connect_s > 0
    planted.saw(reply, reply.http)
    assert "its-own-password" not in "\n".join(planted.told)


@BOTH
def test_a_proxy_that_refuses(planted, proxy, name):
    proxy(None, "407 Proxy Authentication Required")
    with pytest.raises(labkit.LabError, match=r"proxy in front of .* refused: 407") as error:
        labkit.generate(labkit.cloud(name, key=planted.key), QUESTION)
    planted.saw(error.value)
    assert "its-own-password" not in str(error.value)


def test_no_proxy_is_asked_for_this_machine(provider, proxy):
    server = provider()
    _, asked = proxy(1)
    server.answer(text("Hi"), chat_end(1, 1))
    assert ask(server).text == "Hi" and not asked


@BOTH
def test_stopping_while_nothing_comes(provider, name):
    """Inside TLS too, a stream that is closed hangs up at once, and the server can tell."""
    server = provider(name)
    server.answer(*begin(name), 5)
    running = labkit.stream(labkit.cloud(name, address=server.address), QUESTION)
    assert next(running).text == "Once "
    next(running)
    stopped = threading.Timer(0.2, running.close)
    stopped.start()
    assert list(running) == []
    assert running.finish is running.error is None
    assert running.http.stream_s is not None


STATUSES = {
    "401": ("401 Unauthorized", "wants a key"),
    "429": ("429 Too Many Requests", "rate limit reached"),
    "500": ("500 Internal Server Error", r"failed \(status 500\)"),
    "529": ("529 Overloaded", "is overloaded"),
}
BREAKS = {
    "cut": ([HANG_UP], "broke off"),
    "stall": ([STALL_S, HANG_UP], "sent nothing for 2 s"),
    "malformed": ([b"event: message_delta\ndata: {no json\n\n", HANG_UP], "not an event"),
}
UNREACHED = {
    "expired certificate": "certificate has expired",
    "unknown name": "host name could not be resolved",
    "proxy": "refused: 407",
}


def failing(how, name, provider, proxy):
    """Somebody who fails in that way, and the sentence for it."""
    if how == "unknown name":
        return labkit.cloud(name, address="https://nobody.invalid/v1"), UNREACHED[how]
    if how == "proxy":
        proxy(None, "407 Proxy Authentication Required")
        return labkit.cloud(name), UNREACHED[how]
    server = provider(name, expired=how == "expired certificate")
    parts, sentence = BREAKS.get(how, ((), UNREACHED.get(how)))
    if how in STATUSES:
        status, sentence = STATUSES[how]
        server.refuse(status, {"error": {"message": "told so"}})
    else:
        server.answer(*begin(name), *parts)
    wait_s = patience_s(parts)
    return labkit.cloud(name, address=server.address, read_timeout_s=wait_s), sentence


@BOTH
@pytest.mark.parametrize("how", [*STATUSES, *BREAKS, *UNREACHED])
def test_in_a_column_it_leaves_the_others_unharmed(provider, planted, proxy, name, how):
    """A sentence and what came until then in its own column; the other provider's is whole."""
    other = {"openai": "anthropic", "anthropic": "openai"}[name]
    good = provider(other)
    good.answer(*begin(other), 0.3, chat_end(9, 2) if other == "openai" else claude_end(2))
    provider(name)  # its key
    bad, sentence = failing(how, name, provider, proxy)
    side = labkit.compare(QUESTION, {"bad": bad, "good": labkit.cloud(other, address=good.address)})
    failed, whole = side.replies
    assert re.search(sentence, failed.error) and failed.finish == "failed"
    assert failed.text == ("Once upon" if how in BREAKS else "")
    assert (whole.text, whole.finish, whole.error) == ("Once upon", "stop", None)
    planted.saw(side, labkit.plot(side, kind="answers").html, labkit.plot(side).to_json())
