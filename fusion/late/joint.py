"""Late merging of decisions that are trained together."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..network import Classifier, FusionNetwork
from ..registry import register
from ..variant import Task


@register(
    "late_joint_mean",
    architecture="late",
    data_fusion="merge",
    level="decisions",
    operator="mean",
    training="joint",
    also_known_as={"fusilli": "TabularDecision, ImageDecision"},
    words=("end-to-end late fusion",),
    complexity="O(M K), K classes",
)
class LateJointMean(FusionNetwork):
    """log(1/M Σ_m softmax(head_m(h_m))): one head a modality, trained through the mean.

    Against `late_mean` it isolates joint training: the same experts, the same rule, one loss.
    """

    def __init__(self, task: Task, width: int | None = None):
        super().__init__(task, width)
        self.heads = nn.ModuleList(Classifier(self.width, len(task.classes)) for _ in self.names)

    def fuse(self, h: Tensor) -> Tensor:
        """Return the log of the mean probability, (n, K)."""
        logits = torch.stack([head(x) for head, x in zip(self.heads, h, strict=True)])
        return logits.log_softmax(-1).logsumexp(0) - torch.tensor(float(len(h))).log()

    def make_head(self, size: int) -> nn.Module:
        """Return the identity: the heads stand before the join."""
        return nn.Identity()
