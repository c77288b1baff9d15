"""Mixtures: what is fused, and how much of it, is decided row by row."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ..network import Batch, FusionNetwork
from ..registry import register
from ..variant import Task
from .bilinear import FactorPool


@register(
    "moe_fusion",
    tier="full",
    architecture="late",
    data_fusion="merge",
    level="nodes",
    operator="mixture",
    reference="Xin et al. 2025, arXiv 2505.19190",
    words=("mixture of experts", "i2moe", "gating network"),
    complexity="O(M² d + M d²)",
)
class MoeFusion(FusionNetwork):
    """Σ_e g_e E_e, g = softmax(gate([h_1; …; h_M])): one expert a modality, one on the concat, one on the product.

    E_m = ReLU(W_m h_m) sees what a modality says alone, E_concat = ReLU(W [h_1; …; h_M]) what they say together,
    E_product = ⊙_m tanh(U_m h_m) what only their product says; the gate, two layers on the concat, weighs them
    for each row. The original has an expert for each kind of interaction, each with a prediction of its own, and
    losses on inputs with a modality left out that make it keep to its kind. Simplified: no such losses, the
    kinds are built into the experts, and what is mixed is their vectors, before one classifier.
    """

    def __init__(self, task: Task, width: int | str | None = None):
        super().__init__(task, width)
        several, size = len(self.names), self.width
        self.alone = nn.ModuleList(nn.Linear(size, size) for _ in self.names)
        self.together = nn.Linear(several * size, size)
        self.product = FactorPool([size] * several, size, squash=True)
        self.gate = nn.Sequential(nn.Linear(several * size, size), nn.ReLU(), nn.Linear(size, several + 2))

    def experts(self, h: Tensor) -> Tensor:
        """Return every expert's vector, (M + 2, n, width)."""
        alone = [layer(x).relu() for layer, x in zip(self.alone, h, strict=True)]
        return torch.stack([*alone, self.together(_concat(h)).relu(), self.product(h)])

    def weights(self, h: Tensor) -> Tensor:
        """Return the experts' weights, (n, M + 2), each row on the simplex."""
        return self.gate(_concat(h)).softmax(-1)

    def fuse(self, h: Tensor) -> Tensor:
        """Return (n, width)."""
        return (self.weights(h).T[:, :, None] * self.experts(h)).sum(0)


def _concat(h: Iterable[Tensor]) -> Tensor:
    return torch.cat(list(h), -1)


@register(
    "mmdynamics",
    tier="full",
    architecture="late",
    data_fusion="concat",
    level="nodes",
    operator="confidence",
    reference="Han et al. 2022, Multimodal dynamics: Dynamical fusion for trustworthy multimodal classification",
    words=("multimodal dynamics", "true class probability", "sparse gating", "trustworthy"),
    complexity="O(M d (d + K)), K classes",
    weak_on=("synergy",),
)
class MMDynamics(FusionNetwork):
    """head([c_1 v_1; …; c_M v_M]), v_m = ReLU(F_m(σ(E_m h_m) ⊙ h_m)), c_m = σ(w_mᵀ v_m + b_m).

    The gates σ(E_m h_m) say which features of a modality matter in a row, and an L1 penalty, their mean, keeps
    them few. The confidence c_m estimates the true class probability, what a classifier of that modality alone
    gives to the right class; in prediction no label is needed for it. Loss: CE + Σ_m (λ mean σ(E_m h_m) +
    μ ((c_m − p_m[y])² + CE_m)), with λ = `sparsity` and μ = `confidence` both 1, as in the published code.

    The paper gates the input's columns; here the extractor's vector, so that pictures can be taken. The
    estimated p_m[y] is a target: no gradient goes back through it, so that the classifier learns from CE_m alone.
    The published code leaves c_m unbounded; a probability lies between 0 and 1.
    """

    widens = False

    def __init__(self, task: Task, sparsity: float = 1.0, confidence: float = 1.0, width: int | str | None = None):
        super().__init__(task, width)
        if sparsity <= 0 or confidence <= 0:
            raise ValueError(f"sparsity={sparsity} and confidence={confidence} must be positive")
        self.penalties, size = (sparsity, confidence), self.width
        self.gate = nn.ModuleList(nn.Linear(size, size) for _ in self.names)
        self.inner = nn.ModuleList(nn.Linear(size, size) for _ in self.names)
        self.confidence = nn.ModuleList(nn.Linear(size, 1) for _ in self.names)
        self.classify = nn.ModuleList(nn.Linear(size, len(task.classes)) for _ in self.names)

    def gates(self, h: Tensor) -> list[Tensor]:
        """Return each modality's feature gates, (n, width)."""
        return [layer(x).sigmoid() for layer, x in zip(self.gate, h, strict=True)]

    def informed(self, h: Tensor, gates: list[Tensor]) -> list[Tensor]:
        """Return each modality's vector after its gates, (n, width)."""
        return [layer(g * x).relu() for layer, g, x in zip(self.inner, gates, h, strict=True)]

    def confidences(self, v: list[Tensor]) -> list[Tensor]:
        """Return each modality's estimated true class probability, (n, 1)."""
        return [layer(x).sigmoid() for layer, x in zip(self.confidence, v, strict=True)]

    def fuse(self, h: Tensor) -> Tensor:
        """Return (n, M·width)."""
        v = self.informed(h, self.gates(h))
        return _concat(map(torch.mul, self.confidences(v), v))

    def loss(self, batch: Batch, labels: Tensor, class_weight: Tensor | None) -> Tensor:
        """Return the loss of the fused prediction and the modalities' penalties."""
        h = self.encode(batch)
        self.clock.lap("encode")
        gates = self.gates(h)
        v = self.informed(h, gates)
        confidences = self.confidences(v)
        z = _concat(map(torch.mul, confidences, v))
        self.clock.lap("fuse")
        total = cross_entropy(self.head(z), labels, weight=class_weight)
        sparsity, confidence = self.penalties
        for g, c, x, classify in zip(gates, confidences, v, self.classify, strict=True):
            logits = classify(x)
            truth = logits.detach().softmax(-1).gather(1, labels[:, None])
            missed = (c - truth).square().mean() + cross_entropy(logits, labels, weight=class_weight)
            total = total + sparsity * g.mean() + confidence * missed
        return total
