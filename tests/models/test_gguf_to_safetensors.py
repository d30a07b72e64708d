"""The converted folder against llama.cpp reading the same GGUF: same tokens, same scores."""

import json
import math
import os
import urllib.request

import pytest
import torch

from labkit.models.gguf_to_safetensors import quiet_transformers

xllamacpp = pytest.importorskip("xllamacpp", reason="pip install 'labkit[llamacpp]'")

TEXT = (
    "The first computers filled whole rooms. In 1946, ENIAC weighed 27 tons and had 17,468 tubes.\n"
    "def area(radius):\n    return 3.14159 * radius ** 2\n\n"
    "Water boils at 100 degrees Celsius, but on a mountain it boils sooner, because"
)
SPLITS = [
    "12345 + 678",
    "a   12",
    "def f():\n    1",
    "x\n   3",
    "2024-01-01   5",
    "Hello world",
    "1999's don't",
    "日本語 😀",
    "नमस्ते ३",
    "٣ ½ ²",
    "tab\t9",
    "  indent\n\n  x=1",
]
TOP = 200


@pytest.fixture(scope="module")
def llamacpp(smollm2):
    """llama.cpp's own server on the loopback, with the GGUF that was converted."""
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(smollm2.gguf_file)
    parameters.n_ctx, parameters.n_parallel, parameters.verbosity = 1024, 1, 0
    parameters.cpuparams.n_threads = os.cpu_count()
    server = xllamacpp.Server(parameters)  # stops when nothing refers to it any more
    address = server.listening_address

    def post(path, body):
        data = json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(address + path, data, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    yield post
    del server


@pytest.mark.parametrize("text", SPLITS)
def test_text_becomes_the_same_tokens(smollm2, llamacpp, text):
    theirs = llamacpp("/tokenize", {"content": text, "add_special": False})["tokens"]
    assert smollm2.tokenizer(text, add_special_tokens=False)["input_ids"] == theirs


def test_a_conversation_becomes_the_same_tokens(smollm2, llamacpp):
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello!"},
        {"role": "assistant", "content": "Hi."},
        {"role": "user", "content": "Why?"},
    ]
    prompt = llamacpp("/apply-template", {"messages": messages})["prompt"]
    theirs = llamacpp("/tokenize", {"content": prompt, "parse_special": True})["tokens"]
    assert smollm2.encode(messages) == theirs


@pytest.mark.slow
def test_next_token_scores_are_those_of_llamacpp(smollm2, llamacpp):
    """Mean KL divergence under 0.02 and the same best token in 95 % of the positions.

    llama.cpp tells its `TOP` likeliest tokens; the rest is one outcome together, which can only
    make the divergence smaller where both agree on the rest's sum.
    """
    ids = smollm2.tokenizer(TEXT)["input_ids"]
    assert len(ids) >= 60
    with torch.inference_mode():
        ours = smollm2.model(torch.tensor([ids])).logits[0].log_softmax(-1)
    divergences, same = [], 0
    for end in range(5, len(ids)):
        rows = llamacpp(
            "/completion",
            {
                "prompt": ids[:end],
                "n_predict": 1,
                "n_probs": TOP,
                "temperature": 1.0,
                "cache_prompt": True,
            },
        )["completion_probabilities"][0]["top_logprobs"]
        theirs = {row["id"]: row["logprob"] for row in rows}
        divergences.append(divergence(theirs, ours[end - 1]))
        same += max(theirs, key=theirs.get) == ours[end - 1].argmax().item()
    assert len(divergences) >= 50
    assert sum(divergences) / len(divergences) < 0.02
    assert same / len(divergences) >= 0.95


def divergence(theirs: dict[int, float], ours: torch.Tensor) -> float:
    """KL(theirs | ours) in nats over the reported tokens, and all others as one outcome."""
    pairs = [(math.exp(lp), math.exp(ours[i].item())) for i, lp in theirs.items()]
    rest_p = max(1e-9, 1 - sum(p for p, _ in pairs))
    rest_q = max(1e-9, 1 - sum(q for _, q in pairs))
    return sum(p * math.log(p / q) for p, q in [*pairs, (rest_p, rest_q)])


def test_the_folder_is_an_ordinary_one(smollm2):
    """Nothing of GGUF, of this machine or of its owner alone is left in it."""
    names = {path.name for path in smollm2.folder.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja"} <= names
    for name in ("config.json", "tokenizer_config.json"):
        assert not {"quantization_config", "gguf_file"} & set(
            json.loads((smollm2.folder / name).read_text())
        )
    assert (smollm2.folder / "model.safetensors").stat().st_mode & 0o044 == 0o044


@pytest.mark.slow
def test_weights_are_the_files_own_numbers(smollm2):
    """Three tensors, undone by the gguf package itself, bit for bit."""
    import numpy as np
    from gguf import GGUFReader
    from gguf.quants import dequantize

    names = {
        "blk.0.ffn_down.weight": "model.layers.0.mlp.down_proj.weight",
        "blk.29.attn_v.weight": "model.layers.29.self_attn.v_proj.weight",
        "output_norm.weight": "model.norm.weight",
    }
    weights = smollm2.model.state_dict()
    for tensor in GGUFReader(smollm2.gguf_file).tensors:
        if tensor.name in names:
            theirs = dequantize(tensor.data, tensor.tensor_type)
            np.testing.assert_array_equal(weights[names.pop(tensor.name)].numpy(), theirs)
    assert not names


def test_transformers_shows_no_bars_of_its_own(capsys):
    from transformers import modeling_gguf_pytorch_utils as gguf_reader
    from transformers.utils import logging

    with quiet_transformers():
        assert list(gguf_reader.tqdm(range(3), desc="de-quantizing")) == [0, 1, 2]
        assert not logging.is_progress_bar_enabled()
    assert not capsys.readouterr().err
    assert list(gguf_reader.tqdm(range(3), desc="as before")) == [0, 1, 2]
    assert "as before" in capsys.readouterr().err
