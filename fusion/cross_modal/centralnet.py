"""Several sharing operations: a central network reads every depth of the unimodal ones."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ..network import Batch, Classifier, FusionNetwork
from ..registry import register
from ..variant import Task


@register(
    "centralnet",
    architecture="cross_modal",
    data_fusion="merge",
    level="nodes",
    operator="central_network",
    sharing="multiple",
    reference="Vielzeuf et al. 2018, arXiv 1808.07275",
    complexity="O(L M d²), L depths",
)
class CentralNet(FusionNetwork):
    """c_{l+1} = ReLU(α_l c_l + Σ_m α_{l,m} P_{l,m} h_m^l), loss L_c + β Σ_m L_m.

    h_m^l is modality m's vector at depth l (shallow, inner nodes, finished vector), P projects it to a
    common width, α are learned scalars, the central network starts at c_0 = 0 and feeds the classifier.
    Each modality keeps a classifier of its own, whose loss counts β = 1 as much as the central one:
    the paper tunes it, an untuned suite cannot.
    """

    def __init__(self, task: Task, beta: float = 1.0, width: int | None = None):
        super().__init__(task, width)
        self.project: Any
        self.beta, size = beta, self.width
        sizes = [[*e.level_sizes, size] for e in self.extractors]
        self.depths = len(sizes[0])
        self.project = nn.ModuleList(
            nn.ModuleList(nn.Linear(own[level], size) for own in sizes) for level in range(self.depths)
        )
        self.alpha = nn.Parameter(torch.ones(self.depths, len(self.names)))
        self.carry = nn.Parameter(torch.ones(self.depths - 1))
        self.heads = nn.ModuleList(Classifier(size, len(task.classes)) for _ in self.names)

    def encode(self, batch: Batch) -> list[list[Tensor]]:
        """Return, for each depth, every modality's vector (n, size at that depth)."""
        by_modality = []
        for name, extractor in zip(self.names, self.extractors, strict=True):
            levels = extractor.levels(batch[name])
            by_modality.append([*levels, extractor.last(levels[-1])])
        return [list(level) for level in zip(*by_modality, strict=True)]

    def vectors(self, h: Any) -> list[Tensor]:
        """Return the finished vectors."""
        return list(h[-1])

    def fuse(self, h: list[list[Tensor]]) -> Tensor:
        """Return the central network's last vector, (n, width)."""
        central: Tensor | None = None
        for depth, vectors in enumerate(h):
            terms = zip(self.alpha[depth], self.project[depth], vectors, strict=True)
            joined = torch.stack([a * project(x) for a, project, x in terms]).sum(0)
            if central is not None:
                joined = joined + self.carry[depth - 1] * central
            central = joined.relu()
        assert central is not None
        return central

    def loss(self, batch: Batch, labels: Tensor, class_weight: Tensor | None) -> Tensor:
        """Return the central loss and the modalities' own."""
        h = self.encode(batch)
        self.clock.lap("encode")
        z = self.fuse(h)
        self.clock.lap("fuse")
        logits = [self.head(z)] + [head(x) for head, x in zip(self.heads, h[-1], strict=True)]
        losses = [cross_entropy(part, labels, weight=class_weight) for part in logits]
        return losses[0] + self.beta * torch.stack(losses[1:]).sum()
