"""Wrappers without state: another optimiser, modalities masked at random."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..network import Batch, Training
from ..variant import Settings
from ..wrappers import TrainingWrapper, register_wrapper


@register_wrapper("sgd", words=("momentum",), parts=False)
class Sgd(TrainingWrapper):
    """p ← p − η (μ v + ∇): stochastic gradient descent with momentum in place of AdamW.

    The baseline of every wrapper that scales gradients: under AdamW a constant factor on a gradient cancels.
    Defaults: η = 0.01 and μ = 0.9, usual for networks of this size; weight decay and the cosine schedule are
    the suite's.
    """

    def attach(self, lr: float = 0.01, momentum: float = 0.9) -> None:
        """Keep rate and momentum."""
        self.sgd: dict[str, Any] = {"lr": lr, "momentum": momentum}

    def make_optimiser(self, settings: Settings) -> torch.optim.Optimizer:
        """Return SGD over the network's groups."""
        return torch.optim.SGD(self.parameter_groups(), **self.sgd, weight_decay=settings.weight_decay)


@register_wrapper(
    "modality_dropout",
    reference="Neverova et al. 2014, arXiv 1501.00102 (ModDrop)",
    words=("moddrop",),
    parts=False,
)
class ModalityDropout(TrainingWrapper):
    """x_m ← r_m x_m, r_m ~ Bernoulli(1 − p), in training: whole modalities of a row are masked at random.

    A masked modality is what an absent one is, the mean of training rows; a row that would lose all of its
    modalities keeps them. Nothing is rescaled and nothing is masked in prediction. Default p = 0.2.
    """

    def attach(self, p: float = 0.2) -> None:
        """Keep the probability."""
        if not 0 <= p < 1:
            raise ValueError(f"p={p} is not a probability below 1")
        self.mask_probability = p

    def gradients(self, batch: Batch, labels: Tensor, class_weight: Tensor | None, training: Training) -> Tensor:
        """Mask, then go on."""
        stays = torch.rand(batch.present.shape, device=batch.present.device) >= self.mask_probability
        stays |= ~(stays & batch.present).any(1, keepdim=True)
        return super().gradients(batch.keep(stays), labels, class_weight, training)
