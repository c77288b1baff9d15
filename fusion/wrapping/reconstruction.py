"""Reconstruction beside the task: each modality's vector keeps what its input was."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..decoders import mean_where
from ..network import Batch
from ..wrappers import register_wrapper
from .parts import Parts


@register_wrapper(
    "aux_reconstruction",
    also_known_as={"fusilli": "ConcatImgLatentTabDoubleLoss"},
    reference="as the decoders of Ngiam et al. 2011 (Multimodal Deep Learning, ICML), beside the task",
    words=("autoencoder loss", "reconstruction loss"),
)
class AuxReconstruction(Parts):
    """L + λ/M Σ_m ‖D_m(h_m) − x_m‖² / size of m; D_m is Linear(·, 64) → ReLU → Linear(64, size).

    Inputs are standardised, so that 1 is the error of their mean. Rows without the modality are left out. The
    pre-trained counterpart without sharing is `autoencoder_pretrain_concat`. Default: λ = 0.1, so that the task
    leads once its own loss is small.
    """

    def attach(self, weight: float = 0.1, hidden: int = 64) -> None:
        """Add the decoders."""
        if hidden < 1:
            raise ValueError(f"hidden={hidden} is not a positive number of nodes")
        sizes = {m.name: m.size for m in self.task.modalities}
        pairs = zip(self.vector_sizes(), self.names, strict=True)
        self.aux_reconstruction_weight = weight
        self.aux_decoders = nn.ModuleList(
            nn.Sequential(nn.Linear(n, hidden), nn.ReLU(), nn.Linear(hidden, sizes[name])) for n, name in pairs
        )

    def loss(self, batch: Batch, labels: Tensor, class_weight: Tensor | None) -> Tensor:
        """Return the network's loss and the mean error of the reconstructions."""
        loss = super().loss(batch, labels, class_weight)
        errors = []
        for m, x in enumerate(self.vectors(self.handed(batch))):
            apart = self.aux_decoders[m](x) - batch[self.names[m]].flatten(1)
            errors.append(mean_where(apart.square().mean(1), batch.present[:, m]))
        return loss + self.aux_reconstruction_weight * torch.stack(errors).mean()
