"""Layers that make a float32 model faster on a CPU without changing what it computes.

With one row, a layer's time on a CPU is the time to read its weights, plus an overhead per call.
oneDNN reads them faster from its own layout than MKL does from rows; layers that read the same
input run in one call; a norm is one operation instead of six. Measured by
tests/benchmarks/streaming.py. The results equal float32's, up to the order of the sums.
"""

from collections.abc import Iterator

import torch
from torch import nn

# transformers' names of the layers that read one input, in the order of their calls.
SIBLINGS = (("q_proj", "k_proj", "v_proj"), ("gate_proj", "up_proj"))


class PackedLinear(nn.Linear):
    """An ``nn.Linear`` with a second, packed copy of its weight for inference.

    The weight itself stays in place for reading, training and changing: with gradients enabled, or
    after a change of the weight, the layer computes from the weight again.
    """

    def pack(self, followers: tuple["PackedLinear", ...] = ()) -> None:
        """Makes the packed copy, together with the layers that read the same input."""
        group = (self, *followers)
        weight = torch.cat([layer.weight.detach() for layer in group])
        self._packed = torch.ops.mkldnn._reorder_linear_weight(weight, 1)
        has_bias = self.bias is not None
        self._bias = torch.cat([layer.bias.detach() for layer in group]) if has_bias else None
        self._followers = followers
        self._sizes = [layer.out_features for layer in group]
        for layer in group:
            layer._packed_from = layer._state()
        for follower in followers:
            follower._packed = None

    def _state(self) -> tuple:
        """A stamp that changes with the weight; cheap, because every call compares it."""
        weight, bias = self._parameters["weight"], self._parameters["bias"]
        own = (weight.data_ptr(), weight._version)
        return own if bias is None else (*own, bias.data_ptr(), bias._version)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The same as ``nn.Linear``: (…, in) to (…, out)."""
        if torch.is_grad_enabled() or self._packed_from != self._state():
            return super().forward(x)
        if self._packed is None:
            # The outputs travel on the input itself, so concurrent calls cannot mix them up.
            ready = getattr(x, "_outputs_of", {}).pop(self, None)
            return super().forward(x) if ready is None else ready
        out = torch.ops.mkldnn._linear_pointwise(x, self._packed, self._bias, "none", [], "")
        if not self._followers:
            return out
        own, *others = out.split(self._sizes, dim=-1)
        x._outputs_of = dict(zip(self._followers, others, strict=True))
        return own


class FusedRMSNorm(nn.Module):
    """A Llama-style RMSNorm as one operation of torch."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The same as the norm it replaces: (…, hidden) to (…, hidden)."""
        return torch.rms_norm(x, self.weight.shape, self.weight, self.variance_epsilon)


def optimize_for_cpu(model: nn.Module) -> None:
    """Makes a float32 model faster on a CPU, in place.

    Its modules, their names and their weights stay; a second copy of the linear layers' weights is
    made. Without oneDNN in this build of torch, nothing happens.
    """
    if not torch.backends.mkldnn.is_available():
        return
    for family in _families(model):
        for layer in family:
            layer.__class__ = PackedLinear
        leader, *followers = family
        leader.pack(tuple(followers))
    for module in model.modules():
        if _is_plain_rms_norm(module):
            module.__class__ = FusedRMSNorm


def _families(model: nn.Module) -> Iterator[tuple[nn.Linear, ...]]:
    """Every linear layer once, together with those that read the same input, or alone."""
    seen = set()
    for parent in model.modules():
        groups = [tuple(getattr(parent, name, None) for name in names) for names in SIBLINGS]
        for family in [*groups, *((child,) for child in parent.children())]:
            plain = all(type(layer) is nn.Linear for layer in family)
            if plain and not seen & set(family) and len({x.bias is None for x in family}) == 1:
                seen.update(family)
                yield family


def _is_plain_rms_norm(module: nn.Module) -> bool:
    """Whether it computes the same as `torch.rms_norm`; Gemma's, for one, adds 1 to its weight."""
    if not type(module).__name__.endswith("RMSNorm") or not hasattr(module, "variance_epsilon"):
        return False
    x = torch.linspace(-2, 3, module.weight.numel())
    with torch.inference_mode():
        return torch.allclose(module(x), FusedRMSNorm.forward(module, x), rtol=1e-5, atol=1e-6)
