"""Late merging on network nodes: the join is a layer with weights of its own (memo d)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..network import Batch, Classifier, FusionNetwork
from ..registry import register
from ..variant import Task

NODES = dict(architecture="late", data_fusion="merge", level="nodes")
HEAD_NODES = 256  # of the memo's classifier: there the plain merge layer stands


class MergeLayer(nn.Module):
    """Σ_m W_m n_m + b; equal to one Linear on the concatenation [n_1; …; n_M]."""

    def __init__(self, sizes: list[int], nodes: int):
        super().__init__()
        whole = nn.Linear(sum(sizes), nodes)  # its initial scale, so that only the name differs
        self.weights = nn.ParameterList(w.detach().clone() for w in whole.weight.split(sizes, 1))
        self.bias = nn.Parameter(whole.bias.detach().clone())

    def forward(self, nodes: list[Tensor]) -> Tensor:
        """Return (n, nodes)."""
        pairs = zip(nodes, self.weights, strict=True)
        return torch.stack([x @ w.T for x, w in pairs]).sum(0) + self.bias


@register(
    "merge_network",
    **NODES,
    operator="merge_layer",
    equivalence_class="merge_layer",
    equivalence_by_options={"linear=true": "sum"},
    reference="Sleeman, Kapoor & Ghosh 2022, arXiv 2109.09020, figure 5d",
    words=("memo d",),
    complexity="O(M d H), d inner nodes, H nodes of the head",
)
class MergeNetwork(FusionNetwork):
    """φ(Σ_m W_m n_m + b) on the extractors' inner nodes n_m, φ = ReLU.

    Plain, the merge layer is the classifier's first layer (256 nodes), which makes it the same function
    as `concat_network`. Options: `gates=true` merges finished vectors node by node with weights of
    their own, φ(Σ w_m ⊙ h_m + b), before the classifier; `hidden=H` puts a merge layer of H nodes and φ
    before the classifier; `linear=true` puts one of `width` nodes without φ there, which makes it the
    same function as `merge_sum`.
    """

    def __init__(self, task: Task, gates: bool = False, hidden: int = 0, linear: bool = False):
        super().__init__(task)
        if gates + bool(hidden) + linear > 1:
            raise ValueError("gates, hidden and linear exclude one another")
        self.before_classifier = bool(gates or hidden or linear)
        self.gates = None
        if gates:
            self.gates = nn.Parameter(torch.ones(len(self.names), 1, self.width))
            self.bias = nn.Parameter(torch.zeros(self.width))
        else:
            nodes = hidden or (self.width if linear else HEAD_NODES)
            self.merge = MergeLayer(self.cut_last_layers(), nodes)
        self.linear = linear

    def encode(self, batch: Batch) -> list[Tensor] | Tensor:
        """Return the inner nodes, or the finished vectors where gates merge them."""
        return self.inner_nodes(batch) if self.gates is None else super().encode(batch)

    def fuse(self, h: list[Tensor] | Tensor) -> Tensor:
        """Return the merged nodes."""
        if self.gates is None:
            merged = self.merge(h)
        else:
            assert isinstance(h, Tensor)
            merged = (self.gates * h).sum(0) + self.bias
        return merged if self.linear else torch.relu(merged)

    def make_head(self, size: int) -> nn.Module:
        """Return the classifier, or what is left of it after its first layer."""
        classifier = Classifier(size, len(self.task.classes))
        return classifier if self.before_classifier else nn.Sequential(*list(classifier)[2:])


@register(
    "gmu",
    **NODES,
    operator="gate",
    reference="Arevalo et al. 2017, arXiv 1702.01992",
    words=("gated multimodal unit",),
    complexity="O(M² d²)",
)
class GMU(FusionNetwork):
    """Σ_m σ(Z_m [h_1; …; h_M]) ⊙ tanh(V_m h_m), a gate for each modality and node.

    With two modalities the gates are tied: z ⊙ tanh(V_1 h_1) + (1 − z) ⊙ tanh(V_2 h_2).
    """

    def __init__(self, task: Task, width: int | str | None = None):
        super().__init__(task, width)
        count = len(self.names)
        self.values = nn.ModuleList(nn.Linear(self.width, self.width) for _ in self.names)
        self.gate = nn.Linear(count * self.width, self.width * (1 if count == 2 else count))

    def fuse(self, h: Tensor) -> Tensor:
        """Return (n, width)."""
        values = torch.stack([value(x).tanh() for value, x in zip(self.values, h, strict=True)])
        z = self.gate(torch.cat(list(h), -1)).sigmoid()
        if len(h) == 2:
            return z * values[0] + (1 - z) * values[1]
        return (z.unflatten(1, (len(h), -1)).transpose(0, 1) * values).sum(0)


@register(
    "low_rank_fusion",
    **NODES,
    operator="low_rank",
    equivalence_class="low_rank",
    equivalence_by_options={"rank=1": "rank_one_product"},
    reference="Liu et al. 2018, arXiv 1806.00064",
    also_known_as={"MultiBench": "LowRankTensorFusion", "MultiBench++": "LowRankTensorFusion"},
    words=("lmf",),
    complexity="O(M R d²), R the rank",
)
class LowRankFusion(FusionNetwork):
    """Σ_r w_r ⊙_m (F_r^m [h_m; 1]) + b: a full tensor fusion and Linear, its weight of rank `rank`."""

    def __init__(self, task: Task, rank: int = 4, width: int | str | None = None):
        super().__init__(task, width)
        count, size = len(self.names), self.width
        self.factors = nn.Parameter(torch.empty(count, rank, size + 1, size))
        nn.init.xavier_normal_(self.factors)
        # a product of `count` factors keeps its scale when each starts near 1 through the constant
        with torch.no_grad():
            self.factors[:, :, -1] = 1.0
        self.weights = nn.Parameter(torch.full((rank,), rank**-0.5))
        self.bias = nn.Parameter(torch.zeros(size))

    def fuse(self, h: Tensor) -> Tensor:
        """Return (n, width)."""
        ones = h.new_ones(*h.shape[:-1], 1)
        parts = torch.einsum("mnd,mrdo->mrno", torch.cat([h, ones], -1), self.factors)
        return torch.einsum("r,rno->no", self.weights, parts.prod(0)) + self.bias
