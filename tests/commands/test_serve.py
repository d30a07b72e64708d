"""A model is served to other programs: what they send is answered, others are not."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from labkit.backends.llamacpp.engine import import_xllamacpp
from labkit.backends.llamacpp.infill import FAMILIES
from labkit.backends.llamacpp.server import page_origin, serve_file, served_file
from labkit.errors import LabError
from labkit.models.storage import store

pytestmark = pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")
ROOT = Path(__file__).resolve().parents[2]


def ask(address, path, body=None, **headers):
    """Status and answer, and the page that may read it."""
    sent = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        address + path, sent, {"Content-Type": "application/json", **headers}
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=60) as answer:
            return answer.status, answer.read(), answer.headers["Access-Control-Allow-Origin"]
    except urllib.error.HTTPError as error:
        return error.code, error.read(), error.headers["Access-Control-Allow-Origin"]


class Served:
    """``labkit serve`` in a process of its own."""

    def __init__(self, *arguments):
        command = [sys.executable, "-m", "labkit", "serve", *map(str, arguments)]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT
        )
        self.lines = []
        for line in self.process.stdout:
            self.lines.append(line)
            if line.startswith("Stop with"):
                break
        self.text = "".join(self.lines)
        found = re.search(r"is served at (\S+)", self.text)
        self.address = found and found[1]

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=30)
        return self.process.returncode


@pytest.fixture(scope="module")
def served(fim_gguf):
    server = Served(fim_gguf)
    yield server
    assert server.stop() == 130


def test_it_prints_what_three_editors_need(served):
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", served.address), served.text
    assert f'"llama-vscode.endpoint": "{served.address}"' in served.text
    assert f"apiBase: {served.address}/" in served.text
    assert f"Base URL: {served.address}/v1" in served.text
    assert served.text.count("Source: ") == served.text.count("Tried here: ") == 3
    assert "api_key" not in served.text and "the extension itself was not run." in served.text


def test_what_llama_vscode_sends_is_answered(served):
    sent = {"input_prefix": "the cat ", "input_suffix": "\n", "input_extra": [], "prompt": "s"}
    more = {"n_predict": 4, "top_k": 40, "top_p": 0.99, "samplers": ["top_k", "top_p", "infill"]}
    limits = {"t_max_prompt_ms": 500, "t_max_predict_ms": 500, "cache_prompt": True}
    status, body, _ = ask(served.address, "/infill", {**sent, **more, **limits})
    assert status == 200 and json.loads(body)["prompt"].endswith("<|fim_middle|>")


def test_what_continue_sends_is_answered(served):
    prompt = FAMILIES[0].prompt("the cat ", "\n")
    status, body, _ = ask(served.address, "/completion", {"prompt": prompt, "n_predict": 4})
    assert status == 200 and "content" in json.loads(body)


def test_openai_clients_are_answered(served):
    status, body, _ = ask(served.address, "/v1/models")
    assert status == 200 and json.loads(body)["data"][0]["id"] == "fim"
    status, body, _ = ask(served.address, "/v1/completions", {"prompt": "the", "max_tokens": 2})
    assert status == 200 and json.loads(body)["choices"]


def test_no_page_reads_it_and_nobody_sees_what_others_sent(served):
    _, _, readable_by = ask(served.address, "/v1/models", Origin="http://evil.example")
    assert readable_by == served.address
    assert ask(served.address, "/slots")[0] == 501


def test_a_key_an_origin_and_a_model_without_tokens(tiny_gguf):
    server = Served(tiny_gguf, "--key", "--origin", "http://127.0.0.1:8888/", "--context", "512")
    try:
        key = re.search(r'api_key": "(\w{48})"', server.text)[1]
        assert f'apiKey: "{key}"' in server.text and f"API key: {key}" in server.text
        assert server.text.index("was not made to fill in the middle") < server.text.index(
            "Source:"
        )
        assert ask(server.address, "/v1/models")[0] == 401
        body = {"prompt": "the", "n_predict": 1}
        assert ask(server.address, "/completion", body)[0] == 401
        status, _, origin = ask(server.address, "/completion", body, Authorization=f"Bearer {key}")
        assert (status, origin) == (200, "http://127.0.0.1:8888")
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("http://127.0.0.1:8888/", "http://127.0.0.1:8888"),
        ("HTTPS://Lab.Example:443/lab?token=1#x", "https://lab.example"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("http://ada@lab.example:80", "http://lab.example"),
        *(
            (each, None)
            for each in ("foo", "", "*", "127.0.0.1:8888", "ftp://x", "http://", "null")
        ),
        *((each, None) for each in ("http://a b", "http://[::1", "http://x:99999", "http://*")),
    ],
)
def test_an_origin_is_what_browsers_send_or_refused(address, origin, fim_gguf):
    if origin:
        assert page_origin(address) == origin
    else:
        with pytest.raises(LabError, match="is not the address of a page"):
            serve_file(fim_gguf, "127.0.0.1", 1, "", address, 512)


def test_a_context_beyond_all_memory_is_a_sentence(fim_gguf, monkeypatch):
    with pytest.raises(ValueError, match="context must be a whole number, 256 to 2,147,483,647"):
        serve_file(fim_gguf, "127.0.0.1", 1, "", None, 3_000_000_000)

    def no_memory(*_):
        raise RuntimeError("failed to create context")

    monkeypatch.setattr(import_xllamacpp(), "Server", no_memory)
    with pytest.raises(LabError, match=r"damaged.*memory does not suffice for 512 tokens"):
        serve_file(fim_gguf, "127.0.0.1", 1, "", None, 512)


def test_a_port_in_use_is_a_sentence(fim_gguf):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = Served(fim_gguf, "--port", port)
    assert server.process.wait(30) == 1
    assert f"Port {port} is in use." in server.text
    assert "Traceback" not in server.text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("no-such-model",), "no-such-model"),
        (("/no/such/file.gguf",), "There is no file /no/such/file.gguf."),
    ],
)
def test_what_cannot_be_served_is_a_sentence(arguments, message):
    server = Served(*arguments)
    assert server.process.wait(30) == 1 and message in server.text
    assert "Traceback" not in server.text


def test_a_folder_is_served_by_the_file_in_it_or_beside_it(home, tmp_path, fim_gguf):
    for part, name in (("safetensors", "model.safetensors"), ("gguf", "mine.Q8_0.gguf")):
        with store.new_part("mine", part, "smollm2-135m, tuned on examples") as folder:
            (folder / name).write_bytes(fim_gguf.read_bytes())
    expected = store.part_folder("mine", "gguf") / "mine.Q8_0.gguf"
    folders = (
        store.part_folder("mine", "safetensors"),
        expected.parent,
        store.model_folder("mine"),
    )
    assert {served_file(str(folder)) for folder in folders} == {expected}
    assert served_file("mine") == expected
    with pytest.raises(LabError, match="There is no GGUF file in"):
        served_file(str(tmp_path))
