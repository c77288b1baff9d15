"""One sharing operation: attention between the token sequences of every pair of modalities."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..network import Batch, FusionNetwork
from ..registry import register
from ..variant import Task


@register(
    "cross_attention",
    architecture="cross_modal",
    data_fusion="merge",
    level="nodes",
    operator="attention",
    sharing="single",
    also_known_as={"MultiBench++": "CrossAttention"},
)
class CrossAttention(FusionNetwork):
    """head([t̄_1; …; t̄_M]), t̄_a = mean over tokens of t_a + Σ_{b≠a} softmax(Q_a K_bᵀ/√d) V_b.

    t_a are the extractor's deepest nodes as tokens (places of a feature map; groups of eight nodes of
    a table), projected to `width` with a learned position each. A sequence has more than one token:
    over a single key the softmax would be 1 whatever the query. Written out, since fused attention
    kernels are not seen by the flop counter.
    """

    def __init__(self, task: Task, width: int | None = None):
        super().__init__(task, width)
        self.cut_last_layers()
        by_name = {m.name: m for m in task.modalities}
        blanks = [torch.zeros(1, *by_name[name].shape) for name in self.names]
        pairs = list(zip(self.extractors, blanks, strict=True))
        with torch.no_grad():
            lengths = [extractor.tokens(blank).shape[1] for extractor, blank in pairs]
        size = self.width
        self.embed = nn.ModuleList(nn.Linear(e.token_size, size) for e in self.extractors)
        self.position = nn.ParameterList(torch.randn(length, size) * 0.02 for length in lengths)
        self.query = nn.ModuleList(nn.Linear(size, size) for _ in self.names)
        # a bias of the keys moves all scores of a query alike: it would never receive a gradient
        self.key = nn.ModuleList(nn.Linear(size, size, bias=False) for _ in self.names)
        self.value = nn.ModuleList(nn.Linear(size, size) for _ in self.names)

    def encode(self, batch: Batch) -> list[Tensor]:
        """Return each modality's tokens, (n, tokens, width)."""
        parts = zip(self.names, self.extractors, self.embed, self.position, strict=True)
        return [embed(extractor.tokens(batch[name])) + place for name, extractor, embed, place in parts]

    def fuse(self, h: list[Tensor]) -> Tensor:
        """Return the pooled, enriched tokens of all modalities side by side, (n, M·width)."""
        queries = [layer(t) for layer, t in zip(self.query, h, strict=True)]
        keys = [layer(t) for layer, t in zip(self.key, h, strict=True)]
        values = [layer(t) for layer, t in zip(self.value, h, strict=True)]
        pooled = []
        for a, tokens in enumerate(h):
            for b in (b for b in range(len(h)) if b != a):
                scores = queries[a] @ keys[b].transpose(1, 2) / self.width**0.5
                tokens = tokens + scores.softmax(-1) @ values[b]
            pooled.append(tokens.mean(1))
        return torch.cat(pooled, 1)
