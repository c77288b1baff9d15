"""Further arithmetic merges of finished vectors, and the network on a set: h is (M, n, width)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize, softplus

from ..network import FusionNetwork
from ..registry import register
from ..variant import Task
from .merge import MERGE, POSITIVE

POOLS = ("sum", "mean", "max")


@register(
    "merge_min",
    tier="full",
    **MERGE,
    operator="min",
    equivalence_class="max",
    words=("minimum", "最小"),
    complexity="O(M d)",
)
def merge_min(h: Tensor) -> Tensor:
    """head(min_m h_m): the smallest, node by node.

    min(h) = −max(−h), so the signs of the layers before and after turn it into `merge_max`.
    """
    return h.amin(0)


@register(
    "merge_median",
    tier="full",
    **MERGE,
    operator="median",
    words=("中央値",),
    complexity="O(M log M d)",
)
def merge_median(h: Tensor) -> Tensor:
    """head(median_m h_m): the middle value, node by node; of an even number the mean of the middle two.

    With two modalities it is therefore `merge_mean`. (torch.median takes the lower of the two.)
    """
    ordered = h.sort(0).values
    return (ordered[(len(h) - 1) // 2] + ordered[len(h) // 2]) / 2


@register(
    "merge_geometric_mean",
    tier="full",
    **MERGE,
    operator="geometric_mean",
    words=("幾何平均",),
    complexity="O(M d)",
    weak_on=("synergy",),
)
def merge_geometric_mean(h: Tensor) -> Tensor:
    """head(exp(1/M Σ_m log(softplus(h_m) + 1e-3))): the geometric mean of positive parts.

    The positive parts are those of `merge_harmonic_mean`; a product that neither dies out nor changes sign.
    """
    return (softplus(h) + POSITIVE).log().mean(0).exp()


@register(
    "deepset",
    tier="full",
    architecture="late",
    data_fusion="merge",
    level="features",
    operator="deepset",
    reference="Zaheer et al. 2017, arXiv 1703.06114",
    also_known_as={"torchmultimodal": "DeepsetFusionModule"},
    words=("deep sets", "permutation invariant"),
    complexity="O(M d²)",
    weak_on=("synergy",),
)
class DeepSet(FusionNetwork):
    """ρ(Σ_m φ(h_m / ‖h_m‖₂)): the modalities as a set; φ = ReLU(W · + b) is shared, ρ is the classifier.

    The paper sums; `pool=mean` and `pool=max` are its usual alternatives. The library's module has no φ before
    its pooling (the paper has), and it is the library that scales every vector to length one first, so that no
    modality shouts the others down. The order of the modalities changes nothing: only their extractors tell
    them apart.
    """

    def __init__(self, task: Task, pool: str = "sum", width: int | str | None = None):
        super().__init__(task, width)
        if pool not in POOLS:
            raise ValueError(f"pool={pool!r} is not one of {', '.join(POOLS)}")
        self.pool = pool
        self.phi = nn.Linear(self.width, self.width)

    def fuse(self, h: Tensor) -> Tensor:
        """Return (n, width)."""
        each = torch.relu(self.phi(normalize(h, dim=-1)))
        return each.amax(0) if self.pool == "max" else each.mean(0) if self.pool == "mean" else each.sum(0)
