"""Layers that can make a model faster on a CPU without changing what it computes.

With one row, a layer's time on a CPU is the time to read its weights, plus an overhead per call.
oneDNN reads them faster from its own layout than MKL does from rows, on most processors (see
`tuning`); layers that read the same input run in one call; a norm is one operation instead of
six. The results equal float32's, up to the order of the sums.
"""

from collections.abc import Iterable, Iterator
from typing import Any, TypeGuard, cast

import torch
from torch import nn

# transformers' names of the layers that read one input, in the order of their calls.
SIBLINGS = (("q_proj", "k_proj", "v_proj"), ("gate_proj", "up_proj"))


def _stamp(tensor: torch.Tensor) -> tuple[int, int]:
    # One that was made in inference mode, and put in the place of another, has no version.
    return tensor.data_ptr(), -1 if tensor.is_inference() else tensor._version


class PackedLinear(nn.Linear):
    """An ``nn.Linear`` with a second, packed copy of its weight for inference.

    The weight itself stays in place for reading, training and changing: with gradients enabled, or
    after a change of the weight, the layer computes from the weight again. So it does for good
    once somebody took ``layer.weight``: a change through its ``.data``, as PEFT merges, leaves no
    trace. One through the ``.data`` of what ``parameters()`` gives is not seen.
    """

    _packed: torch.Tensor | None  # None: a layer before this one computes its outputs too
    _packed_from: tuple[int, ...]
    _bias: torch.Tensor | None
    _followers: tuple["PackedLinear", ...]
    _sizes: list[int]

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

    def _state(self) -> tuple[int, ...]:
        """A stamp that changes with the weight; cheap, because every call compares it."""
        weight, bias = self._parameters["weight"], self._parameters["bias"]
        assert weight is not None
        return _stamp(weight) if bias is None else (*_stamp(weight), *_stamp(bias))

    def __getattr__(self, name: str) -> Any:
        """See `torch.nn.Module`; who gets the weight may change it at any later time."""
        if name == "weight":
            self._packed_from = ()
        return super().__getattr__(name)

    def _unpacked(self, input: torch.Tensor) -> torch.Tensor:
        weight, bias = self._parameters["weight"], self._parameters["bias"]
        assert weight is not None
        return nn.functional.linear(input, weight, bias)

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """The same as ``nn.Linear``: (…, in) to (…, out)."""
        if torch.is_grad_enabled() or self._packed_from != self._state():
            return self._unpacked(input)
        if self._packed is None:
            # The outputs travel on the input itself, so concurrent calls cannot mix them up.
            ready = getattr(input, "_outputs_of", {}).pop(self, None)
            return self._unpacked(input) if ready is None else ready
        out = torch.ops.mkldnn._linear_pointwise(input, self._packed, self._bias, "none", [], "")
        if not self._followers:
            return out
        own, *others = out.split(self._sizes, dim=-1)
        input.__dict__["_outputs_of"] = dict(zip(self._followers, others, strict=True))
        return own


class FusedRMSNorm(nn.Module):
    """A Llama-style RMSNorm as one operation of torch."""

    weight: torch.Tensor
    variance_epsilon: float

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The same as the norm it replaces: (…, hidden) to (…, hidden)."""
        return torch.rms_norm(x, self.weight.shape, self.weight, self.variance_epsilon)


Family = tuple[nn.Linear, ...]


def can_pack(dtype: torch.dtype) -> bool:
    """Whether this torch and this processor have packed layers of that dtype."""
    if not torch.backends.mkldnn.is_available():
        return False
    return dtype == torch.float32 or (
        dtype == torch.bfloat16 and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    )


def pack(families: Iterable[Family]) -> None:
    """Makes a second, packed copy of the weights of layers, in place, where `can_pack`."""
    for family in families:
        for layer in family:
            layer.__class__ = PackedLinear
        leader, *followers = cast(tuple[PackedLinear, ...], family)
        leader.pack(tuple(followers))


def fuse_norms(model: nn.Module) -> None:
    """Makes each Llama-style RMSNorm of a model one operation, in place."""
    for module in model.modules():
        if _is_plain_rms_norm(module):
            module.__class__ = FusedRMSNorm


def families(model: nn.Module) -> Iterator[Family]:
    """Every linear layer once, together with those that read the same input, or alone."""
    seen: set[nn.Module] = set()
    for parent in model.modules():
        groups = [[getattr(parent, name, None) for name in names] for names in SIBLINGS]
        for group in [*groups, *([child] for child in parent.children())]:
            family = tuple(layer for layer in group if _is_packable(layer))
            plain = len(family) == len(group)
            if plain and not seen & set(family) and len({x.bias is None for x in family}) == 1:
                seen.update(family)
                yield family


def _is_packable(module: nn.Module | None) -> TypeGuard[nn.Linear]:
    """Whether it is a plain layer; a weight made in inference mode does not count its changes."""
    return type(module) is nn.Linear and not module.weight.is_inference()


def _is_plain_rms_norm(module: nn.Module) -> bool:
    """Whether it computes the same as `torch.rms_norm`; Gemma's, for one, adds 1 to its weight.

    In 16 bits up to a rounding: theirs rounds twice.
    """
    if not type(module).__name__.endswith("RMSNorm") or not hasattr(module, "variance_epsilon"):
        return False
    norm = cast(FusedRMSNorm, module)  # by its attributes
    x = torch.linspace(-2, 3, norm.weight.numel(), dtype=norm.weight.dtype)
    tolerance = 1e-5 if x.dtype == torch.float32 else 1e-2
    with torch.inference_mode():
        return torch.allclose(norm(x), FusedRMSNorm.forward(norm, x), rtol=tolerance, atol=1e-6)
