"""Sharing in pre-training: an earlier, unlabelled stage, then concatenation trained on the label.

The contrastive stage lets modalities see each other; the autoencoder stage does not and is the control:
whatever pre-training itself brings, it brings there too.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss, normalize

from ...core.names import spell
from ..late.concat import ConcatFeatures
from ..network import Batch
from ..registry import register
from ..stages import register_stage
from ..variant import Stages, Task


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


@register_stage("contrastive_pretraining")
class ContrastivePretraining(Pretraining):
    """InfoNCE between modalities: in a batch, the vectors of one row find each other.

    For each pair a < b: ½ CE(S, i) + ½ CE(Sᵀ, i), S_ij = cos(g_a(h_a^i), g_b(h_b^j)) / τ, averaged over
    pairs, g a linear map. Source: van den Oord et al. 2018, arXiv 1807.03748, symmetric as in Radford et
    al. 2021, arXiv 2103.00020.
    """

    def __init__(self, task: Task, temperature: float = 0.1):
        super().__init__(task)
        self.temperature = temperature
        self.project = nn.ModuleList(nn.Linear(self.width, self.width) for _ in self.names)

    def objective(self, batch: Batch) -> Tensor:
        """Return the mean over pairs of modalities."""
        h = self.encode(batch)
        self.clock.lap("encode")
        z = [normalize(g(x), dim=-1) for g, x in zip(self.project, h, strict=True)]
        own = torch.arange(len(batch), device=h.device)
        losses = []
        for a, b in combinations(range(len(z)), 2):
            scores = z[a] @ z[b].T / self.temperature
            losses += [cross_entropy(scores, own), cross_entropy(scores.T, own)]
        self.clock.lap("fuse")
        return torch.stack(losses).mean()


@register_stage("autoencoder_pretraining")
class AutoencoderPretraining(Pretraining):
    """‖D_m(h_m) − x_m‖² / size, one modality: Linear(width, 256) → ReLU → Linear(256, size) decodes."""

    def __init__(self, task: Task, modality: str):
        super().__init__(task.only(modality))
        size = self.task.modalities[0].size
        self.decoder = nn.Sequential(nn.Linear(self.width, 256), nn.ReLU(), nn.Linear(256, size))

    @classmethod
    def uses(cls, task: Task, **options: Any) -> tuple[str, ...]:
        """Return the one modality."""
        return (options["modality"],)

    def objective(self, batch: Batch) -> Tensor:
        """Return the mean squared error of the reconstruction."""
        (h,) = self.encode(batch)
        return mse_loss(self.decoder(h), batch[self.names[0]].flatten(1))


class PretrainedConcat(ConcatFeatures):
    """head([h_1; …; h_M]) on extractors that an earlier stage trained, then tuned on (or kept)."""

    def __init__(self, task: Task, frozen: bool = False):
        super().__init__(task)
        self.frozen = frozen
        self.extractors.requires_grad_(not frozen)


@register(
    "contrastive_pretrain_concat",
    architecture="cross_modal",
    data_fusion="concat",
    level="features",
    operator="concat",
    sharing="pretraining",
    training="staged_finetuned",
    reference="after Hager, Menten & Rueckert 2023, arXiv 2303.14080 (contrastive pre-training of two modalities)",
    words=("infonce", "clip"),
)
class ContrastivePretrainConcat(PretrainedConcat):
    """InfoNCE between modalities first, then head([h_1; …; h_M]) trained on the label; `frozen=true` keeps h."""

    @classmethod
    def needs(cls, task: Task, **options: Any) -> tuple[str, ...]:
        """Return the one pre-training of all extractors."""
        return ("contrastive_pretraining",)

    def start_from(self, stages: Stages) -> None:
        """Take the extractors' weights over."""
        network = stages.get("contrastive_pretraining").network
        self.extractors.load_state_dict(network.extractors.state_dict())


@register(
    "autoencoder_pretrain_concat",
    architecture="late",
    data_fusion="concat",
    level="features",
    operator="concat",
    training="staged_finetuned",
    words=("autoencoder",),
)
class AutoencoderPretrainConcat(PretrainedConcat):
    """An autoencoder a modality first, then head([h_1; …; h_M]): pre-training without any sharing."""

    @classmethod
    def needs(cls, task: Task, **options: Any) -> tuple[str, ...]:
        """Return one pre-training a modality."""
        return tuple(f"autoencoder_pretraining(modality={spell(name)})" for name in task.names)

    def start_from(self, stages: Stages) -> None:
        """Take each extractor's weights over."""
        for name, extractor in zip(self.needs(self.task), self.extractors, strict=True):
            extractor.load_state_dict(stages.get(name).network.extractors[0].state_dict())
