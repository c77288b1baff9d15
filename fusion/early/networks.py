"""Early fusion by a network: joined or merged values into the common classifier."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..network import Batch, FusionNetwork
from ..registry import register
from ..variant import Task
from .classical import RAW_CONCAT


class RawNetwork(FusionNetwork):
    """Base of networks that read flat inputs x_m / √(size of m): there are no extractors to train."""

    def __init__(self, task: Task, width: int | None = None):
        super().__init__(task, width)
        self.extractors = nn.ModuleList()

    def encode(self, batch: Batch) -> list[Tensor]:
        """Return each modality's flat, block-scaled values."""
        flat = [batch[name].flatten(1) for name in self.names]
        return [x / x.shape[1] ** 0.5 for x in flat]


@register(
    "early_concat_mlp",
    also_known_as={"MultiBench": "ConcatEarly", "MultiBench++": "ConcatEarly", "fusilli": "ConcatTabularData"},
    **RAW_CONCAT,
    complexity="O(D H), D values of all inputs, H nodes of the head",
)
class EarlyConcatMlp(RawNetwork):
    """head(√s̄ · [x_1; …; x_M]): the common classifier on the flat, block-scaled inputs.

    s̄ is the mean size of a modality: one factor for all blocks, which gives the columns unit variance on
    average, as the layer's initial weights expect.
    """

    def __init__(self, task: Task):
        super().__init__(task)

    def fuse(self, h: list[Tensor]) -> Tensor:
        """Return all values side by side, (n, total size)."""
        joined = torch.cat(h, 1)
        return joined * (joined.shape[1] / len(h)) ** 0.5


@register(
    "early_merge_sum",
    architecture="early",
    data_fusion="merge",
    level="features",
    operator="sum",
    reference="Sleeman, Kapoor & Ghosh 2022, arXiv 2109.09020, figure 5c",
    complexity="O(D d), D values of all inputs",
)
class EarlyMergeSum(RawNetwork):
    """head(Σ R_m x_m): fixed random projections to one width, added before anything is trained.

    R_m has independent N(0, 1) entries; x_m is block-scaled, so that R_m x_m keeps its length's scale.
    """

    def __init__(self, task: Task, width: int | None = None):
        super().__init__(task, width)
        for number, modality in enumerate(task.modalities):
            self.register_buffer(f"projection_{number}", torch.randn(modality.size, self.width))

    def fuse(self, h: list[Tensor]) -> Tensor:
        """Return the sum of the projections (n, width)."""
        return torch.stack([x @ getattr(self, f"projection_{i}") for i, x in enumerate(h)]).sum(0)
