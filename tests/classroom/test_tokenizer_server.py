"""A tokenizer in the class's process gives what the same one gives in this process."""

import threading

import pytest
import requests

from labkit.classroom.settings import free_port
from labkit.classroom.tokenizer_server import open_server
from labkit.errors import LabError
from labkit.models.tokenizers import shared
from labkit.models.tokenizers.open import known_tokenizers, open_tokenizer
from labkit.models.tokenizers.shared import SharedReader
from labkit.topics.tokens.tokenization import tokenize
from labkit.topics.tokens.vocabulary.vocabulary_statistics import map_vocabulary

TEXTS = (
    "",
    "The Donaudampfschiff costs 12345 €: print(x)  # naïve 👩‍🚀",
    "e\u0301\x00\x04\t\n\r\u2028\U0010ffff ▁",
    "<|im_start|>user\nHello<|im_end|><|endoftext|>",
)

pytestmark = pytest.mark.usefixtures("notebook_files")


@pytest.fixture(scope="module")
def address():
    """Of a server in this process."""
    server = open_server(0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("name", known_tokenizers())
def test_everything_is_as_in_one_process(name, address):
    own, far = open_tokenizer(name), SharedReader(name, address)
    assert repr(far) == repr(own) and far.title == own.title and far.kind == own.kind
    for of in ("bytes_of", "rank_of", "is_special"):
        here, there = getattr(own, of), getattr(far, of)
        assert all(here(i) == there(i) for i in range(own.size)), of
    assert far.bytes_of(own.size) == far.bytes_of(-1) == b""
    assert far.rank_of(own.size) is None and not far.is_special(-1)
    for text in TEXTS:
        for special in (False, True):
            ids = own.encode(text, special=special)
            assert far.encode(text, special=special) == ids
            assert far.decode(ids) == own.decode(ids)
        assert far.normalize(text) == own.normalize(text)
    assert far.encode_each(TEXTS) == own.encode_each(TEXTS)
    some = range(300, 600)
    assert far.round_trips(some) == own.round_trips(some)


@pytest.mark.parametrize("name", ["smollm2", "mistral-v1"])
def test_offsets_too(name, address):
    """Of a byte that the vocabulary lacks, and of a reader that has none."""
    own, far = open_tokenizer(name), SharedReader(name, address)
    if name == "smollm2":
        assert far.offsets("tick\x04tock") == own.offsets("tick\x04tock")
    else:
        with pytest.raises(LabError, match="preserves every byte"):
            far.offsets("text")


def test_a_kernel_that_is_told_of_it_keeps_none_itself(address, monkeypatch):
    own = tokenize("tick\x04tock 👩‍🚀", "qwen2.5"), map_vocabulary("gpt2")
    monkeypatch.setenv(shared.ADDRESS, address)
    far = tokenize("tick\x04tock 👩‍🚀", "qwen2.5"), map_vocabulary("gpt2")
    assert own[0].reader.library is not None and far[0].reader.library is None
    assert own == far and own[0].tokens == far[0].tokens


def test_what_it_does_not_do_is_said(address):
    far = SharedReader("gpt2", address)
    for method in ("__init__", "library", "bytes_of"):
        with pytest.raises(LabError, match="method must be one of"):
            far._call(method)
    with pytest.raises(LabError, match="shares no tokenizer"):
        SharedReader("../gpt2", address)
    with pytest.raises(LabError, match="at most"):
        far.encode("a" * 64_000_001)
    assert far.encode("still here") == open_tokenizer("gpt2").encode("still here")


@pytest.mark.parametrize("length", ["-1", "many", "64000001"])
def test_a_question_without_a_bound_is_not_read(address, length):
    headers = {"Content-Length": length}
    answer = requests.post(f"{address}/gpt2", headers=headers, timeout=10)
    assert answer.status_code == 413


def test_one_that_is_restarted_is_waited_for(monkeypatch):
    monkeypatch.setattr(shared, "WAIT_S", 0)
    port = free_port()
    with pytest.raises(LabError, match=r"do not answer.*\n.*who leads the class"):
        SharedReader("gpt2", f"http://127.0.0.1:{port}")
    monkeypatch.setattr(shared, "WAIT_S", 20)
    server = open_server(port)
    threading.Timer(1, server.serve_forever).start()
    assert SharedReader("gpt2", f"http://127.0.0.1:{port}").size == 50257
    server.shutdown()
    server.server_close()
