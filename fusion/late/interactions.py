"""Late multiplicative interactions: one vector sets the weights through which another passes."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import torch
from torch import Tensor, nn

from ..network import FusionNetwork
from ..registry import register
from ..variant import Task
from .main_modality import MainNetwork
from .nodes import NODES

MI: dict[str, Any] = dict(
    tier="full",
    **NODES,
    reference="Jayakumar et al. 2020, Multiplicative interactions and where to find them",
)


@register(
    "multiplicative_interaction",
    **MI,
    operator="bilinear",
    also_known_as={
        "MultiBench": "MultiplicativeInteractions2Modal",
        "MultiBench++": "MultiplicativeInteractions2Modal",
    },
    words=("bilinear", "hypernetwork", "MultiplicativeInteractions3Modal", "双線形"),
    complexity="O(M² d² k), k merged nodes",
)
class MultiplicativeInteraction(FusionNetwork):
    """Σ_{i<j} h_iᵀ W_ij h_j + Σ_m U_m h_m + b: every product of two nodes beside all nodes.

    For two modalities the paper's xᵀ W y + U x + V y + b. For more it is summed over pairs: M (M − 1) / 2
    tensors of d² k weights, in which no modality comes first. MultiBench adds a tensor over all three, of d³ k
    weights, and multiplies it across the rows of a batch; nothing here mixes rows. Vectors are narrower than
    elsewhere, d = 32, which gives three modalities 200 000 weights at k = 64 merged nodes. With W = 0 it is
    concatenation and one Linear.
    """

    def __init__(self, task: Task, nodes: int = 64, width: int = 32):
        super().__init__(task, width)
        if nodes < 1:
            raise ValueError(f"nodes={nodes} is not a positive whole number")
        pairs = len(self.names) * (len(self.names) - 1) // 2
        self.products = nn.Parameter(torch.empty(pairs, self.width, self.width, nodes))
        nn.init.normal_(self.products, std=1 / self.width)  # d² terms of variance 1/d²
        self.linear = nn.Linear(len(self.names) * self.width, nodes)

    def fuse(self, h: Tensor) -> Tensor:
        """Return (n, nodes)."""
        merged = self.linear(torch.cat(list(h), -1))
        for weight, (i, j) in zip(self.products, combinations(range(len(h)), 2), strict=True):
            merged = merged + torch.einsum("nd,dek,ne->nk", h[i], weight, h[j])
        return merged


@register(
    "mi_vector",
    **MI,
    operator="film",
    also_known_as={
        "MultiBench": "MultiplicativeInteractions2Modal",
        "MultiBench++": "MultiplicativeInteractions2Modal",
        "BalanceBenchmark": "FiLM",
    },
    words=("diagonal multiplicative interaction", "film on vectors"),
    complexity="O(M d²)",
)
class MIVector(MainNetwork):
    """(W z + v) ⊙ h_main + U z + b with z = [h_m], m ≠ main: the generated weights are a diagonal.

    That is FiLM on finished vectors: γ = W z + v and β = U z + b. The others generate, the main modality (the
    first by default) passes; with more than two, z is the concatenation of all others. v starts at 1, so that
    the main modality passes from the beginning.
    """

    outputs: int | None = None  # generated numbers of each kind; None = one a node

    def __init__(self, task: Task, main: str = "first", width: int | str | None = None):
        super().__init__(task, main, width)
        self.scale = nn.Linear(self.size_of_others, self.outputs or self.width)
        self.shift = nn.Linear(self.size_of_others, self.outputs or self.width)
        nn.init.ones_(self.scale.bias)

    def fuse(self, h: Tensor) -> Tensor:
        """Return (n, width)."""
        main, others = self.apart(h)
        return self.scale(others) * main + self.shift(others)


@register(
    "mi_scalar",
    **MI,
    operator="film",
    also_known_as={
        "MultiBench": "MultiplicativeInteractions2Modal",
        "MultiBench++": "MultiplicativeInteractions2Modal",
    },
    words=("scalar multiplicative interaction", "scales and biases"),
    complexity="O(M d)",
)
class MIScalar(MIVector):
    """(⟨w, z⟩ + v) h_main + ⟨u, z⟩ + b with z = [h_m], m ≠ main: one generated scale and one shift a row.

    Two numbers are all that the classifier learns of the other modalities, by construction: a lower end of the
    scale whose upper end is `multiplicative_interaction`. The form for three and v = 1 are those of
    `mi_vector`.
    """

    outputs = 1
