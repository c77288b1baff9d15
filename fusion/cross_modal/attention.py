"""One sharing operation: attention between the token sequences of every pair of modalities."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..network import Batch, FusionNetwork
from ..registry import register
from ..tokens import DeepTokens
from ..variant import Task


@register(
    "cross_attention",
    architecture="cross_modal",
    data_fusion="merge",
    level="nodes",
    operator="attention",
    sharing="single",
    reference="scaled dot-product attention: Vaswani et al. 2017, arXiv 1706.03762",
    also_known_as={
        "MultiBench": "NLgate",
        "MultiBench++": "NLgate, CrossAttentionFusion",
        "fusilli": "TabularCrossmodalMultiheadAttention, CrossmodalMultiheadAttention",
    },
    complexity="O(M² T² d + M T d²), T tokens a modality",
)
class CrossAttention(FusionNetwork):
    """head([t̂_1; …; t̂_M]), t̂_a = flat(t_a + Σ_{b≠a} softmax(Q_a K_bᵀ/√d) V_b).

    t_a are the extractor's deepest nodes as tokens (places of a feature map; groups of eight nodes of a
    table), projected to d = width/2 numbers (32, as many as the last map has channels), layer-normalised,
    with a learned position each. They are flattened as the extractor flattens its map: their mean would
    forget where a pattern stood. A sequence has more than one token, for over a single key the softmax is 1
    whatever the query. The attention is written out, since the flop counter does not see fused kernels.
    """

    def __init__(self, task: Task, width: int | None = None):
        super().__init__(task, width)
        self.cut_last_layers()
        self.size = size = max(1, self.width // 2)
        modalities = [next(m for m in task.modalities if m.name == name) for name in self.names]
        self.tokens = DeepTokens(list(self.extractors), modalities, size)
        self.query = nn.ModuleList(nn.Linear(size, size) for _ in self.names)
        # a bias of the keys moves all scores of a query alike: it would never receive a gradient
        self.key = nn.ModuleList(nn.Linear(size, size, bias=False) for _ in self.names)
        self.value = nn.ModuleList(nn.Linear(size, size) for _ in self.names)

    def encode(self, batch: Batch) -> list[Tensor]:
        """Return each modality's tokens, (n, tokens, d)."""
        return self.tokens(list(self.extractors), [batch[name] for name in self.names])

    def fuse(self, h: list[Tensor]) -> Tensor:
        """Return the enriched tokens of all modalities side by side, (n, Σ tokens · d)."""
        queries = [layer(t) for layer, t in zip(self.query, h, strict=True)]
        keys = [layer(t) for layer, t in zip(self.key, h, strict=True)]
        values = [layer(t) for layer, t in zip(self.value, h, strict=True)]
        enriched = []
        for a, tokens in enumerate(h):
            for b in (b for b in range(len(h)) if b != a):
                scores = queries[a] @ keys[b].transpose(1, 2) / self.size**0.5
                tokens = tokens + scores.softmax(-1) @ values[b]
            enriched.append(tokens.flatten(1))
        return torch.cat(enriched, 1)
