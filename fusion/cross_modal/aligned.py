"""One sharing operation, between vectors that a loss beside the task has aligned."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ..contrast import info_nce
from ..network import Batch
from ..registry import register
from ..variant import Task
from .attention import CrossAttention


@register(
    "align_then_fuse",
    tier="full",
    architecture="cross_modal",
    data_fusion="merge",
    level="nodes",
    operator="attention",
    sharing="single",
    reference="Li et al. 2021, arXiv 2107.07651 (ALBEF)",
    also_known_as={"torchmultimodal": "ALBEFModel"},
    words=("align before fuse", "contrastive"),
    complexity="O(M² T² d + M T d²), T tokens a modality; in training also O(M² n d), n rows of a batch",
)
class AlignThenFuse(CrossAttention):
    """CE(head([t̂_1; …; t̂_M]), y) + w · mean over pairs of InfoNCE(g_a(t̄_a), g_b(t̄_b)), t̂ as in `cross_attention`.

    Before tokens attend to each other, their means t̄_m are mapped to one space in which a row's modalities are to
    find each other among the rows of the batch: ½ CE(S, i) + ½ CE(Sᵀ, i) with S_ij = cos(·,·)/τ. Rows that lack
    one of a pair are left out of its loss; of a single row it is 0. The loss mixes rows in training, the logits
    never do. w = 1 as in the paper, which sums its losses; τ = 0.1 is fixed here and learned there. Left out: the
    momentum copies and their queue, hard negatives and the losses on words, since there is no text.
    """

    def __init__(self, task: Task, weight: float = 1.0, temperature: float = 0.1, width: int | None = None):
        super().__init__(task, width)
        if weight < 0:
            raise ValueError(f"weight={weight} is negative")
        if temperature <= 0:
            raise ValueError(f"temperature={temperature} is not positive")
        self.weight, self.temperature = weight, temperature
        self.project: Any = nn.ModuleList(nn.Linear(self.size, self.size) for _ in self.names)

    def loss(self, batch: Batch, labels: Tensor, class_weight: Tensor | None) -> Tensor:
        """Return the task's loss and the alignment's."""
        h = self.encode(batch)
        self.clock.lap("encode")
        z = self.fuse(h)
        self.clock.lap("fuse")
        task = cross_entropy(self.head(z), labels, weight=class_weight)
        pooled = [project(t.mean(1)) for project, t in zip(self.project, h, strict=True)]
        return task + self.weight * info_nce(pooled, self.temperature, batch.present)
