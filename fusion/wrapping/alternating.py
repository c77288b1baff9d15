"""Alternation: the network learns from one modality at a time, through a head that all share."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..network import Batch, Training
from ..wrappers import register_wrapper
from .parts import Parts, alone


@register_wrapper(
    "mla",
    reference="Zhang et al. 2024, arXiv 2311.10707",
    also_known_as={"BalanceBenchmark": "MLATrainer"},
    words=("alternating unimodal adaptation", "shared head"),
)
class Mla(Parts):
    """Σ_m λ_m f(m alone), λ = softmax_m(−H(softmax f(m alone))); f is trained on one modality after the other.

    In a batch modality m's turn moves its extractor and all that modalities share: the join and the head. For
    `merge_sum` f(m alone) is head(h_m), the paper's head that all encoders share; other joins read zeros, or
    masked inputs, in place of the rest. The head's first weights move by ∇W P alone, where
    P ← P − P r rᵀ P / (a + rᵀ P r) for the mean input r of every turn before: at right angles to what was shown
    so far, so that it is not unlearned. P begins anew each epoch, for the directions move with the extractors;
    the published code divides P by its norm and adds the projected gradient to the whole one instead. Under
    AdamW, which rescales each weight's step, the right angle is approximate; under `+sgd` without momentum it
    is exact.

    A batch costs M steps. Default: a = 0.1, where the paper's schedule begins.
    """

    mla_turn: int | None = None

    def attach(self, ridge: float = 0.1) -> None:
        """Find the shared weights."""
        if ridge <= 0:
            raise ValueError(f"ridge={ridge} is not positive")
        self.mla: dict[str, Any] = {"ridge": ridge, "input": None, "used": []}

    def _shared(self) -> nn.Module | None:
        """Return the head's first layer with a matrix of weights, where there is one."""
        layers = (each for each in self.head.modules() if getattr(each, "weight", None) is not None)
        return next((each for each in layers if each.weight.ndim == 2), None)

    # ---- one modality alone

    def encode(self, batch: Batch) -> Any:
        """Encode; in a modality's turn the others are masked."""
        if self.mla_turn is None:
            return super().encode(batch)
        if self.mla_by_vectors():
            return alone(super().encode(batch), self.mla_turn)
        return super().encode(batch.only(self.mla_turn))

    def mla_by_vectors(self) -> bool:
        """Return `masks_vectors`, which is found outside of all turns."""
        if self.parts_by_vectors is None:
            turn, self.mla_turn = self.mla_turn, None
            self.parts_by_vectors = self.masks_vectors()
            self.mla_turn = turn
        return self.parts_by_vectors

    def fuse(self, h: Any) -> Tensor:
        """Fuse, and remember what the head reads."""
        z = super().fuse(h)
        if self.mla_turn is not None and self.training:
            self.mla["input"] = z.detach().float().mean(0)
        return z

    def forward(self, batch: Batch) -> Tensor:
        """Return the modalities' logits, weighted by how sure each is; in a turn those of one."""
        if self.mla_turn is not None:
            return super().forward(batch)
        logits = []
        for m in range(len(self.names)):
            self.mla_turn = m
            logits.append(super().forward(batch))
        self.mla_turn = None
        z = torch.stack(logits)
        return (sureness(z)[..., None] * z).sum(0)

    # ---- training

    def loss(self, batch: Batch, labels: Tensor, class_weight: Tensor | None) -> Tensor:
        """Return the loss of the modality whose turn it is, or the sum of all."""
        if self.mla_turn is not None:
            return super().loss(batch, labels, class_weight)
        losses = []
        for m in range(len(self.names)):
            self.mla_turn = m
            losses.append(super().loss(batch, labels, class_weight))
        self.mla_turn = None
        return torch.stack(losses).sum()

    def begin_epoch(self, epoch: int, batch: Batch, labels: Tensor) -> None:
        """Begin with no direction used."""
        super().begin_epoch(epoch, batch, labels)
        self.mla["used"] = []

    def step(self, batch: Batch, labels: Tensor, class_weight: Tensor | None, training: Training) -> Tensor:
        """Take one step a modality; return the mean of their losses."""
        losses, reached = [], []
        for m in range(len(self.names)):
            self.mla_turn = m
            losses.append(super().step(batch, labels, class_weight, training))
            reached += [p for p in self.parameters() if p.grad is not None]
        self.mla_turn = None
        for p in reached:  # what waited in the last turn was trained nevertheless
            if p.grad is None:
                p.grad = torch.zeros_like(p)
        return torch.stack(losses).mean()

    def gradients(self, batch: Batch, labels: Tensor, class_weight: Tensor | None, training: Training) -> Tensor:
        """Take the gradients of a turn, leave the other extractors where they are, project the head's."""
        loss = super().gradients(batch, labels, class_weight, training)
        if self.mla_turn is not None:
            for m, extractor in enumerate(self.extractors):
                if m != self.mla_turn:
                    for p in extractor.parameters():
                        p.grad = None
            self._project()
        return loss

    def _project(self) -> None:
        layer, r = self._shared(), self.mla["input"]
        weight: Any = None if layer is None else layer.weight
        if weight is None or r is None or weight.grad is None or weight.shape[-1] != len(r):
            return
        used: list[Tensor] = self.mla["used"]
        if used:
            weight.grad = projected(weight.grad, used)
        k = projected(r[None], used)[0]
        used.append(k / (self.mla["ridge"] + r @ k).sqrt())


def projected(rows: Tensor, used: list[Tensor]) -> Tensor:
    """Return rows P for P = I − Σ u uᵀ."""
    if not used:
        return rows
    u = torch.stack(used)
    return rows - rows @ u.T @ u


def sureness(z: Tensor) -> Tensor:
    """Return the weights λ (M, n) of logits (M, n, K): softmax over modalities of minus the entropy."""
    entropy = -(z.softmax(-1) * z.log_softmax(-1)).sum(-1)
    return (-entropy).softmax(0)
