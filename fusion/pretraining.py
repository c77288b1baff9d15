"""What pre-trainings share: an earlier, unlabelled stage, and networks that start from it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .late.concat import ConcatFeatures
from .network import Batch
from .variant import Task


class Pretraining(ConcatFeatures):
    """Base of unlabelled stages: a loss over a batch, and no predictions."""

    def objective(self, batch: Batch) -> Tensor:
        """Return the mean loss of a batch, a scalar."""
        raise NotImplementedError

    def make_head(self, size: int) -> nn.Module:
        """Return the identity: nothing is classified."""
        return nn.Identity()

    def loss(self, batch: Batch, labels: Tensor, class_weight: Tensor | None) -> Tensor:
        """Return the objective; labels are not read."""
        return self.objective(batch)

    def score(self, batch: Batch, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the summed objective; there are no hits to count."""
        return self.objective(batch) * len(batch), torch.zeros((), device=labels.device)


class PretrainedConcat(ConcatFeatures):
    """head([h_1; …; h_M]) on extractors that an earlier stage trained, then tuned on (or kept)."""

    def __init__(self, task: Task, frozen: bool = False):
        super().__init__(task)
        self.frozen = frozen
        self.extractors.requires_grad_(not frozen)
