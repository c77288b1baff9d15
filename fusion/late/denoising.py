"""Denoising autoencoders a modality: a control of shared pre-training that masks, and shares nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from ...core.names import spell
from ..decoders import mean_where
from ..network import Batch
from ..pretraining import PretrainedConcat
from ..registry import register
from ..stages import register_stage
from ..variant import Stages, Task
from .concat import ConcatFeatures
from .pretraining import AutoencoderPretraining

WIDEN = 4


def noise_of(network: nn.Module, device: torch.device) -> torch.Generator | None:
    """Return where a stage draws its noise: torch's own state in training, the same draws at each validation."""
    return None if network.training else torch.Generator(device).manual_seed(0)


def widened(task: Task, modality: str, widen: int) -> Task:
    """Return the task of one modality, its width multiplied where the modality is a vector."""
    alone = task.only(modality)
    factor = widen if len(alone.modalities[0].shape) == 1 else 1
    return replace(alone, settings=replace(task.settings, width=factor * task.settings.width))


@register_stage("denoising_pretraining")
class DenoisingPretraining(AutoencoderPretraining):
    """‖D_m(h_m(r ⊙ x_m)) − x_m‖² / size, r_j ~ Bernoulli(1 − noise): values of one modality are masked at random.

    Masked values are the mean of training rows, and nothing is rescaled. The target is what the input was before
    (Vincent et al. 2008, doi 10.1145/1390156.1390294); a published code compares with the masked input. Rows
    that lack the modality do not count.
    """

    def __init__(self, task: Task, modality: str, noise: float = 0.2, widen: int = WIDEN):
        super().__init__(widened(task, modality, widen), modality)
        if not 0 < noise < 1:
            raise ValueError(f"noise={noise} does not lie between 0 and 1")
        self.noise = noise

    def objective(self, batch: Batch) -> Tensor:
        """Return the mean squared error of the reconstruction."""
        x = batch[self.names[0]]
        drawn = torch.rand(x.shape, generator=noise_of(self, x.device), device=x.device)
        (h,) = self.encode(replace(batch, inputs={self.names[0]: x * (drawn >= self.noise)}))
        error = (self.decoder(h).float() - x.flatten(1)).square()
        return mean_where(error, batch.present)


@register(
    "denoising_pretrain_concat",
    tier="full",
    architecture="late",
    data_fusion="concat",
    level="features",
    operator="concat",
    training="staged_finetuned",
    reference="Yan et al. 2021, doi 10.1186/s12911-020-01340-6",
    also_known_as={"fusilli": "DAETabImgMaps"},
    words=("denoising autoencoder", "richer fusion network"),
    complexity="O(M d)",
)
class DenoisingPretrainConcat(PretrainedConcat):
    """head([h_1; …; h_M]) on extractors that were denoising autoencoders first; vectors h_m of tables are wider.

    No modality sees another before the join. A table's vector has `widen` times the width of the others: a
    small table is not to be outnumbered beside a picture, and the noise keeps so wide a code from copying its
    input. `frozen=true` keeps h.
    """

    def __init__(self, task: Task, frozen: bool = False, widen: int = WIDEN):
        super().__init__(task, frozen)
        if widen < 1:
            raise ValueError(f"widen={widen} is not a positive whole number")
        self.widen = widen
        for place, name in enumerate(self.names):
            self.extractors[place] = ConcatFeatures(widened(task, name, widen)).extractors[0]
        self.extractors.requires_grad_(not frozen)

    @classmethod
    def needs(cls, task: Task, widen: int = WIDEN, **options: Any) -> tuple[str, ...]:
        """Return one pre-training a modality."""
        chosen = "" if widen == WIDEN else f",widen={widen}"
        return tuple(f"denoising_pretraining(modality={spell(name)}{chosen})" for name in task.names)

    def start_from(self, stages: Stages) -> None:
        """Take each extractor's weights over."""
        for name, extractor in zip(self.needs(self.task, self.widen), self.extractors, strict=True):
            extractor.load_state_dict(stages.get(name).network.extractors[0].state_dict())

    def encode(self, batch: Batch) -> list[Tensor]:
        """Return each modality's vector, (n, width) or (n, widen·width)."""
        pairs = zip(self.extractors, self.names, strict=True)
        return [extractor(batch[name]) for extractor, name in pairs]

    def fuse(self, h: Any) -> Tensor:
        """Return (n, Σ widths)."""
        return torch.cat(h, -1)
