"""Quality-aware fusion: logits weighted row by row by how sure a modality is, and ought to be."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ..network import Batch, Classifier, FusionNetwork
from ..registry import register
from ..variant import Task


def rank_loss(confidence: Tensor, history: Tensor) -> Tensor:
    """Return mean_i max(0, sign(κ_i − κ_j)(w_i − w_j) + |κ_i − κ_j|), j the row after i, summed over modalities.

    w is the confidence and κ the past loss, (M, n) both: of two rows the one that was harder must be less sure, by
    as much as it was harder. Rows of equal history, a single row among them, cost nothing.
    """
    harder = history - history.roll(-1, 1)
    surer = confidence - confidence.roll(-1, 1)
    return (harder.sign() * surer + harder.abs()).relu().mean(1).sum()


@register(
    "qmf",
    tier="full",
    architecture="late",
    data_fusion="merge",
    level="decisions",
    operator="confidence_weighted_sum",
    training="joint",
    reference="Zhang et al. 2023, arXiv 2306.02050",
    also_known_as={"MultiBench++": "MultimodalLateFusionClf"},
    words=("quality-aware multimodal fusion", "energy score", "dynamic fusion"),
    complexity="O(M K), K classes",
)
class Qmf(FusionNetwork):
    """Σ_m w_m z_m with w_m = logsumexp(z_m) / 10, row by row; z_m = head_m(h_m), no gradient through w_m there.

    The loss is the cross-entropy of the fused and of every modality's logits, and `ranking` = 0.1 times the rank
    loss, in which w_m does have a gradient: κ is each training row's loss summed over the epochs before and scaled
    to [0, 1] over all rows, so the first epoch ranks nothing. The margin |κ_i − κ_j| is demanded, as in the
    correctness ranking loss that this one follows (Moon et al., ICML 2020); the authors' code, which ranks losses
    in place of hits, turns the sign of the order but not that of the margin, and so tolerates disorder up to it.
    The history is not stored with the network: prediction does not read it. MultiBench++ computes the weights and
    leaves them unused.
    """

    losses: Tensor
    history: Tensor

    def __init__(self, task: Task, ranking: float = 0.1, width: int | None = None):
        super().__init__(task, width)
        if ranking < 0:
            raise ValueError(f"ranking={ranking} is negative")
        self.ranking = ranking
        self.heads = nn.ModuleList(Classifier(self.width, len(task.classes)) for _ in self.names)
        # how many training rows there are is known when training begins; state_dict leaves both out
        for name in ("losses", "history"):
            self.register_buffer(name, torch.zeros(len(self.names), 0), persistent=False)

    def logits(self, h: Tensor) -> Tensor:
        """Return each modality's own logits, (M, n, K)."""
        return torch.stack([head(x) for head, x in zip(self.heads, h, strict=True)])

    def confidence(self, logits: Tensor) -> Tensor:
        """Return logsumexp / 10, (M, n)."""
        return logits.logsumexp(-1) / 10

    def weighted(self, logits: Tensor) -> Tensor:
        """Return the weighted sum of logits, (n, K)."""
        return (self.confidence(logits).detach()[..., None] * logits).sum(0)

    def fuse(self, h: Tensor) -> Tensor:
        """Return the fused logits, (n, K)."""
        return self.weighted(self.logits(h))

    def make_head(self, size: int) -> nn.Module:
        """Return the identity: the heads stand before the join."""
        return nn.Identity()

    def begin_epoch(self, epoch: int, batch: Batch, labels: Tensor) -> None:
        """Scale the losses of the epochs before to [0, 1]; in the first, make room for them."""
        super().begin_epoch(epoch, batch, labels)
        if epoch == 1:
            self.losses = torch.zeros(len(self.names), len(labels), device=labels.device)
        low, high = self.losses.aminmax(dim=1, keepdim=True)
        self.history = (self.losses - low) / (high - low).clamp(min=1e-12)

    def loss(self, batch: Batch, labels: Tensor, class_weight: Tensor | None) -> Tensor:
        """Return the losses of fused and own logits and, on training rows, the rank loss."""
        h = self.encode(batch)
        self.clock.lap("encode")
        own = self.logits(h)
        fused = self.weighted(own)
        self.clock.lap("fuse")
        loss = torch.stack([cross_entropy(z, labels, weight=class_weight) for z in (fused, *own)]).sum()
        if batch.rows is None:
            return loss
        ranks = rank_loss(self.confidence(own), self.history[:, batch.rows])
        self.remember(own.detach(), labels, batch.rows)
        return loss + self.ranking * ranks

    def remember(self, logits: Tensor, labels: Tensor, rows: Tensor) -> None:
        """Add each modality's loss on these training rows to their history."""
        lost = [cross_entropy(z.float(), labels, reduction="none") for z in logits]
        self.losses[:, rows] += torch.stack(lost)
