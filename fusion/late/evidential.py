"""Trusted multi-view classification: every view gives evidence for each class, Dempster's rule adds it up."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot, softplus

from ..network import Batch, Classifier, FusionNetwork
from ..registry import register
from ..variant import Task

EVIDENTIAL = dict(
    tier="full",
    architecture="late",
    data_fusion="merge",
    level="decisions",
    operator="dempster",
    training="joint",
)


def combined(evidence: Tensor) -> Tensor:
    """Return the evidence of all views (V, n, K) → (n, K): 1 + e/K = Π_v (1 + e_v/K).

    Dempster's rule on the opinions b = e/S, u = K/S with S = Σ_k e_k + K, over all views at once: b/u = e/K, and
    the rule multiplies 1 + b/u.
    """
    classes = evidence.shape[-1]
    return classes * torch.expm1(torch.log1p(evidence / classes).sum(0))


def kl_to_uniform(alpha: Tensor) -> Tensor:
    """Return KL(Dirichlet(α) ‖ Dirichlet(1, …, 1)) for α (…, K) → (…)."""
    total = alpha.sum(-1)
    scale = total.lgamma() - alpha.lgamma().sum(-1) - torch.lgamma(torch.tensor(float(alpha.shape[-1])))
    return scale + ((alpha - 1) * (alpha.digamma() - total.digamma()[..., None])).sum(-1)


def evidential_loss(alpha: Tensor, labels: Tensor, share: float) -> Tensor:
    """Return Σ_k y_k (ψ(S) − ψ(α_k)) + share · KL(α̃ ‖ 1) for α (…, n, K) → (…, n); α̃ = 1 where y is, else α.

    The first term is the cross-entropy expected under Dirichlet(α), the second costs evidence for wrong classes.
    """
    truth = one_hot(labels, alpha.shape[-1]).to(alpha.dtype)
    expected = (truth * (alpha.sum(-1, keepdim=True).digamma() - alpha.digamma())).sum(-1)
    return expected + share * kl_to_uniform(truth + (1 - truth) * alpha)


@register(
    "tmc",
    **EVIDENTIAL,
    reference="Han et al. 2021, arXiv 2102.02051",
    also_known_as={"MultiBench++": "TMC"},
    words=("trusted multi-view classification", "evidential deep learning", "subjective logic", "Dirichlet"),
    complexity="O(M K), K classes",
)
class Tmc(FusionNetwork):
    """α_k / S with α = 1 + e and 1 + e_k/K = Π_m (1 + e_{m,k}/K), e_m = softplus(head_m(h_m)).

    The product is Dempster's rule over all views at once. The authors' code goes pair by pair, to the same result;
    averaging evidence pair by pair would leave the last view half the weight, and MultiBench++, which adds up the
    results of all ordered pairs, counts every view several times. The loss is that of every view and of the fused
    Dirichlet: the expected cross-entropy, and a KL term whose share grows to 1 over the first `annealing` = 10
    epochs, so that evidence is not punished before there is any. Evidence is made non-negative by ReLU in the
    paper, by softplus in its authors' code and here: a head that ReLU has silenced learns nothing more.
    """

    def __init__(self, task: Task, annealing: int = 10, width: int | None = None):
        super().__init__(task, width)
        if annealing < 1:
            raise ValueError(f"annealing={annealing} is not a positive number of epochs")
        self.annealing, self.epoch = annealing, 1
        self.heads = nn.ModuleList(Classifier(size, len(task.classes)) for size in self.view_sizes())

    def view_sizes(self) -> list[int]:
        """Return the widths of the vectors that `views` gives."""
        return [self.width] * len(self.names)

    def views(self, h: Tensor) -> list[Tensor]:
        """Return the vectors on which evidence is given, (n, numbers) each."""
        return list(h)

    def evidence(self, h: Tensor) -> Tensor:
        """Return every view's evidence, (V, n, K), in full precision."""
        logits = [head(x) for head, x in zip(self.heads, self.views(h), strict=True)]
        return softplus(torch.stack(logits).float())

    def fuse(self, h: Tensor) -> Tensor:
        """Return log α, whose softmax is the mean α / S of the fused Dirichlet."""
        return torch.log1p(combined(self.evidence(h)))

    def make_head(self, size: int) -> nn.Module:
        """Return the identity: the heads stand before the join."""
        return nn.Identity()

    def begin_epoch(self, epoch: int, batch: Batch, labels: Tensor) -> None:
        """Take note of the epoch, which sets the share of the KL term."""
        super().begin_epoch(epoch, batch, labels)
        self.epoch = epoch

    def loss(self, batch: Batch, labels: Tensor, class_weight: Tensor | None) -> Tensor:
        """Return the evidential loss summed over the views and their combination."""
        h = self.encode(batch)
        self.clock.lap("encode")
        evidence = self.evidence(h)
        alpha = 1 + torch.cat([evidence, combined(evidence)[None]])
        self.clock.lap("fuse")
        losses = evidential_loss(alpha, labels, min(1.0, self.epoch / self.annealing)).sum(0)
        if class_weight is None:
            return losses.mean()
        weight = class_weight[labels]
        return (weight * losses).sum() / weight.sum()


@register(
    "etmc",
    **EVIDENTIAL,
    reference="Han et al. 2023, arXiv 2204.11423",
    words=("enhanced trusted multi-view classification", "dynamic evidential fusion", "pseudo-view"),
    complexity="O(M (d + K)), K classes",
)
class Etmc(Tmc):
    """α_k / S with 1 + e_k/K = (1 + e_{0,k}/K) Π_m (1 + e_{m,k}/K), e_0 from the pseudo-view [h_1; …; h_M].

    The pseudo-view is one view more, with a head and a loss of its own: through it modalities interact, which
    evidence that is combined by Dempster's rule alone cannot do.
    """

    def view_sizes(self) -> list[int]:
        """Return the modalities' widths and that of the concatenation."""
        return [*super().view_sizes(), self.width * len(self.names)]

    def views(self, h: Tensor) -> list[Tensor]:
        """Return the modalities' vectors and their concatenation."""
        return [*h, torch.cat(list(h), -1)]
