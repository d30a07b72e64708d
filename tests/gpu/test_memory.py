"""The GPU's memory: the cache to the byte, the plan, models too large, and memory that is full."""

import json
from contextlib import contextmanager

import pytest
import torch
from safetensors.torch import save_file

import labkit
from labkit.backends.generate import collect_rows
from labkit.backends.settings import Settings
from labkit.errors import LabError
from labkit.formatting import GIB, MIB
from labkit.models.memory_plan import CONVERSATION_TOKENS

from .random_models import LARGE, MIDDLE, PROMPT, SHAPES, SMALL, logprobs, mean_kl, prompt_of


@pytest.mark.parametrize("name", SHAPES)
def test_cache_bytes_are_exact(rig, checks, name):
    model = rig.random_model(name, "bfloat16")
    growth = labkit.speed.measure_cache(model, lengths=(1, 64, 200, 400))
    for size in growth.sizes:
        checks.same(f"bytes of {size.tokens} tokens", size.used_bytes, size.computed_bytes)


@pytest.mark.parametrize("name", SHAPES)
def test_the_plan_is_what_torch_takes(rig, checks, name):
    """Of the longest conversation planned for; torch's peak is without what CUDA itself takes."""
    model, tokens = rig.random_model(name, "bfloat16"), rig.size(CONVERSATION_TOKENS, 256)
    rig.free()  # of what making the weights took
    prompt = prompt_of(model, tokens - 16)
    model.gpu_peak_bytes(reset=True)
    reply = labkit.generate(model, prompt, raw=True, temperature=0, max_tokens=8)
    needs, peak = model.plan.needs, model.gpu_peak_bytes() or model.plan.needs.weights_bytes
    checks.note("tokens of the conversation", reply.prompt_tokens + len(reply.steps))
    checks.note("torch's peak, MiB", peak / MIB)
    checks.note("CUDA's own, MiB", outside_of_torch(rig) / MIB)
    planned = needs.weights_bytes + needs.cache_bytes
    checks.within("weights and cache, of torch's peak", planned / peak, 0.15)
    whole = peak + outside_of_torch(rig)
    checks.within("the whole plan, of that and CUDA's own", needs.memory_bytes / whole, 0.15)


def outside_of_torch(rig):
    """Bytes of the GPU that torch's allocator did not take: CUDA's context and its kernels."""
    if rig.dry:
        return 0
    free, total = torch.cuda.mem_get_info()
    return total - free - torch.cuda.memory_reserved()


def test_too_large_is_refused_before_it_is_read(rig, checks, tmp_path, tiny_tokenizer):
    fields = {"hidden_size": 131_072, "intermediate_size": 524_288, "num_hidden_layers": 40}
    heads = {"num_attention_heads": 1024, "num_key_value_heads": 1024, "vocab_size": 300}
    config = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], **fields, **heads}
    (tmp_path / "config.json").write_text(json.dumps(config))
    save_file({"lm_head.weight": torch.zeros(1)}, tmp_path / "model.safetensors")  # not its own
    tiny_tokenizer.save_pretrained(tmp_path)
    before = rig.free_bytes()
    with pytest.raises(LabError, match=r"needs [\d.]+ GiB .* are free here") as refused:
        labkit.load(tmp_path, device=rig.device)
    checks.note("sentence", refused.value.problem.replace(str(tmp_path), "a folder"))
    checks.fast("free bytes after, of those before", rig.free_bytes() / before, 0.99)


@contextmanager
def filled(rig, left_bytes):
    """The GPU's memory but for a part, taken by plain allocations, as by another program."""
    if rig.dry:
        yield
        return
    rig.free()
    filler = torch.empty(max(0, rig.free_bytes() - left_bytes), dtype=torch.uint8, device="cuda")
    try:
        yield
    finally:
        del filler
        rig.free()


def test_too_large_for_the_gpu_is_spread(rig, checks, tmp_path):
    """Weights of 3.2 GiB with 2.5 GiB free: the plan says so, and accelerate splits them."""
    model = rig.random_model(MIDDLE, "bfloat16")
    ids = model.encode(PROMPT, raw=True)
    expected = logprobs(model, ids)
    model.model.save_pretrained(tmp_path)
    model.tokenizer.save_pretrained(tmp_path)
    del model
    with filled(rig, int(2.5 * GIB)):
        spread = labkit.load(tmp_path, device=rig.device, dtype="bfloat16")
        parts = sorted({str(each) for each in getattr(spread.model, "hf_device_map", {}).values()})
        checks.note("devices", ", ".join(parts) or "one")
        checks.same("spread", spread.plan.spread, not rig.dry)
        checks.same("a part is in main memory", "cpu" in parts, not rig.dry)
        divergence = mean_kl(expected, logprobs(spread, ids))
        checks.at_most("mean KL from the model in one piece", divergence, 2e-3)
        reply = labkit.generate(spread, PROMPT, raw=True, temperature=0, max_tokens=4)
        checks.same("tokens written", len(reply.steps), 4)
        del spread


@contextmanager
def limited(rig, model, more_bytes, monkeypatch):
    """Memory that ends in the middle of an answer: of torch's share of it, or made up on a CPU."""
    with monkeypatch.context() as patch:
        if rig.dry:
            forward, passes = model.model.forward, iter(range(5))

            def until_full(*args, **kwargs):
                if next(passes, None) is None:
                    raise torch.OutOfMemoryError("CUDA out of memory.")
                return forward(*args, **kwargs)

            patch.setattr(model.model, "forward", until_full)
            yield
            return
        share = (torch.cuda.memory_reserved() + more_bytes) / torch.cuda.mem_get_info()[1]
        torch.cuda.set_per_process_memory_fraction(share)
        try:
            yield
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)


@pytest.mark.parametrize("name", [SMALL, LARGE])
def test_out_of_memory_keeps_the_partial_answer(rig, checks, monkeypatch, name):
    model, rows = rig.random_model(name, "bfloat16"), rig.size(64, 4)
    settings = [Settings(temperature=1, seed=seed, max_tokens=2000) for seed in range(rows)]
    labkit.generate(model, PROMPT, raw=True, max_tokens=4)  # what cuBLAS takes, it keeps
    rig.free()
    before = torch.cuda.memory_allocated()
    # Room for the scores of 64 rows, and for a hundred tokens or two of their caches.
    with limited(rig, model, (1.5 if name == LARGE else 0.6) * GIB, monkeypatch):
        running = model.stream_rows(PROMPT, settings, raw=True, batch_size=rows)
        replies = collect_rows(model.name, PROMPT, running, lambda: None)
        kept = torch.cuda.memory_allocated() - before
    failed = [reply for reply in replies if reply.finish == "failed"]
    checks.at_least("answers cut short", len(failed), 1)
    checks.note("sentence", failed[0].error if failed else "none")
    checks.same("it says so", bool(failed and "memory is full" in failed[0].error), True)
    checks.at_least("tokens kept of each", min(len(each.steps) for each in replies), 1)
    checks.note("tokens kept in all", sum(len(each.steps) for each in replies))
    checks.at_most("MiB still allocated afterwards", kept / MIB, 16)
    again = labkit.generate(model, PROMPT, raw=True, temperature=0, max_tokens=4)
    checks.same("the next answer", again.finish, "length")
