"""Model servers on the loopback: each as its documents say, and a real llama.cpp.

The document stands with each answer; the commits are those in ``backends/remote/discovery.py``.
"""

import re
import socket
import sys
import threading
import time
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

import labkit
from labkit.backends.remote import discovery
from labkit.backends.remote.discovery import Server, find_servers
from labkit.topics.speed.measure.setup import describe_setup

# github.com/vllm-project/vllm, ModelCard of the OpenAI interface's protocol, and /version.
VLLM = {
    "/v1/models": {
        "object": "list",
        "data": [{"id": "owner/tiny", "object": "model", "owned_by": "vllm", "max_model_len": 64}],
    },
    "/version": {"version": "0.32.0"},
}
# github.com/ollama/ollama, docs/openapi.yaml: VersionResponse and ModelSummary, of which an entry
# with `remote_host` is computed elsewhere; docs/api/openai-compatibility.mdx: /v1/models.
CLOUD = {
    "name": "gpt-oss:120b-cloud",
    "model": "gpt-oss:120b-cloud",
    "size": 384,
    "remote_model": "gpt-oss:120b",
    "remote_host": "https://ollama.com:443",
}
OLLAMA = {
    "/v1/models": {
        "object": "list",
        "data": [
            {"id": "llama3:latest", "object": "model", "created": 1686935002, "owned_by": "library"}
        ],
    },
    "/api/version": {"version": "0.34.1"},
    "/api/tags": {
        "models": [
            {
                "name": "llama3:latest",
                "model": "llama3:latest",
                "size": 3825819519,
                "details": {"format": "gguf"},
            },
            CLOUD,
        ]
    },
}
OLLAMA_EMPTY = {
    "/v1/models": {"object": "list", "data": None},
    "/api/version": {"version": "0.34.1"},
    "/api/tags": {"models": []},
}
# lmstudio.ai/docs/developer/rest/endpoints: REST API v0, "GET /api/v0/models". All else gets an
# error with status 200: lmstudio-bug-tracker, issue 618.
NOMIC = "text-embedding-nomic-embed-text-v1.5"
LM_STUDIO = {
    "/v1/models": {
        "object": "list",
        "data": [
            {"id": name, "object": "model", "owned_by": "organization_owner"}
            for name in ("qwen2-vl-7b-instruct", NOMIC)
        ],
    },
    "/api/v0/models": {
        "object": "list",
        "data": [
            {"id": "qwen2-vl-7b-instruct", "object": "model", "type": "vlm", "arch": "qwen2_vl"},
            {"id": NOMIC, "object": "model", "type": "embeddings", "arch": "nomic-bert"},
        ],
    },
    "*": {"error": "Unexpected endpoint or method. (GET /api/version)"},
}
# github.com/ggml-org/llama.cpp, tools/server/README.md: "GET /v1/models" and "GET /props".
LLAMA_CPP = {
    "/v1/models": {
        "object": "list",
        "models": [{"name": "tiny.gguf"}],
        "data": [{"id": "tiny.gguf", "object": "model", "owned_by": "llamacpp", "meta": None}],
    },
    "/props": {"total_slots": 1, "model_path": "tiny.gguf", "build_info": "b6000-abc"},
}
# transformers 5.23, cli/serving/server.py: an entry is owned by the author of its model.
TRANSFORMERS = {
    "/v1/models": {"object": "list", "data": [{"id": "a/b", "object": "model", "owned_by": "a"}]},
    "/health": {"status": "ok"},
    "/openapi.json": {"paths": {"/v1/models": {}, "/load_model": {}, "/reset": {}, "/health": {}}},
}
TRANSFORMERS_EMPTY = {"/openapi.json": TRANSFORMERS["/openapi.json"]}  # no hub cache: status 500
OTHER = {"/v1/models": TRANSFORMERS["/v1/models"], "/openapi.json": {"paths": 7}}


@pytest.fixture(scope="session")
def httpserver_listen_address():
    return "127.0.0.1", 0


def play(httpserver, answers):
    for path, answer in answers.items():
        where = re.compile(".*") if path == "*" else path
        httpserver.expect_request(where).respond_with_json(answer)
    return find_servers([httpserver.port])


def test_only_the_loopbacks_usual_ports_are_asked(monkeypatch):
    asked = []
    monkeypatch.setattr(discovery, "_ask", lambda url, timeout_s: asked.append(url) or {})
    assert labkit.servers() == ()
    where = {urlsplit(url).netloc for url in asked}
    assert where == {f"127.0.0.1:{port}" for port in (11434, 1234, 8000, 8080, 9931, 8012)}


@pytest.mark.parametrize(
    "kind, answers, models",
    [
        ("vLLM", VLLM, ("owner/tiny",)),
        ("Ollama", OLLAMA, ("llama3:latest",)),
        ("Ollama", OLLAMA_EMPTY, ()),
        ("LM Studio", LM_STUDIO, ("qwen2-vl-7b-instruct",)),
        ("llama.cpp", LLAMA_CPP, ("tiny.gguf",)),
        ("transformers serve", TRANSFORMERS, ("a/b",)),
        ("transformers serve", TRANSFORMERS_EMPTY, ()),
        ("OpenAI-compatible", OTHER, ("a/b",)),
    ],
)
def test_each_is_known_by_its_answers(httpserver, kind, answers, models):
    address = f"http://127.0.0.1:{httpserver.port}"
    assert play(httpserver, answers) == (Server(kind, address, models),)
    assert {request.method for request, _ in httpserver.log} == {"GET"}


