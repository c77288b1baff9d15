"""Several sharing operations: what was fused goes back into the modalities' networks, round after round."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..network import Batch, FusionNetwork
from ..registry import register
from ..variant import Task
from .depths import over_places


@register(
    "progressive_fusion",
    tier="full",
    architecture="cross_modal",
    data_fusion="merge",
    level="nodes",
    operator="feedback",
    sharing="multiple",
    reference="Shankar, Thompson & Fiterau 2022, arXiv 2209.00302",
    words=("pro-fusion", "backward connections", "iterative refinement"),
    complexity="O(R (M d² + E)), R rounds, E an extractor's layers behind its first",
)
class ProgressiveFusion(FusionNetwork):
    """head([h_1; …; h_M]), h_m = f_m(n_m + U_m z), z ← tanh(F [h_1; …; h_M]) of the round before, 0 at first.

    n_m are the nodes after the first stage of modality m's network, where its map is widest, and f_m the rest of
    it: the fused z, which late fusion shows to the classifier alone, reaches the early layers of every network.
    `rounds` times, with the same weights each: the paper unrolls a few, here it is two, three passes through f.
    `rounds=0` is `concat_features`. U_m z is added, the same for every place, which is what a linear layer makes
    of the paper's concatenation.
    """

    widens = False

    def __init__(self, task: Task, rounds: int = 2, width: int | None = None):
        super().__init__(task, width)
        if rounds < 0:
            raise ValueError(f"rounds={rounds} is negative")
        self.rounds = rounds
        if rounds:
            self.join = nn.Linear(len(self.names) * self.width, self.width)
            self.back: Any = nn.ModuleList(nn.Linear(self.width, e.channels[0]) for e in self.extractors)

    def encode(self, batch: Batch) -> Tensor:
        """Return the finished vectors of the last round, (M, n, width)."""
        pairs = zip(self.extractors, self.names, strict=True)
        nodes = [extractor.stage(0, batch[name]) for extractor, name in pairs]
        h = self._finished(nodes)
        for _ in range(self.rounds):
            z = self.join(self.fuse(h)).tanh()
            h = self._finished([n + over_places(back(z), n) for n, back in zip(nodes, self.back, strict=True)])
        return h

    def _finished(self, nodes: list[Tensor]) -> Tensor:
        finished = []
        for extractor, x in zip(self.extractors, nodes, strict=True):
            for depth in range(1, len(extractor.channels)):
                x = extractor.stage(depth, x)
            finished.append(extractor.last(x.flatten(1)))
        return torch.stack(finished)

    def fuse(self, h: Tensor) -> Tensor:
        """Return (n, M·width)."""
        return torch.cat(list(h), -1)
