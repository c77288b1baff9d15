"""EmbraceNet: every node of the merged vector is taken from one modality, drawn at random in training."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..network import Batch, FusionNetwork
from ..registry import register
from ..variant import Task
from .nodes import NODES


@register(
    "embracenet",
    tier="full",
    **NODES,
    operator="random_choice",
    reference="Choi & Lee 2019, arXiv 1904.09078",
    words=("embracement", "stochastic merge"),
    complexity="O(M d²)",
    weak_on=("synergy",),
    absent="left_out",
)
class EmbraceNet(FusionNetwork):
    """e_k = d_{m(k), k} with d_m = ReLU(W_m h_m + b_m) and m(k) drawn from p: node by node, one modality.

    p is uniform over the modalities that are present in a row, so that an absent one is never asked: it is left
    out, not replaced by a mean; a row without any merges to zero. Drawn in training alone. In prediction the
    expectation Σ_m p_m d_m stands in its place, as with dropout: the authors' code goes on drawing, so that its
    predictions differ from call to call.
    """

    def __init__(self, task: Task, width: int | str | None = None):
        super().__init__(task, width)
        self.docking = nn.ModuleList(nn.Linear(self.width, self.width) for _ in self.names)

    def encode(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the vectors (M, n, width) and who is present (M, n, 1)."""
        return super().encode(batch), batch.present.T.unsqueeze(-1)

    def vectors(self, h: tuple[Tensor, Tensor]) -> list[Tensor]:
        """Return one vector a modality."""
        return super().vectors(h[0])

    def fuse(self, h: tuple[Tensor, Tensor]) -> Tensor:
        """Return (n, width)."""
        vectors, present = h
        docked = torch.stack([torch.relu(dock(x)) for dock, x in zip(self.docking, vectors, strict=True)])
        docked = docked * present  # a row without any modality merges to zero
        if not self.training:
            return docked.sum(0) / present.sum(0).clamp(min=1)
        # the largest of equally distributed numbers is anyone's: a uniform draw over those present
        drawn = torch.rand_like(docked, dtype=torch.float32).masked_fill(~present, -1.0).argmax(0, keepdim=True)
        return docked.gather(0, drawn).squeeze(0)