def test_the_only_model_is_one_that_writes(httpserver):
    play(httpserver, LM_STUDIO)
    model = labkit.connect(f"http://127.0.0.1:{httpserver.port}")
    assert (model.kind, model.model) == ("LM Studio", "qwen2-vl-7b-instruct")


@pytest.mark.parametrize(
    ("model", "leaves"),
    [("gpt-oss:120b-cloud", True), ("llama3", False), ("llama3:latest", False), (None, False)],
)
def test_what_ollama_passes_on_to_its_cloud_has_a_policy(httpserver, model, leaves):
    play(httpserver, OLLAMA)
    found = labkit.connect(f"http://127.0.0.1:{httpserver.port}", model)
    assert bool(found.policy) is leaves
    if leaves:
        with pytest.raises(labkit.LabError, match="Nothing was sent"):
            found.stream("My card is 4111 1111 1111 1111.")


@pytest.mark.parametrize(
    ("answers", "engine"),
    [
        (OLLAMA, "Ollama 0.34.1"),
        (VLLM, "vLLM 0.32.0"),
        (LLAMA_CPP, "llama.cpp b6000-abc"),
        (LLAMA_CPP | {"/props": {"build_info": "b0-unknown"}}, "llama.cpp"),
        (LM_STUDIO, "LM Studio"),
        (TRANSFORMERS, "transformers serve"),
    ],
)
def test_a_measurement_says_which_engine_it_was_of(httpserver, answers, engine):
    (server,) = play(httpserver, answers)
    software = dict(describe_setup(labkit.connect(server, server.models[0])).software)
    assert software["engine"] == engine


def test_no_other_machine_is_asked_for_its_version(monkeypatch):
    asked = []
    monkeypatch.setattr(discovery, "_ask", lambda url, timeout_s: asked.append(url))
    elsewhere = labkit.connect("http://192.0.2.1:11434", "m", kind="Ollama")
    assert elsewhere.about() == {"engine": "Ollama"} and asked == []


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"*": {"detail": "Not Found"}},
        {"*": ["a list"]},
        {"/v1/models": {"data": "no list"}, "/api/version": {"version": "4.6"}},  # as Jupyter has
    ],
)
def test_others_are_left_out(httpserver, answers):
    assert play(httpserver, answers) == ()


def test_strange_entries_do_no_harm(httpserver):
    data = [None, 3, {"id": 7, "owned_by": ["vllm"]}, {"id": "good"}]
    (server,) = play(httpserver, {"/v1/models": {"data": data}})
    assert server.models == ("good",)


def test_a_redirect_is_not_followed(httpserver):
    elsewhere = httpserver.url_for("/elsewhere")
    httpserver.expect_request("/v1/models").respond_with_data(
        status=302, headers={"Location": elsewhere}
    )
    assert find_servers([httpserver.port]) == ()
    assert "/elsewhere" not in {request.path for request, _ in httpserver.log}


def test_a_proxy_is_not_asked(httpserver, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    assert play(httpserver, VLLM)[0].kind == "vLLM"


def listening(answer):
    """A port where something listens that is no HTTP server."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        connection, _ = listener.accept()
        answer(connection)

    threading.Thread(target=serve, daemon=True).start()
    return listener, listener.getsockname()[1]


def stream_for_ever(connection):
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace\r\n\r\n--frame")


@pytest.mark.parametrize(
    "answer", [lambda c: c.sendall(b"SSH-2.0-OpenSSH\r\n"), lambda c: c.close(), stream_for_ever]
)
def test_what_speaks_otherwise_is_left_out(answer):
    listener, port = listening(answer)
    with listener:
        assert find_servers([port], timeout_s=0.2) == ()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="fills a queue as Linux keeps it")
def test_one_that_takes_no_connection_is_waited_for_no_longer_than_asked():
    """As behind a firewall that says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, ExitStack() as waiting:
        port = listener.getsockname()[1]
        for _ in range(8):
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
        assert find_servers([port], timeout_s=0.2) == ()
        address = f"http://127.0.0.1:{port}"
        model = labkit.connect(address, "m", kind="vLLM", connect_timeout_s=0.3)
        began = time.monotonic()
        with pytest.raises(labkit.LabError, match=r"vLLM at .* does not answer.*\n.*Start the"):
            labkit.generate(model, "Hi")
        assert time.monotonic() - began < 60, "it waited as for an answer, for two minutes"


def test_nobody_there():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert find_servers([port]) == find_servers([]) == ()


def test_a_real_llama_cpp(smollm2):
    xllamacpp = pytest.importorskip("xllamacpp", reason="pip install 'labkit[llamacpp]'")
    from labkit.models.storage import store

    parameters = xllamacpp.CommonParams()
    (file,) = store.part_folder("smollm2-135m", "gguf").glob("*.gguf")
    parameters.model.path, parameters.n_ctx = str(file), 256
    with socket.create_server(("127.0.0.1", 0)) as free:
        parameters.port = free.getsockname()[1]
    parameters.hostnames = ["127.0.0.1"]
    server = xllamacpp.Server(parameters)  # stops when nothing refers to it any more
    (found,) = find_servers([parameters.port])
    assert found.kind == "llama.cpp"
    assert found.address == server.listening_address
    assert found.models[0].endswith(file.name)
