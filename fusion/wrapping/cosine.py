"""Normalised heads: no modality weighs more because its vector or its weights are longer."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from ..wrappers import register_wrapper
from .parts import Parts


class CosineLayer(nn.Module):
    """s Σ_m cos(W_m^j, z_m) for each node j, z = [z_1; …; z_M] in blocks; no bias.

    Parameters
    ----------
    weight
        (nodes, Σ sizes), where to begin.
    sizes
        Numbers in each block.
    scale
        s.
    """

    def __init__(self, weight: Tensor, sizes: list[int], scale: float):
        super().__init__()
        self.weight = nn.Parameter(weight.detach().clone())
        self.sizes, self.scale = sizes, scale

    def forward(self, z: Tensor) -> Tensor:
        """Return (n, nodes)."""
        pairs = zip(z.split(self.sizes, 1), self.weight.split(self.sizes, 1), strict=True)
        return self.scale * torch.stack([normalize(x, dim=1) @ normalize(w, dim=1).T for x, w in pairs]).sum(0)


@register_wrapper(
    "mmcosine",
    reference="Xu et al. 2023, arXiv 2303.05338",
    also_known_as={"BalanceBenchmark": "MMCosineTrainer"},
    words=("cosine loss", "normalised head", "weight norm"),
)
class MMCosine(Parts):
    """s Σ_m cos(W_m, h_m) in place of Σ_m W_m h_m + b where the head first reads the join.

    The paper's head is one Linear on a concatenation, so that these are the logits. Of any other head its first
    Linear is replaced, block by block where the join is a concatenation of the modalities' vectors, and as one
    block where it is a merge; what follows stays. It begins at the weights of the Linear that it replaces.
    Default: s = 10, with which cosines can reach confident logits.
    """

    def attach(self, scale: float = 10.0) -> None:
        """Replace the layer; refuse a head without one."""
        layers = {name: each for name, each in self.head.named_modules() if isinstance(each, nn.Linear)}
        if not layers:
            raise ValueError("+mmcosine normalises the head that reads the join, and this network has none")
        name, linear = next(iter(layers.items()))
        sizes = self.vector_sizes()
        blocks = sizes if sum(sizes) == linear.in_features else [linear.in_features]
        layer = CosineLayer(linear.weight, blocks, scale)
        if name:
            self.head.set_submodule(name, layer)
        else:
            self.head = layer
