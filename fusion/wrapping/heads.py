"""A head for every modality beside the network's own: a plain sum of losses, and a blend of them."""

from __future__ import annotations

import copy
from math import ceil
from typing import Any, Self

import torch
from torch import Tensor

from ..network import Batch
from ..training import EVALUATION_BATCH, autocast, class_weights
from ..wrappers import register_wrapper
from .parts import Parts, head_losses, linear_heads, quiet

SMALLEST = 0.01  # the joint head predicts: with a weight of zero it would never learn


@register_wrapper(
    "unimodal_aux_loss",
    reference="as the unimodal losses of Vielzeuf et al. 2018, arXiv 1808.07275",
    words=("auxiliary loss", "multi-task", "unimodal loss"),
)
class UnimodalAuxLoss(Parts):
    """L + λ Σ_m CE(W_m h_m + b_m, y): a linear classifier on each modality's vector, trained beside the task.

    Prediction does not use them. The control of every wrapper that weighs, blends or projects such losses.
    Default: λ = 1, each modality counts as much as the task, as in `centralnet`.
    """

    def attach(self, weight: float = 1.0) -> None:
        """Add the classifiers."""
        self.aux_weight, self.aux_heads = weight, linear_heads(self)

    def loss(self, batch: Batch, labels: Tensor, class_weight: Tensor | None) -> Tensor:
        """Return the network's loss and the classifiers'."""
        loss = super().loss(batch, labels, class_weight)
        vectors = self.vectors(self.handed(batch))
        own = head_losses(self.aux_heads, vectors, labels, class_weight)
        return loss + self.aux_weight * torch.stack(own).sum()


@register_wrapper(
    "gblend",
    reference="Wang, Tran & Feiszli 2020, arXiv 1905.12681",
    also_known_as={"BalanceBenchmark": "GBlendingTrainer", "MultiBench": "gradient_blend"},
    words=("gradient blending", "g-blend", "overfitting to generalisation ratio"),
)
class GBlend(Parts):
    """Σ_m w_m L_m + w_0 L, w_k ∝ max(ΔG_k, 0) / max(ΔO_k, ε)², Σ w = 1: M linear heads and the joint one.

    ΔG is by how much a head's held-out loss fell, ΔO by how much the gap between held-out and training loss
    grew, when it was trained alone for some epochs. That is done on a copy, with a tenth of the *training* rows
    held out, for nothing but selection may look at validation rows; then all training rows train the blend.
    (One published code puts the held-out loss itself in place of its fall.) The modalities' heads are trained
    side by side in one copy: they share no weight, so none sees another.

    Offline as in the paper: the weights are found once. `every=n` finds them anew from the state after n epochs
    each (online). Defaults: 3 epochs of estimation, which make a training half as long again; ε = 0.05, as
    finely as a small held-out part tells a gap. If no loss fell all weights are equal; w_0 is at least 0.01.
    """

    def attach(self, epochs: int = 3, every: int = 0, held_out: float = 0.1, epsilon: float = 0.05) -> None:
        """Add the heads; all losses weigh the same until their weights are found."""
        if epochs < 1 or every < 0 or not 0 < held_out < 1 or epsilon <= 0:
            raise ValueError("epochs ≥ 1, every ≥ 0, 0 < held_out < 1 and epsilon > 0 are expected")
        self.gblend: dict[str, Any] = {"epochs": epochs, "every": every, "held_out": held_out, "epsilon": epsilon}
        self.gblend_heads = linear_heads(self)
        count = len(self.names) + 1
        self.gblend_weights = [1 / count] * count

    def loss(self, batch: Batch, labels: Tensor, class_weight: Tensor | None) -> Tensor:
        """Return the blend."""
        losses = self.blended(batch, labels, class_weight)
        return (losses * losses.new_tensor(self.gblend_weights)).sum()

    def blended(self, batch: Batch, labels: Tensor, class_weight: Tensor | None) -> Tensor:
        """Return the modalities' losses and the joint one, (M + 1,)."""
        joint = super().loss(batch, labels, class_weight)
        vectors = self.vectors(self.handed(batch))
        return torch.stack([*head_losses(self.gblend_heads, vectors, labels, class_weight), joint])

    def begin_epoch(self, epoch: int, batch: Batch, labels: Tensor) -> None:
        """Find the weights, in the first epoch or whenever it is time."""
        super().begin_epoch(epoch, batch, labels)
        every = self.gblend["every"]
        if epoch == 1 or (every and (epoch - 1) % every == 0):
            self.gblend_weights = self.estimate(batch, labels)
            self.clock.lap("optimise")

    def estimate(self, batch: Batch, labels: Tensor) -> list[float]:
        """Return the weights that short trainings of copies suggest; all equal where rows are too few to part."""
        held = ceil(self.gblend["held_out"] * len(labels))
        if held >= len(labels):
            return self.gblend_weights
        apart, rest = slice(0, held), slice(held, None)
        parts = [(batch.take(rows), labels[rows]) for rows in (rest, apart)]
        count = len(self.names)
        fall, growth = torch.zeros(count + 1), torch.zeros(count + 1)
        for heads in (slice(0, count), slice(count, None)):
            twin = self._twin()
            before = torch.stack([twin.mean_losses(*part) for part in parts])
            twin.train_alone(heads, *parts[0])
            after = torch.stack([twin.mean_losses(*part) for part in parts])
            fall[heads] = (before[1] - after[1])[heads]
            growth[heads] = ((after[1] - after[0]) - (before[1] - before[0]))[heads]
        return blend_weights(fall.tolist(), growth.tolist(), self.gblend["epsilon"])

    def _twin(self) -> Self:
        self.parts_seen = None
        return copy.deepcopy(self)

    def train_alone(self, heads: slice, batch: Batch, labels: Tensor) -> None:
        """Train on the sum of some heads' losses for the epochs of an estimate."""
        settings = self.task.settings
        optimiser = self.make_optimiser(settings)
        weight = class_weights(labels, len(self.task.classes), settings)
        for _ in range(self.gblend["epochs"]):
            order = torch.randperm(len(labels), device=labels.device)
            for rows in order.split(settings.batch):
                optimiser.zero_grad(set_to_none=True)
                with autocast(settings, labels.device):
                    loss = self.blended(batch.take(rows), labels[rows], weight)[heads].sum()
                loss.backward()
                optimiser.step()
                self.parts_seen = None

    def mean_losses(self, batch: Batch, labels: Tensor) -> Tensor:
        """Return each head's mean loss over rows, (M + 1,), on the processor, without gradient or dropout."""
        total = torch.zeros(len(self.names) + 1, dtype=torch.float64)
        with quiet(self), autocast(self.task.settings, labels.device):
            for start in range(0, len(labels), EVALUATION_BATCH):
                rows = slice(start, start + EVALUATION_BATCH)
                losses = self.blended(batch.take(rows), labels[rows], None)
                total += losses.double().cpu() * len(labels[rows])
        return total / len(labels)


def blend_weights(fall: list[float], growth: list[float], epsilon: float) -> list[float]:
    """Return w_k ∝ max(ΔG_k, 0) / max(ΔO_k, ε)², the last at least `SMALLEST`; all equal where no loss fell."""
    raw = [max(g, 0.0) / max(o, epsilon) ** 2 for g, o in zip(fall, growth, strict=True)]
    if not sum(raw) > 0:
        return [1 / len(raw)] * len(raw)
    joint = max(raw[-1] / sum(raw), SMALLEST)
    rest = sum(raw[:-1])
    return [*((1 - joint) * w / rest if rest else 0.0 for w in raw[:-1]), joint if rest else 1.0]
