"""Distillation from experts that were trained on one modality each."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ...core.names import spell
from ..decoders import mean_where
from ..matching import matched_width
from ..network import Batch
from ..training import EVALUATION_BATCH
from ..unimodal import Unimodal
from ..variant import Stages, Task
from ..wrappers import register_wrapper
from .parts import Parts, quiet


def expert_stage(name: str) -> str:
    """Return the stage that is a modality's expert."""
    return f"unimodal(modality={spell(name)})"


def expert_width(task: Task, name: str) -> int:
    """Return the numbers in the vector of a modality's expert, which a suite at matched capacity makes wider."""
    if task.settings.capacity == "native":
        return task.settings.width
    return matched_width(partial(Unimodal, modality=name), task)


@register_wrapper(
    "unimodal_teacher",
    reference="Du et al. 2021, arXiv 2106.11059",
    also_known_as={"BalanceBenchmark": "UMTTrainer"},
    words=("umt", "uni-modal teacher", "distillation"),
)
class UnimodalTeacher(Parts):
    """L + λ Σ_m ‖A_m h_m − t_m‖² / d, t_m the vector of modality m's expert, trained beforehand and alone.

    The experts are the unimodal variants, a stage that the late rules use too. A_m is the identity where h_m has
    as many numbers as the expert's vector, else a Linear, for some joins read nodes or tokens. Rows without the
    modality are left out. What the experts say of training rows is computed once. Default: λ = 1.
    """

    def attach(self, weight: float = 1.0) -> None:
        """Add the maps; what the experts say comes with training, until then it is 0."""
        pairs = zip(self.vector_sizes(), self.names, strict=True)
        sizes = [(n, expert_width(self.task, name)) for n, name in pairs]
        self.teacher_maps = nn.ModuleList(nn.Identity() if n == d else nn.Linear(n, d) for n, d in sizes)
        self.teacher: dict[str, Any] = {"weight": weight, "experts": [], "answers": []}

    @classmethod
    def needs(cls, task: Task, **options: Any) -> tuple[str, ...]:
        """Return the experts, beside what the network starts from."""
        return tuple(
            dict.fromkeys([*super().needs(task, **options), *map(expert_stage, cls.uses(task, **options))])
        )

    def start_from(self, stages: Stages) -> None:
        """Take the experts."""
        super().start_from(stages)
        self.teacher["experts"] = [stages.get(expert_stage(name)).network for name in self.names]

    def begin_epoch(self, epoch: int, batch: Batch, labels: Tensor) -> None:
        """Ask the experts for their vectors of all training rows, once."""
        super().begin_epoch(epoch, batch, labels)
        if self.teacher["answers"] or batch.rows is None:
            return
        for expert in self.teacher["experts"]:
            with quiet(expert):
                pieces = [expert.extractors[0](x) for x in batch[expert.names[0]].split(EVALUATION_BATCH)]
            answers = torch.cat(pieces)
            self.teacher["answers"].append(torch.empty_like(answers).index_copy(0, batch.rows, answers))

    def loss(self, batch: Batch, labels: Tensor, class_weight: Tensor | None) -> Tensor:
        """Return the network's loss and the distances from the experts."""
        loss = super().loss(batch, labels, class_weight)
        apart = []
        for m, x in enumerate(self.vectors(self.handed(batch))):
            x = self.teacher_maps[m](x)
            known = bool(self.teacher["answers"]) and batch.rows is not None
            answer = self.teacher["answers"][m][batch.rows] if known else torch.zeros_like(x)
            apart.append(mean_where((x - answer).square().mean(1), batch.present[:, m]))
        return loss + self.teacher["weight"] * torch.stack(apart).sum()
