"""Decisions trained together: one head for all modalities, and a network on the product of probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ...datasets.bundle import Modality
from ..network import Batch, Classifier, FusionNetwork
from ..registry import register
from ..variant import Requires, Task
from .tensor import outer

JOINT = dict(tier="full", architecture="late", level="decisions", training="joint")


@register(
    "shared_head",
    **JOINT,
    data_fusion="merge",
    operator="mean",
    also_known_as={"BalanceBenchmark": "SharedHead"},
    words=("shared classifier", "common head"),
    complexity="O(M d H), H nodes of the head",
)
class SharedHead(FusionNetwork):
    """1/M Σ_m head(h_m): one classifier for every modality, the logits averaged.

    The head ties the extractors together, since a class must look the same from each; shared weights are no
    shared data. Against `late_joint_mean`, whose modalities have a head each, it shows what that tie does.
    """

    def __init__(self, task: Task, width: int | None = None):
        super().__init__(task, width)
        self.shared = Classifier(self.width, len(task.classes))

    def fuse(self, h: Tensor) -> Tensor:
        """Return the mean of the logits, (n, K)."""
        return self.shared(h).mean(0)

    def make_head(self, size: int) -> nn.Module:
        """Return the identity: the head stands before the join."""
        return nn.Identity()


@dataclass(frozen=True)
class OuterRequires(Requires):
    """Refuses more than `cells` combinations of one class a modality, K^M."""

    cells: int = 1024

    def refuse(self, modalities: tuple[Modality, ...], classes: tuple[str, ...]) -> str | None:
        """Return why such data cannot be taken, in one sentence, or None."""
        cells = len(classes) ** len(modalities)
        if cells > self.cells:
            return (
                f"the outer product of {len(modalities)} modalities' {len(classes)} class probabilities has "
                f"{cells} numbers, it takes at most {self.cells}"
            )
        return super().refuse(modalities, classes)


@register(
    "late_vcdn",
    **JOINT,
    data_fusion="merge",
    operator="outer_product",
    requires=OuterRequires(),
    reference="Wang et al. 2021, doi 10.1038/s41467-021-23774-w (MOGONET)",
    words=("view correlation discovery network", "MOGONET", "cross-omics discovery tensor"),
    complexity="O(K^M H), K classes, H nodes of the head",
)
class LateVcdn(FusionNetwork):
    """head(⊗_m softmax(head_m(h_m))): a network on all K^M products of one class probability a modality.

    It can learn which classes the modalities confuse together, which no mean or product of decisions can. The loss
    is that of the fused decision and, with the same weight, of every modality's own, as in the paper; there the
    modalities are graph networks over rows, trained alone first. The authors' code puts logits through a sigmoid
    before the product; the paper multiplies predicted label distributions, and so does this. K^M is refused above
    1,024, where the head's first layer would hold more weights than the rest of the network.
    """

    def __init__(self, task: Task, width: int | None = None):
        super().__init__(task, width)
        self.heads = nn.ModuleList(Classifier(self.width, len(task.classes)) for _ in self.names)

    def logits(self, h: Tensor) -> Tensor:
        """Return each modality's own logits, (M, n, K)."""
        return torch.stack([head(x) for head, x in zip(self.heads, h, strict=True)])

    def fuse(self, h: Tensor) -> Tensor:
        """Return the products, (n, K^M)."""
        return outer(self.logits(h).softmax(-1))

    def loss(self, batch: Batch, labels: Tensor, class_weight: Tensor | None) -> Tensor:
        """Return the cross-entropy of the fused decision and of every modality's."""
        h = self.encode(batch)
        self.clock.lap("encode")
        own = self.logits(h)
        fused = self.head(outer(own.softmax(-1)))
        return torch.stack([cross_entropy(z, labels, weight=class_weight) for z in (fused, *own)]).sum()
