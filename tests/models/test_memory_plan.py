"""Memory by arithmetic, and where a model goes on machines that we do not have."""

from dataclasses import replace

import pytest

from labkit.errors import LabError
from labkit.models import machine as machine_module
from labkit.models.catalogue import CATALOGUE
from labkit.models.machine import Gpu, Machine, inspect_machine, usable_by_torch
from labkit.models.memory_plan import cache_bytes, gpu_free_bytes, plan, plan_entry, require_fit

GIB = 1024**3
LAPTOP = Machine("Linux x86_64", "some CPU", 8, (), 16 * GIB, 12 * GIB, 100 * GIB, (), False)
SMALL = replace(LAPTOP, memory_bytes=2 * GIB, available_bytes=1 * GIB)
APPLE = replace(LAPTOP, system="Darwin arm64", apple_gpu=True)
WITH_GPU = replace(LAPTOP, gpus=(Gpu("some GPU", 8 * GIB, 7 * GIB, "580"),))


def planned(name, machine, **more):
    entry = CATALOGUE[name]
    return plan(entry.parameters, entry.config, machine, **more)


@pytest.mark.parametrize(
    ("machine", "device", "dtype"),
    [(LAPTOP, "cpu", "float32"), (APPLE, "mps", "float16"), (WITH_GPU, "cuda", "bfloat16")],
)
def test_device_and_dtype_by_rule(machine, device, dtype):
    chosen = planned("smollm2-135m", machine)
    assert (chosen.device, chosen.needs.dtype) == (device, dtype)
    assert chosen.fits


def test_a_gpu_without_bfloat16_gets_float16():
    assert planned("smollm2-135m", WITH_GPU, half="float16").needs.dtype == "float16"


def test_too_large_for_the_gpu_is_spread():
    chosen = planned("mistral-7b", WITH_GPU)
    assert chosen.spread
    assert chosen.fits
    assert not planned("qwen2.5-1.5b", WITH_GPU).spread


def test_bfloat16_on_a_cpu_only_where_float32_does_not_fit():
    assert planned("qwen2.5-1.5b", LAPTOP).needs.dtype == "float32"
    assert planned("llama-3.2-3b", LAPTOP).needs.dtype == "bfloat16"
    assert planned("llama-3.2-3b", LAPTOP).fits


def test_packed_only_where_a_second_copy_fits():
    assert planned("smollm2-1.7b", replace(LAPTOP, available_bytes=20 * GIB)).packed
    assert not planned("smollm2-1.7b", replace(LAPTOP, available_bytes=8 * GIB)).packed


def test_a_refusal_has_the_numbers_and_what_fits():
    chosen = plan_entry(CATALOGUE["llama-2-7b"], SMALL)
    with pytest.raises(LabError) as refused:
        require_fit("llama-2-7b", chosen, SMALL)
    assert "needs 14.1 GiB in bfloat16" in refused.value.problem
    assert "1.0 GiB are free here" in refused.value.problem
    assert "smollm2-135m" in refused.value.hint
    assert "smollm2-1.7b" not in refused.value.hint


SHAPES = {
    **{name: CATALOGUE[name].config for name in ("smollm2-135m", "qwen2.5-0.5b", "gemma-3-270m")},
    "mistral with a window": {
        "model_type": "mistral",
        "hidden_size": 64,
        "num_hidden_layers": 3,
        "sliding_window": 200,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 1000,
    },
}


@pytest.mark.parametrize("name", SHAPES)
def test_cache_bytes_are_those_of_a_real_cache(name):
    """Oracle: the cache that transformers itself fills, on a model of few weights."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, DynamicCache

    fields = dict(SHAPES[name]) | {"vocab_size": 32, "intermediate_size": 8}
    model_type = fields.pop("model_type")
    config = AutoConfig.for_model(model_type, **fields)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    cache, tokens = DynamicCache(config=config), 600
    with torch.inference_mode():
        model(torch.ones((1, tokens), dtype=torch.long), past_key_values=cache, logits_to_keep=1)
    held = sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers)
    predicted = cache_bytes(SHAPES[name], tokens, "float32")
    assert held == pytest.approx(predicted, rel=0.01)  # a window may keep one token less


def test_this_machine():
    here = inspect_machine()
    assert 0 < here.available_bytes <= here.memory_bytes
    assert here.cores >= 1
    assert here.disk_free_bytes > 0


def test_no_driver_means_no_gpu(monkeypatch):
    import pynvml

    def fail():
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.setattr(pynvml, "nvmlInit", fail)
    assert machine_module._gpus() == ()


def test_of_lfm2_the_layers_with_attention_alone_keep_keys():
    config = CATALOGUE["lfm2-350m"].config
    kept = len(config["full_attn_idxs"]) * 2 * config["num_key_value_heads"]
    head = config["hidden_size"] // config["num_attention_heads"]
    assert cache_bytes(config, 100, "float32") == 100 * kept * head * 4


def test_the_memory_is_that_of_the_gpu_that_is_used():
    small, large = Gpu("a", 8 * GIB, 2 * GIB, "580"), Gpu("b", 80 * GIB, 80 * GIB, "580")
    both = replace(LAPTOP, gpus=(small, large))
    assert gpu_free_bytes(both, "cuda") == 2 * GIB and gpu_free_bytes(both, "cuda:1") == 80 * GIB
    assert planned("smollm2-1.7b", both).spread
    assert not planned("smollm2-1.7b", both, device="cuda:1").spread


def test_only_what_torch_can_use_counts(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    for machine in (WITH_GPU, APPLE):
        assert planned("smollm2-135m", usable_by_torch(machine)).device == "cpu"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert usable_by_torch(APPLE).apple_gpu and not usable_by_torch(LAPTOP).apple_gpu
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (3 * GIB, 24 * GIB))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 2 * GIB)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: GIB)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "torch's first")
    assert usable_by_torch(WITH_GPU).gpus == (Gpu("torch's first", 24 * GIB, 4 * GIB, None),)

    def busy(device):
        raise RuntimeError("CUDA error: all CUDA-capable devices are busy or unavailable")

    monkeypatch.setattr(torch.cuda, "mem_get_info", busy)
    assert usable_by_torch(WITH_GPU).gpus == ()
