"""Prototypes: the modality that lags behind is drawn towards its classes' means."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from ..network import Batch, Training
from ..training import EVALUATION_BATCH
from ..wrappers import register_wrapper
from .modulation import in_window, label_scores, means_of_others
from .parts import Parts, quiet


@register_wrapper(
    "pmr",
    reference="Fan et al. 2023, arXiv 2211.07089",
    also_known_as={"BalanceBenchmark": "PMRTrainer"},
    words=("prototypical modal rebalance", "prototype"),
)
class Pmr(Parts):
    """L + α Σ_m β_m CE(−‖h_m − c_m‖, y) − μ Σ_m γ_m H(softmax(−‖h_m − c_m‖)), c_m^k the mean of h_m over class k.

    β_m = clip(mean of the others' s / s_m − 1, 0, 1) for s_m = Σ_i softmax(−‖h_m − c_m‖)[y_i]: what lags behind
    is drawn to its prototypes; γ_m = clip(s_m / mean of the others' − 1, 0, 1): what leads keeps its entropy H
    up, in the first part of the epochs alone. With two modalities these are the paper's; its code falls back to
    gradient modulation for more. Prototypes are the means over all training rows at the beginning of an epoch,
    where the paper moves them along over a tenth of the rows.

    Under SGD α β_m ∇ lengthens the step of the extractor that lags; AdamW forgets the length, so there its
    update is made 1 + α β_m times as long, as if both gradients were alike. Defaults: α = 1, μ = 0.1, entropy
    in the first fifth.
    """

    def attach(self, alpha: float = 1.0, mu: float = 0.1, entropy_until: float = 0.2) -> None:
        """Keep the options; there are no prototypes before the first epoch."""
        if not 0 <= entropy_until <= 1:
            raise ValueError(f"entropy_until={entropy_until} is not a share of the epochs")
        self.pmr: dict[str, Any] = {"alpha": alpha, "mu": mu, "until": entropy_until, "entropy": False}
        self.pmr_prototypes: list[Tensor] = []
        self.pmr_lag = [0.0] * len(self.names)

    def begin_epoch(self, epoch: int, batch: Batch, labels: Tensor) -> None:
        """Take the classes' means of this epoch."""
        super().begin_epoch(epoch, batch, labels)
        with quiet(self):
            starts = range(0, len(labels), EVALUATION_BATCH)
            parts = [batch.take(slice(start, start + EVALUATION_BATCH)) for start in starts]
            vectors = [[x.float() for x in self.vectors(self.encode(part))] for part in parts]
        whole = [torch.cat(pieces) for pieces in zip(*vectors, strict=True)]
        self.pmr_prototypes = [class_means(x, labels, len(self.task.classes)) for x in whole]

    def loss(self, batch: Batch, labels: Tensor, class_weight: Tensor | None) -> Tensor:
        """Return the network's loss, drawn and spread."""
        loss = super().loss(batch, labels, class_weight)
        if not self.pmr_prototypes:
            return loss
        vectors = self.vectors(self.handed(batch))
        near = [-distances(x.float(), c) for x, c in zip(vectors, self.pmr_prototypes, strict=True)]
        scores = label_scores(torch.stack([x.detach() for x in near]), labels)
        self.pmr_lag, lead = lags_and_leads(scores)
        drawn = [cross_entropy(x, labels, weight=class_weight) for x in near]
        loss = loss + self.pmr["alpha"] * sum(b * x for b, x in zip(self.pmr_lag, drawn, strict=True))
        if self.pmr["entropy"]:
            spread = [-(x.softmax(1) * x.log_softmax(1)).sum(1).mean() for x in near]
            loss = loss - self.pmr["mu"] * sum(g * x for g, x in zip(lead, spread, strict=True))
        return loss

    def gradients(self, batch: Batch, labels: Tensor, class_weight: Tensor | None, training: Training) -> Tensor:
        """Take the gradients; where the optimiser forgets their length, lengthen the step instead."""
        self.pmr["entropy"] = in_window(training, 0.0, self.pmr["until"])
        loss = super().gradients(batch, labels, class_weight, training)
        self.rescale(training, [1 + self.pmr["alpha"] * lag for lag in self.pmr_lag], gradients=False)
        return loss


def lags_and_leads(scores: list[float]) -> tuple[list[float], list[float]]:
    """Return by how much each modality lags behind the mean of the others, and leads it, from 0 to 1."""
    both = zip(scores, means_of_others(scores), strict=True)
    pairs = [(max(own, 1e-12), max(rest, 1e-12)) for own, rest in both]
    lag = [min(max(rest / own - 1, 0.0), 1.0) for own, rest in pairs]
    return lag, [min(max(own / rest - 1, 0.0), 1.0) for own, rest in pairs]


def class_means(x: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Return the mean of each class's rows, (K, numbers); of a class without rows, that of all."""
    sums = x.new_zeros(classes, x.shape[1]).index_add(0, labels, x)
    counts = torch.bincount(labels, minlength=classes)[:, None]
    return torch.where(counts > 0, sums / counts.clamp(min=1), x.mean(0))


def distances(x: Tensor, prototypes: Tensor) -> Tensor:
    """Return Euclidean distances (n, K), with a gradient at distance 0."""
    return ((x[:, None] - prototypes).square().sum(-1) + 1e-12).sqrt()
