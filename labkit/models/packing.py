"""Linear layers that read their weights in the order in which a CPU wants them.

With one row, a layer's time on a CPU is the time to read its weights. oneDNN reads them faster
from a layout of its own than MKL does from rows (tests/benchmarks/streaming.py); the results are
float32's, up to the order of the sums.
"""

import torch
from torch import nn


class PackedLinear(nn.Linear):
    """An ``nn.Linear`` that keeps a second, packed copy of its weight for inference.

    The weight itself stays where it was, for whoever reads, trains or changes it: with gradients
    on, or after a change of the weight, the layer computes from the weight again.
    """

    def pack(self) -> None:
        """Makes the packed copy."""
        self._packed = torch.ops.mkldnn._reorder_linear_weight(self.weight.detach(), 1)
        self._packed_from = self._state()

    def _state(self) -> tuple[int, int]:
        return self.weight.data_ptr(), self.weight._version

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """As ``nn.Linear``: (…, in) to (…, out)."""
        if torch.is_grad_enabled() or self._packed_from != self._state():
            return super().forward(x)
        return torch.ops.mkldnn._linear_pointwise(x, self._packed, self.bias, "none", [], "")


def pack_linears(model: nn.Module) -> int:
    """Packs every float32 linear layer of a model on a CPU, in place.

    Returns:
        How many layers were packed: 0 where this build of torch has no oneDNN.
    """
    if not torch.backends.mkldnn.is_available():
        return 0
    layers = [
        layer
        for layer in model.modules()
        if type(layer) is nn.Linear
        and layer.weight.dtype == torch.float32
        and layer.weight.device.type == "cpu"
    ]
    for layer in layers:
        layer.__class__ = PackedLinear
        layer.pack()
    return len(layers)
