"""Models whose configurations use other names, or whose layers are not all attention."""

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, DynamicCache

import labkit
from labkit.errors import LabError
from labkit.models.memory_plan import UNLIMITED, cache_bytes, config_fields, context_length

from ..tiny_architectures import ATTENTION, HYBRID, STATE_SPACE

ALL = ATTENTION | HYBRID | STATE_SPACE
PROMPT = "the cat sat on the mat"


@pytest.mark.parametrize("architecture", ALL)
def test_it_writes_what_transformers_writes(make_tiny, tmp_path, home, architecture):
    folder = make_tiny(tmp_path / "m", architecture, **ALL[architecture])
    model = labkit.load(folder)
    ids = torch.tensor([model.encode(PROMPT, raw=True)])
    reply = labkit.generate(model, PROMPT, raw=True, temperature=0, max_tokens=8)
    theirs = AutoModelForCausalLM.from_pretrained(folder).generate(
        ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=8
    )
    assert [step.token_id for step in reply.steps] == theirs[0, ids.shape[1] :].tolist()


@pytest.mark.parametrize("architecture", ATTENTION | HYBRID)
def test_cache_bytes_are_those_of_transformers_cache(make_tiny, tmp_path, architecture):
    """Oracle: the keys and values that transformers itself stores of 64 tokens."""
    folder = make_tiny(tmp_path / "m", architecture, **ALL[architecture])
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    cache = DynamicCache(config=model.config)
    with torch.inference_mode():
        model(torch.full((1, 64), 5), past_key_values=cache, use_cache=True)
    pairs = [(getattr(each, "keys", None), getattr(each, "values", None)) for each in cache.layers]
    held = sum(each.nbytes for pair in pairs for each in pair if each is not None)
    fields = config_fields(model.config)
    assert cache_bytes(fields, 64, "float32") == held
    assert cache_bytes(fields, 1, "float32") == held // 64


@pytest.mark.parametrize(("architecture", "token_bytes"), [("lfm2", 128), ("qwen3_5_text", 128)])
def test_only_the_layers_with_attention_count(architecture, token_bytes):
    """One of two layers: a key and a value of 8 numbers, of 4 bytes each, for 2 heads."""
    shape = {"hidden_size": 32, "num_attention_heads": 4, "num_key_value_heads": 2}
    layers = {"num_hidden_layers": 2, **HYBRID[architecture]}
    config = AutoConfig.for_model(architecture, **shape, **layers)
    for fields in (config_fields(config), config.to_dict()):
        assert cache_bytes(fields, 1, "float32") == token_bytes


@pytest.mark.parametrize("architecture", STATE_SPACE)
def test_a_state_space_model_has_no_kv_cache(make_tiny, tmp_path, home, architecture):
    model = labkit.load(make_tiny(tmp_path / "m", architecture, **STATE_SPACE[architecture]))
    assert model.plan.needs.cache_bytes == 0
    with pytest.raises(LabError, match="a state of the same size at any length"):
        labkit.speed.measure_cache(model)


@pytest.mark.parametrize("architecture", ["rwkv", "minimax", "openai-gpt", "recurrent_gemma"])
def test_a_state_of_its_own_kind_is_refused(make_tiny, tmp_path, home, architecture):
    """transformers' common cache would stay empty, and the model forget what it has read."""
    folder = make_tiny(tmp_path / "m", architecture)
    with pytest.raises(LabError, match=f"cannot run {architecture}: it keeps what it has read"):
        labkit.load(folder)


def test_the_context_is_what_the_configuration_states():
    states = [
        ("gpt2", {"n_positions": 77}, 77),
        ("mpt", {"max_seq_len": 77}, 77),
        ("bloom", {"seq_length": 77}, 77),
        ("llama", {"max_position_embeddings": 77}, 77),
        ("mamba", {}, UNLIMITED),
    ]
    for architecture, fields, tokens in states:
        assert context_length(AutoConfig.for_model(architecture, **fields)) == tokens


def test_a_field_that_an_architecture_does_not_have_counts_nothing():
    config = AutoConfig.for_model("gpt2", n_embd=32, n_head=4, n_layer=2, num_key_value_heads=1)
    assert cache_bytes(config_fields(config), 1, "float32") == 2 * 32 * 2 * 4
