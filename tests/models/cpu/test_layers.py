"""Packed layers and fused norms compute what they replace."""

import copy

import pytest
import torch

from labkit.models.cpu import layers
from labkit.models.cpu.layers import FusedRMSNorm, PackedLinear

ARCHITECTURES = ("llama", "mistral", "phi3", "qwen2", "qwen3", "olmo2", "gemma3_text")


def optimize(model):
    layers.fuse_norms(model)
    layers.pack(layers.families(model))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_packed_layers_compute_what_plain_ones_do(make_tiny, tmp_path, architecture):
    from transformers import AutoModelForCausalLM

    folder = make_tiny(tmp_path / architecture, architecture)
    plain = AutoModelForCausalLM.from_pretrained(folder).eval()
    packed = AutoModelForCausalLM.from_pretrained(folder).eval()
    optimize(packed)
    assert any(isinstance(module, PackedLinear) for module in packed.modules())
    fused = any(isinstance(module, FusedRMSNorm) for module in packed.modules())
    assert fused == (architecture != "gemma3_text")
    ids = torch.arange(2, 40)[None]
    with torch.inference_mode():
        torch.testing.assert_close(packed(ids).logits, plain(ids).logits, rtol=1e-4, atol=1e-5)


def through_version(layer):
    with torch.no_grad():
        layer.weight.mul_(3)


def through_data(layer):
    layer.weight.data *= 3


def by_new_data(layer):
    layer.weight.data = 3 * layer.weight.detach()


def by_a_new_parameter(layer):
    layer.weight = torch.nn.Parameter(3 * layer.weight.detach())


CHANGES = [through_version, through_data, by_new_data, by_a_new_parameter]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", ["q_proj", "k_proj", "o_proj"])
def test_a_changed_weight_is_seen_by_a_packed_layer(make_tiny, tmp_path, name, change):
    """Layers that lead, that follow and that stand alone."""
    from transformers import AutoModelForCausalLM

    folder = make_tiny(tmp_path / "m")
    packed = AutoModelForCausalLM.from_pretrained(folder).eval()
    plain = AutoModelForCausalLM.from_pretrained(folder).eval()
    optimize(packed)
    ids = torch.arange(2, 40)[None]
    with torch.inference_mode():
        before = packed(ids).logits
        for model in (packed, plain):
            change(getattr(model.model.layers[0].self_attn, name))
        after = packed(ids).logits
        torch.testing.assert_close(after, plain(ids).logits, rtol=1e-4, atol=1e-5)
        assert not torch.allclose(before, after, rtol=1e-4, atol=1e-5)


def test_a_weight_that_somebody_has_in_hand_may_change_at_any_time():
    layer = torch.nn.Linear(64, 64)
    layers.pack([(layer,)])
    ones, held = torch.ones(1, 1, 64), layer.weight.data
    with torch.inference_mode():
        for value in (2.0, 3.0):
            held.fill_(value)
            torch.testing.assert_close(layer(ones), 64 * value + layer.bias[None, None])


def test_a_copy_or_a_look_leaves_the_packed_layer_in_use():
    layer = torch.nn.Linear(64, 64)
    layers.pack([(layer,)])
    own = torch.nn.Parameter(next(layer.parameters()))
    torch.testing.assert_close(own, copy.deepcopy(next(layer.parameters())))
    assert "bias=True" in repr(layer) and layer.state_dict().keys() == {"weight", "bias"}
    layer(torch.ones(1, 1, 64, requires_grad=True)).sum().backward()
    assert layer._packed_from == layer._state()


def test_a_packed_layer_learns(make_tiny, tmp_path):
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(make_tiny(tmp_path / "m"))
    optimize(model)
    model(torch.arange(2, 9)[None]).logits.sum().backward()
    assert all(layer.weight.grad is not None for layer in model.modules() if hasattr(layer, "pack"))


def test_packed_bfloat16_layers_compute_exactly_what_plain_ones_do(make_tiny, tmp_path):
    from transformers import AutoModelForCausalLM

    if not layers.can_pack(torch.bfloat16):
        pytest.skip("this processor has no bfloat16 units")
    folder = make_tiny(tmp_path / "m")
    plain = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16).eval()
    packed = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16).eval()
    layers.pack(layers.families(packed))
    ids = torch.arange(2, 40)[None]
    with torch.inference_mode():
        assert torch.equal(packed(ids).logits, plain(ids).logits)
        layers.fuse_norms(packed)
        assert any(isinstance(module, FusedRMSNorm) for module in packed.modules())
        torch.testing.assert_close(packed(ids).logits, plain(ids).logits, rtol=0.05, atol=0.01)


def test_what_cannot_be_packed():
    assert not layers.can_pack(torch.float16)
    with torch.inference_mode():
        model = torch.nn.Sequential(torch.nn.Linear(8, 8))
    assert list(layers.families(model)) == []
