"""Loading: every architecture, what is refused, what is repaired."""

import json

import pytest
import torch

import labkit
from labkit.errors import LabError
from labkit.models import loading
from labkit.models.catalogue import GENERATIVE

from ..conftest import TINY

ARCHITECTURES = sorted({entry.config["model_type"] for entry in GENERATIVE})
MORE = {
    "gemma3": {
        "text_config": {**TINY, "head_dim": 8},
        "vision_config": {
            "hidden_size": 8,
            "intermediate_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 1,
            "image_size": 28,
            "patch_size": 14,
        },
    },
    "lfm2": {"full_attn_idxs": [1]},
}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_architectures_of_the_catalogue_answer_as_generate_does(
    make_tiny, tmp_path, home, architecture
):
    folder = make_tiny(tmp_path / architecture, architecture, **MORE.get(architecture, {}))
    model = labkit.load(folder, device="cpu")
    assert model.model.config.model_type == architecture
    reply = labkit.generate(model, "the cat", raw=True, temperature=0, max_tokens=12)
    ids = torch.tensor([model.encode("the cat", raw=True)])
    expected = model.model.generate(ids, do_sample=False, max_new_tokens=12)[0, ids.shape[1] :]
    assert [step.token_id for step in reply.steps] == expected.tolist()


def test_two_streams_at_once_do_not_mix(make_tiny, tmp_path, home):
    from concurrent.futures import ThreadPoolExecutor

    model = labkit.load(make_tiny(tmp_path / "m"))
    prompts = ["the cat", "on the mat", "a hat", "sat and sat"]
    asked = {"temperature": 0, "max_tokens": 30}
    alone = [labkit.generate(model, prompt, **asked).text for prompt in prompts]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda prompt: labkit.generate(model, prompt, **asked), prompts))
    assert [reply.text for reply in together] == alone


def test_pickled_weights_are_refused(make_tiny, tmp_path, home):
    folder = make_tiny(tmp_path / "m")
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(LabError, match="pickled weights"):
        labkit.load(folder)


def test_code_that_comes_with_a_model_never_runs(make_tiny, tmp_path, home):
    folder = make_tiny(tmp_path / "m")
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "evil", "auto_map": {"AutoConfig": "evil.EvilConfig"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "evil.py").write_text("raise SystemExit('the code ran')")
    with pytest.raises(LabError, match="architecture"):
        labkit.load(folder)


def test_damaged_weights_are_reported(make_tiny, tmp_path, home):
    folder = make_tiny(tmp_path / "m")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(LabError, match="damaged"):
        labkit.load(folder)


def test_a_model_that_cannot_fit_is_refused_before_it_is_fetched(home, monkeypatch):
    from dataclasses import replace

    from labkit.models.machine import inspect_machine

    small = replace(inspect_machine(), available_bytes=2**30, gpus=(), apple_gpu=False)
    monkeypatch.setattr(loading, "inspect_machine", lambda: small)
    with pytest.raises(LabError, match=r"mistral-7b needs 14\.3 GiB"):
        labkit.load("mistral-7b")


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ({"name": "no-such-model"}, "knows no model"),
        ({"name": "/no/such/file.gguf"}, "no file"),
        ({"device": "tpu"}, "device must be one of"),
        ({"dtype": "int3"}, "dtype must be one of"),
    ],
)
def test_bad_input_gets_a_sentence(home, bad, sentence):
    with pytest.raises((LabError, ValueError), match=sentence):
        labkit.load(**bad)


def test_a_file_that_only_pretends_to_be_gguf(tmp_path, home):
    fake = tmp_path / "fake.gguf"
    fake.write_bytes(b"hello there")
    with pytest.raises(LabError, match="not a GGUF file"):
        labkit.load(fake)


def test_terms_come_first(home):
    with pytest.raises(LabError, match="Gemma terms of use") as refused:
        labkit.load("gemma-3-270m")
    assert "--accept-terms" in refused.value.hint
