"""Several sharing operations: nodes are exchanged at every depth at which two modalities or more have some."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..registry import register
from ..variant import Task
from .depths import DepthNetwork, Nodes, over_places, squeeze

MULTIPLE: dict[str, Any] = dict(
    tier="full", architecture="cross_modal", data_fusion="merge", level="nodes", sharing="multiple"
)


class SideBySide(DepthNetwork):
    """head([h_1; …; h_M]) behind the exchanges; with exchanges that change nothing it is `concat_features`."""

    widens = False

    def fuse(self, h: Tensor) -> Tensor:
        """Return (n, M·width)."""
        return torch.cat(list(h), -1)

    def others(self, depth: int) -> dict[int, int]:
        """Return place of a modality → channels of all the others at a depth together."""
        sizes = self.sizes(depth)
        return {m: sum(sizes.values()) - own for m, own in sizes.items()}


def squeezed(nodes: Nodes, without: int | None = None) -> Tensor:
    """Return all modalities' nodes averaged over places, side by side, but for one of them."""
    return torch.cat([squeeze(x) for m, x in nodes.items() if m != without], 1)


@register(
    "mmtm",
    **MULTIPLE,
    operator="squeeze_excitation",
    also_known_as={"BalanceBenchmark": "MMTM"},
    reference="Vaezi Joze, Shaban, Iuzzolino & Koishida 2020, arXiv 1911.08670",
    words=("multimodal transfer module", "squeeze and excitation"),
    complexity="O(L (M C)²), L depths, C channels",
)
class MMTM(SideBySide):
    """n_a ← 2σ(E_a ReLU(W [s_1; …; s_M] + b) + e_a) ⊙ n_a at each depth, s_m the nodes averaged over places.

    The joint squeeze has ΣC/4 nodes (`ratio`), one for four channels of all modalities together; a gate of logit
    zero is exactly 1. Size and factor 2 are the paper's: the published code squeezes to ΣC/2 and gates with σ
    alone. The ReLU is the code's, after squeeze-and-excitation. The finished vectors are exchanged like maps, so
    that networks of one hidden layer share more than once. Any number of modalities: one squeeze for all.
    """

    def __init__(self, task: Task, ratio: int = 4, width: int | None = None):
        super().__init__(task, width)
        if ratio < 1:
            raise ValueError(f"ratio={ratio} is not a positive number of channels for one node")
        self.joint: Any = nn.ModuleDict()
        self.excite: Any = nn.ModuleDict()
        for depth in self.shared_depths():
            sizes = self.sizes(depth)
            whole = sum(sizes.values())
            inner = max(1, whole // ratio)
            self.joint[str(depth)] = nn.Linear(whole, inner)
            self.excite[str(depth)] = nn.ModuleDict({str(m): nn.Linear(inner, own) for m, own in sizes.items()})

    def exchange(self, depth: int, nodes: Nodes) -> dict[int, Tensor]:
        """Return the gated nodes."""
        joint = self.joint[str(depth)](squeezed(nodes)).relu()
        gates = self.excite[str(depth)]
        return {m: 2 * over_places(gates[str(m)](joint).sigmoid(), x) * x for m, x in nodes.items()}


@register(
    "cross_stitch",
    **MULTIPLE,
    operator="linear_combination",
    reference="Misra, Shrivastava, Gupta & Hebert 2016, arXiv 1604.03539",
    words=("cross-stitch unit",),
    complexity="O(L (M C)²), L depths, C channels",
)
class CrossStitch(SideBySide):
    """n_a ← A_aa n_a + Σ_{b≠a} A_ab P_ab s_b at each depth, A a learned M × M matrix, s_b squeezed nodes.

    The paper stitches networks of one shape, place by place: h' = A h. Modalities differ in shape, so that nodes
    keep theirs and the others' enter averaged over places through a linear map P_ab to this one's channels;
    finished vectors have one shape and are mixed as in the paper (P = I). A starts at 0.9 on its diagonal, 0.1
    shared by the rest, one of the convex starts of the paper; A = I is independent networks.
    """

    def __init__(self, task: Task, width: int | None = None):
        super().__init__(task, width)
        self.stitch = nn.ParameterDict()
        self.project: Any = nn.ModuleDict()
        for depth in self.shared_depths():
            sizes = self.sizes(depth)
            share = 0.1 / (len(sizes) - 1)
            self.stitch[str(depth)] = nn.Parameter(torch.eye(len(sizes)) * (0.9 - share) + share)
            if depth < self.depths - 1:
                pairs = [(a, b) for a in sizes for b in sizes if a != b]
                maps = {f"{a}-{b}": nn.Linear(sizes[b], sizes[a], bias=False) for a, b in pairs}
                self.project[str(depth)] = nn.ModuleDict(maps)

    def exchange(self, depth: int, nodes: Nodes) -> dict[int, Tensor]:
        """Return each modality's mixture."""
        mixed = {}
        for a, shares in zip(nodes, self.stitch[str(depth)], strict=True):
            terms = [share * self._entering(depth, a, b, nodes) for b, share in zip(nodes, shares, strict=True)]
            mixed[a] = sum(terms[1:], terms[0])
        return mixed

    def _entering(self, depth: int, a: int, b: int, nodes: Nodes) -> Tensor:
        """Return b's nodes as they enter into a's."""
        if a == b or depth == self.depths - 1:
            return nodes[b]
        return over_places(self.project[str(depth)][f"{a}-{b}"](squeeze(nodes[b])), nodes[a])


@register(
    "channelwise_product",
    **MULTIPLE,
    operator="product",
    reference="Duanmu et al. 2020, doi 10.1007/978-3-030-59713-9_24",
    also_known_as={"fusilli": "ImageChannelWiseMultiAttention, TabularChannelWiseMultiAttention"},
    words=("channel-wise multiplication",),
    complexity="O(L (M C)²), L depths, C channels",
)
class ChannelwiseProduct(SideBySide):
    """n_a ← (P_a [s_b]_{b≠a} + p_a) ⊙ n_a at each depth: the others' squeezed nodes scale every channel.

    The scale is a plain linear map, neither bounded nor shared: what `mmtm` does through a squeeze and a sigmoid.
    p starts at 1, near the identity, for a product of raw projections over several depths dies out at the start.
    In the paper a table scales the image's maps, whose network alone goes on; with M modalities no side is
    the main one, so each is scaled by all others and the head reads all finished vectors. fusilli leaves the
    projection out where sizes happen to agree.
    """

    def __init__(self, task: Task, width: int | None = None):
        super().__init__(task, width)
        self.scale: Any = nn.ModuleDict()
        for depth in self.shared_depths():
            sizes, others = self.sizes(depth), self.others(depth)
            layers = {str(m): nn.Linear(others[m], sizes[m]) for m in sizes}
            for layer in layers.values():
                nn.init.ones_(layer.bias)
            self.scale[str(depth)] = nn.ModuleDict(layers)

    def exchange(self, depth: int, nodes: Nodes) -> dict[int, Tensor]:
        """Return the scaled nodes."""
        layers = self.scale[str(depth)]
        return {m: over_places(layers[str(m)](squeezed(nodes, m)), x) * x for m, x in nodes.items()}
