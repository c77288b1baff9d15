"""Unimodal pre-training: no modality sees another before the join, the control of every shared pre-training."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn.functional import mse_loss

from ...core.names import spell
from ..decoders import Decoder
from ..network import Batch
from ..pretraining import PretrainedConcat, Pretraining
from ..registry import register
from ..stages import register_stage
from ..variant import Stages, Task


@register_stage("autoencoder_pretraining")
class AutoencoderPretraining(Pretraining):
    """‖D_m(h_m) − x_m‖² / size, one modality: Linear(width, 256) → ReLU → Linear(256, size) decodes."""

    def __init__(self, task: Task, modality: str):
        super().__init__(task.only(modality))
        self.decoder = Decoder(self.task.modalities[0], self.width, 256)

    @classmethod
    def uses(cls, task: Task, **options: Any) -> tuple[str, ...]:
        """Return the one modality."""
        return (options["modality"],)

    def objective(self, batch: Batch) -> Tensor:
        """Return the mean squared error of the reconstruction."""
        (h,) = self.encode(batch)
        return mse_loss(self.decoder(h), batch[self.names[0]].flatten(1))


@register(
    "autoencoder_pretrain_concat",
    architecture="late",
    data_fusion="concat",
    level="features",
    operator="concat",
    training="staged_finetuned",
    also_known_as={"fusilli": "ConcatImgLatentTabDoubleTrain"},
    words=("autoencoder",),
    complexity="O(M d)",
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
