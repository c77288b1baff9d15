"""Late concatenation, of finished vectors (memo a) and of inner nodes (memo b)."""

from __future__ import annotations

import torch
from torch import Tensor

from ..network import Batch, FusionNetwork
from ..registry import register
from ..variant import Task

MEMO = "Sleeman, Kapoor & Ghosh 2022, arXiv 2109.09020, figure 5"


@register(
    "concat_features",
    architecture="late",
    data_fusion="concat",
    level="features",
    operator="concat",
    reference=MEMO + "a",
    also_known_as={
        "MultiBench": "Concat",
        "MultiBench++": "Concat",
        "BalanceBenchmark": "ConcatFusion",
        "fusilli": "ConcatTabularFeatureMaps, ConcatImageMapsTabularMaps",
        "torchmultimodal": "ConcatFusionModule",
    },
    words=("memo a", "連結"),
    complexity="O(M d)",
)
class ConcatFeatures(FusionNetwork):
    """head([h_1; …; h_M]): the extractors' vectors side by side into the classifier."""

    widens = False

    def fuse(self, h: Tensor) -> Tensor:
        """Return (n, M·width)."""
        return torch.cat(list(h), -1)


@register(
    "concat_network",
    architecture="late",
    data_fusion="concat",
    level="nodes",
    operator="concat",
    equivalence_class="merge_layer",
    also_known_as={"MultiBench": "ConcatWithLinear", "MultiBench++": "ConcatWithLinear"},
    reference=MEMO + "b",
    words=("memo b",),
    complexity="O(M d H), d inner nodes, H nodes of the head",
)
class ConcatNetwork(FusionNetwork):
    """head([n_1; …; n_M]): extractors without their last layer; their inner nodes feed one network.

    The head's first Linear joins them: W [n_1; …; n_M] + b = Σ W_m n_m + b, the merge layer of
    `merge_network`.
    """

    def __init__(self, task: Task):
        super().__init__(task)
        self.cut_last_layers()

    def encode(self, batch: Batch) -> list[Tensor]:
        """Return each modality's inner nodes."""
        return self.inner_nodes(batch)

    def fuse(self, h: list[Tensor]) -> Tensor:
        """Return (n, Σ inner nodes)."""
        return torch.cat(h, 1)
