"""Late concatenation with a network between the extractors and the head: towers, tokens, a shared trunk."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..attention import FeedForward, SelfBlock, heads_of, repeated
from ..extractors import Linear
from ..network import Batch, FusionNetwork
from ..registry import register
from ..variant import Task

LATE_CONCAT: dict[str, Any] = dict(architecture="late", data_fusion="concat")


@register(
    "two_tower",
    tier="full",
    **LATE_CONCAT,
    level="nodes",
    operator="towers",
    also_known_as={"torchmultimodal": "TwoTower"},
    words=("hierarchical fusion", "pairwise fusion"),
    complexity="O(M d²)",
)
class TwoTower(FusionNetwork):
    """head([t_1; t_2; …]), t_i = ReLU(W_i [h_{2i−1}; h_{2i}]): modalities are fused in pairs, then the pairs.

    The pairs are neighbours in the data set's order: the first with the second, the third with the fourth; an
    odd last one stays alone, with a layer of its own, so that all stand equally deep. The library that the name
    comes from has two towers and leaves their members to its user; more than four modalities make more towers
    here, and two make one.
    """

    widens = False

    def __init__(self, task: Task, width: int | str | None = None):
        super().__init__(task, width)
        several = len(self.names)
        self.members = [list(range(first, min(first + 2, several))) for first in range(0, several, 2)]
        self.towers = nn.ModuleList(nn.Linear(len(own) * self.width, self.width) for own in self.members)

    def fuse(self, h: Tensor) -> Tensor:
        """Return (n, towers · width)."""
        inputs = [torch.cat([h[m] for m in own], -1) for own in self.members]
        return torch.cat([tower(x).relu() for tower, x in zip(self.towers, inputs, strict=True)], -1)


@register(
    "token_transformer",
    tier="full",
    **LATE_CONCAT,
    level="nodes",
    operator="attention",
    also_known_as={"torchmultimodal": "DeepsetFusionWithTransformer"},
    reference="Rheude, Eils & Wild 2025, arXiv 2512.22991",
    words=("simbamm", "late-fusion transformer", "class token"),
    complexity="O(L (M k d² + M² k² d)), L layers, k tokens a modality",
)
class TokenTransformer(FusionNetwork):
    """head(LN(class token of SelfBlock^L([c; E_1 h_1; …; E_M h_M]))): each modality is a token of one sequence.

    E_m projects a finished vector to `tokens` tokens, one by default, and its constant says which modality it
    is; c is learned. Attention runs over the modalities of a row, never over rows. Two layers, heads of a
    quarter of the width, feed-forward nets of twice the width: the shared block's. A comparison of nineteen
    published methods found none reliably better than this baseline.
    """

    def __init__(self, task: Task, layers: int = 2, tokens: int = 1, width: int | str | None = None):
        super().__init__(task, width)
        if min(layers, tokens) < 1:
            raise ValueError(f"layers={layers} and tokens={tokens} must be positive whole numbers")
        size = self.width
        self.embed = nn.ModuleList(nn.Linear(size, tokens * size) for _ in self.names)
        self.start = nn.Parameter(torch.randn(1, size) * 0.02)
        self.blocks = nn.Sequential(*(SelfBlock(size, heads_of(size)) for _ in range(layers)))
        self.norm = nn.LayerNorm(size)

    def sequence(self, h: Tensor) -> Tensor:
        """Return the class token and the modalities', (n, 1 + M · tokens, width)."""
        parts = [layer(x).unflatten(1, (-1, self.width)) for layer, x in zip(self.embed, h, strict=True)]
        return torch.cat([repeated(self.start, h.shape[1]), *parts], 1)

    def fuse(self, h: Tensor) -> Tensor:
        """Return the class token after the last layer, (n, width)."""
        return self.norm(self.blocks(self.sequence(h))[:, 0])


class SharedBlock(nn.Module):
    """x + FeedForward(LN x): one layer of the trunk."""

    def __init__(self, size: int):
        super().__init__()
        self.norm, self.feed = nn.LayerNorm(size), FeedForward(size)

    def forward(self, x: Tensor) -> Tensor:
        """Return (…, size)."""
        return x + self.feed(self.norm(x))


@register(
    "shared_trunk",
    tier="full",
    **LATE_CONCAT,
    level="features",
    operator="concat",
    reference="Girdhar et al. 2022, arXiv 2201.08377; Liang et al. 2022, arXiv 2203.01311",
    also_known_as={"torchmultimodal": "Omnivore"},
    words=("highmmt", "weight sharing", "modality stems"),
    complexity="O(L M d²), L layers",
)
class SharedTrunk(FusionNetwork):
    """head([T(h_1); …; T(h_M)]), T = (x + FeedForward(LN x))^L: one trunk whose weights every modality uses.

    The extractors are the stems; the trunk takes each modality's vector in turn, with the same weights, and what
    comes out is concatenated. Shared weights are no shared data: no modality sees another before the head, so
    `sharing` is `none`. Two layers by default. Simplified: the originals' trunk is a transformer on tokens, and
    most of the network; here it is residual layers on vectors, after the memo's extractors.
    """

    widens = False

    def __init__(self, task: Task, layers: int = 2, width: int | str | None = None):
        super().__init__(task, width)
        if layers < 1:
            raise ValueError(f"layers={layers} is not a positive whole number")
        self.trunk = nn.Sequential(*(SharedBlock(self.width) for _ in range(layers)))

    def fuse(self, h: Tensor) -> Tensor:
        """Return (n, M·width)."""
        return torch.cat(list(self.trunk(h)), -1)


@register(
    "concat_mixed_level",
    tier="full",
    **LATE_CONCAT,
    level="features",
    operator="concat",
    also_known_as={"fusilli": "ConcatImageMapsTabularData"},
    words=("raw table beside features", "mixed levels"),
    complexity="O(M d + D), D raw numbers",
)
class ConcatMixedLevel(FusionNetwork):
    """head([x_a; …; h_b; …]): raw values of tables and embeddings beside the features of pictures and sounds.

    A table's columns may already say what a network would have to find again; a picture's pixels do not. Where
    all modalities are vectors, or none is, there is no such division: then the first stays raw and the others
    have their extractors. Raw values are standardised, and are not cut to the width.
    """

    widens = False

    def __init__(self, task: Task, width: int | str | None = None):
        super().__init__(task, width)
        shapes = {m.name: len(m.shape) for m in task.modalities}
        raw = [name for name in self.names if shapes[name] == 1]
        self.raw = raw if 0 < len(raw) < len(self.names) else self.names[:1]
        for place, modality in enumerate(task.modalities):
            if modality.name in self.raw:
                self.extractors[place] = Linear(modality, self.width)
                self.extractors[place].last = nn.Identity()

    def encode(self, batch: Batch) -> list[Tensor]:
        """Return the raw values or the finished vector of each modality, (n, its numbers)."""
        return [extractor(batch[name]) for extractor, name in zip(self.extractors, self.names, strict=True)]

    def fuse(self, h: list[Tensor]) -> Tensor:
        """Return (n, all numbers)."""
        return torch.cat(h, -1)
