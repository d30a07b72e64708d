"""Linear layers that read their weights in the order in which a CPU wants them.

With one row, a layer's time on a CPU is the time to read its weights, and to start reading. oneDNN
reads them faster from a layout of its own than MKL does from rows, and layers that read the same
input start together (tests/benchmarks/streaming.py). The results are float32's, up to the order of
the sums.
"""

from itertools import chain

import torch
from torch import nn

# Names by which transformers calls the layers that read one input, in the order of their calls.
SIBLINGS = (("q_proj", "k_proj", "v_proj"), ("gate_proj", "up_proj"))


class PackedLinear(nn.Linear):
    """An ``nn.Linear`` that keeps a second, packed copy of its weight for inference.

    The weight itself stays where it was, for whoever reads, trains or changes it: with gradients
    on, or after a change of the weight, the layer computes from the weight again.
    """

    def pack(self, followers: tuple["PackedLinear", ...] = ()) -> None:
        """Makes the packed copy, together with those of layers that read the same input."""
        group = (self, *followers)
        weight = torch.cat([layer.weight.detach() for layer in group])
        self._packed = torch.ops.mkldnn._reorder_linear_weight(weight, 1)
        has_bias = self.bias is not None
        self._bias = torch.cat([layer.bias.detach() for layer in group]) if has_bias else None
        self._followers = followers
        self._sizes = [layer.out_features for layer in group]
        for layer in group:
            layer._packed_from = layer._state()

    def follow(self) -> None:
        """Leaves the packed copy to the layer that is called before this one."""
        self._packed = None

    def _state(self) -> tuple[int, ...]:
        parameters = (self.weight,) if self.bias is None else (self.weight, self.bias)
        return tuple(chain.from_iterable((p.data_ptr(), p._version) for p in parameters))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """As ``nn.Linear``: (…, in) to (…, out)."""
        if torch.is_grad_enabled() or self._packed_from != self._state():
            return super().forward(x)
        if self._packed is None:
            # The outputs travel on the input itself: whatever else runs meanwhile, they are its.
            ready = getattr(x, "_outputs_of", {}).pop(self, None)
            return super().forward(x) if ready is None else ready
        out = torch.ops.mkldnn._linear_pointwise(x, self._packed, self._bias, "none", [], "")
        if not self._followers:
            return out
        own, *others = out.split(self._sizes, dim=-1)
        x._outputs_of = dict(zip(self._followers, others, strict=True))
        return own


def pack_linears(model: nn.Module) -> int:
    """Packs every float32 linear layer of a model on a CPU, in place.

    Returns:
        How many layers were packed: 0 where this build of torch has no oneDNN.
    """
    if not torch.backends.mkldnn.is_available():
        return 0
    layers = [layer for layer in model.modules() if _can_be_packed(layer)]
    for layer in layers:
        layer.__class__ = PackedLinear
    followed = dict(_families(model))
    following = set(chain.from_iterable(followed.values()))
    for layer in layers:
        if layer in following:
            layer.follow()
        else:
            layer.pack(followed.get(layer, ()))
    return len(layers)


def _can_be_packed(layer: nn.Module) -> bool:
    return (
        type(layer) is nn.Linear
        and layer.weight.dtype == torch.float32
        and layer.weight.device.type == "cpu"
    )


def _families(model: nn.Module):
    """Pairs of a layer and those that read its input after it."""
    for parent in model.modules():
        for names in SIBLINGS:
            family = tuple(getattr(parent, name, None) for name in names)
            packed = all(type(layer) is PackedLinear for layer in family)
            if packed and len({layer.bias is None for layer in family}) == 1:
                yield family[0], family[1:]
