"""Sharing in pre-training: an earlier, unlabelled stage in which modalities see each other, then the label.

`late/pretraining.py` holds the control that shares nothing: whatever pre-training itself brings, it brings there.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from ..contrast import info_nce
from ..network import Batch
from ..pretraining import PretrainedConcat, Pretraining
from ..registry import register
from ..stages import register_stage
from ..variant import Stages, Task


@register_stage("contrastive_pretraining")
class ContrastivePretraining(Pretraining):
    """InfoNCE between the modalities' vectors g_m(h_m), g a linear map: see `fusion/contrast.py`."""

    def __init__(self, task: Task, temperature: float = 0.1):
        super().__init__(task)
        self.temperature = temperature
        self.project = nn.ModuleList(nn.Linear(self.width, self.width) for _ in self.names)

    def objective(self, batch: Batch) -> Tensor:
        """Return the mean over pairs of modalities."""
        h = self.encode(batch)
        self.clock.lap("encode")
        loss = info_nce([g(x) for g, x in zip(self.project, h, strict=True)], self.temperature, batch.present)
        self.clock.lap("fuse")
        return loss


@register(
    "contrastive_pretrain_concat",
    architecture="cross_modal",
    data_fusion="concat",
    level="features",
    operator="concat",
    sharing="pretraining",
    training="staged_finetuned",
    reference="after Hager, Menten & Rueckert 2023, arXiv 2303.14080 (contrastive pre-training of two modalities)",
    also_known_as={"torchmultimodal": "CLIP"},
    words=("infonce",),
    complexity="O(M d)",
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
