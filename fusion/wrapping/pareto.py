"""Pareto integration: each extractor follows a direction that serves the joint and its own loss."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..network import Batch, Training
from ..wrappers import register_wrapper
from .parts import Parts, head_losses, linear_heads


@register_wrapper(
    "mmpareto",
    reference="Wei & Hu 2024, arXiv 2405.17730",
    also_known_as={"BalanceBenchmark": "MMParetoTrainer"},
    words=("pareto", "gradient conflict"),
)
class MMPareto(Parts):
    """g = 2a g_joint + 2(1−a) g_m for extractor m, then g × 1.5·max(1, ‖g_joint + g_m‖/‖g‖), tensor by tensor.

    g_m is the gradient of CE(W_m h_m + b_m, y), a linear head on the modality's vector. Where
    cos(g_joint, g_m) > 0, a = ½; else a gives a·g_joint + (1−a)·g_m the smallest norm: a direction that serves
    both. The heads and all else follow the sum of the losses, as they are.

    Under AdamW the length of a gradient cancels: there the update of the extractor is made longer by the ratio
    ‖1.5·max(…)·g‖/‖g‖ over all of its tensors; under `+sgd` each tensor is, as published. Cost: a second
    backward pass through each extractor. Default: the paper's 1.5.
    """

    def attach(self, factor: float = 1.5) -> None:
        """Add the heads."""
        self.mmpareto_factor, self.mmpareto_heads = factor, linear_heads(self)
        self.mmpareto_own: list[list[Tensor]] = []

    def loss(self, batch: Batch, labels: Tensor, class_weight: Tensor | None) -> Tensor:
        """Return the sum of all losses, and take the gradients of each modality's own on the way."""
        joint = super().loss(batch, labels, class_weight)
        vectors = self.vectors(self.handed(batch))
        own = head_losses(self.mmpareto_heads, vectors, labels, class_weight)
        if torch.is_grad_enabled():
            self.mmpareto_own = [self._own(m, loss) for m, loss in enumerate(own)]
        return joint + torch.stack(own).sum()

    def _trained(self, m: int) -> list[nn.Parameter]:
        return [p for p in self.extractors[m].parameters() if p.requires_grad]

    def _own(self, m: int, loss: Tensor) -> list[Tensor]:
        trained = self._trained(m)
        if not trained:
            return []
        return list(torch.autograd.grad(loss, trained, retain_graph=True, materialize_grads=True))

    def gradients(self, batch: Batch, labels: Tensor, class_weight: Tensor | None, training: Training) -> Tensor:
        """Take the gradients of the sum, then integrate each extractor's."""
        loss = super().gradients(batch, labels, class_weight, training)
        adaptive = any("betas" in group for group in training.optimiser.param_groups)
        factors = [self._integrate(m, own, adaptive) for m, own in enumerate(self.mmpareto_own)]
        self.mmpareto_own = []
        if adaptive:
            self.rescale(training, factors)
        return loss

    def _integrate(self, m: int, own: list[Tensor], adaptive: bool) -> float:
        """Set the gradients of one extractor; return by what factor they are to be longer."""
        trained = self._trained(m)
        whole = [p.grad if p.grad is not None else torch.zeros_like(p) for p in trained]
        joint = [g - g_own for g, g_own in zip(whole, own, strict=True)]
        a = joint_weight(joint, own)
        new = [2 * a * j + 2 * (1 - a) * g for j, g in zip(joint, own, strict=True)]
        longer = [enlarged(g, w, self.mmpareto_factor) for g, w in zip(new, whole, strict=True)]
        for p, plain, enhanced in zip(trained, new, longer, strict=True):
            p.grad = plain if adaptive else enhanced
        short = norm(new)
        return norm(longer) / short if short > 0 else 1.0


def joint_weight(joint: list[Tensor], own: list[Tensor]) -> float:
    """Return a: ½ where the two gradients agree, else the weight of the first at the smallest norm of the mean."""
    product = float(sum((j * g).sum() for j, g in zip(joint, own, strict=True)))
    if product > 0 or not joint:
        return 0.5
    square_joint, square_own = norm(joint) ** 2, norm(own) ** 2
    apart = square_joint + square_own - 2 * product
    return (square_own - product) / apart if apart > 0 else 0.5


def enlarged(gradient: Tensor, whole: Tensor, factor: float) -> Tensor:
    """Return a gradient × factor·max(1, ‖whole‖/‖gradient‖)."""
    short, long = float(gradient.norm()), float(whole.norm())
    return gradient * factor * (max(1.0, long / short) if short > 0 else 1.0)


def norm(tensors: list[Tensor]) -> float:
    """Return the length of several tensors taken as one vector."""
    return float(torch.stack([t.norm() for t in tensors]).norm()) if tensors else 0.0
