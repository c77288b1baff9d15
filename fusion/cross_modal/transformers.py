"""Several sharing operations: layers of attention across the token sequences of the modalities."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..attention import CrossBlock, SelfBlock, heads_of, repeated
from ..network import Batch, FusionNetwork
from ..registry import register
from ..tokens import DeepTokens
from ..variant import Task

MULTIPLE: dict[str, Any] = dict(
    tier="full", architecture="cross_modal", data_fusion="merge", level="nodes", sharing="multiple"
)
SMALLEST = 8  # numbers in a token: four heads of two; a query of a single number has next to no say


class TokenNetwork(FusionNetwork):
    """Base: extractors without their last layers, their deepest nodes as tokens of one size."""

    size: int

    def tokenise(self, size: int) -> None:
        """Make the tokens, of `size` numbers each but never fewer than eight."""
        self.cut_last_layers()
        self.size = max(SMALLEST, size)
        self.tokens = DeepTokens(list(self.extractors), self.task.modalities, self.size)

    def encode(self, batch: Batch) -> list[Tensor]:
        """Return each modality's tokens, (n, tokens, size)."""
        return self.tokens(list(self.extractors), [batch[name] for name in self.names])


@register(
    "mult",
    **MULTIPLE,
    operator="attention",
    reference="Tsai et al. 2019, arXiv 1906.00295",
    also_known_as={"MultiBench": "MULTModel"},
    words=("multimodal transformer", "crossmodal transformer"),
    complexity="O(M² L (T² d + T d²)), L layers, T tokens a modality",
)
class MulT(TokenNetwork):
    """head([v_1; …; v_M]), v_a = R_a flat(SelfBlock([t_{b→a}]_{b≠a})), t_{b→a} = L CrossBlocks of t_a over t_b.

    For each ordered pair a stack of its own: the tokens of a ask, those of b answer, and every layer asks
    b's tokens as they came from the tokeniser, as in the paper. What a learned from each of the others stands
    side by side, token by token, and one self-attention layer runs over it. The paper then takes the last time
    step; places of a map and nodes of a table have no last one, and their mean would forget where a pattern stood:
    a linear map of all tokens side by side gives v_a. Two layers (the paper: more, for long sequences);
    d = width / (2 (M − 1)), so that a target has about width / 2 numbers a token whatever M, as many as
    in `cross_attention`. MultiBench also lets every modality attend to itself; the paper does not.
    """

    def __init__(self, task: Task, layers: int = 2, width: int | None = None):
        super().__init__(task, width)
        if layers < 1:
            raise ValueError(f"layers={layers} is not a positive number of layers")
        others = len(self.names) - 1
        self.tokenise(self.width // (2 * others))
        size, joined, heads = self.size, others * self.size, heads_of(self.size)
        self.cross: Any = nn.ModuleList(
            nn.ModuleList(
                nn.ModuleList(CrossBlock(size, heads) for _ in range(layers)) for b in self.names if b != a
            )
            for a in self.names
        )
        self.own: Any = nn.ModuleList(SelfBlock(joined, heads_of(joined)) for _ in self.names)
        self.norm: Any = nn.ModuleList(nn.LayerNorm(joined) for _ in self.names)
        self.sum_up: Any = nn.ModuleList(nn.Linear(n * joined, self.width) for n in self.tokens.lengths)

    def read(self, a: int, h: list[Tensor]) -> Tensor:
        """Return what the tokens of a read from each of the others, side by side, (n, tokens, (M − 1)·size)."""
        found = []
        for b, stack in zip((b for b in range(len(h)) if b != a), self.cross[a], strict=True):
            tokens = h[a]
            for block in stack:
                tokens = block(tokens, h[b])
            found.append(tokens)
        return torch.cat(found, 2)

    def fuse(self, h: list[Tensor]) -> Tensor:
        """Return all targets' vectors side by side, (n, M·width)."""
        found = []
        for a, (own, norm, sum_up) in enumerate(zip(self.own, self.norm, self.sum_up, strict=True)):
            found.append(sum_up(norm(own(self.read(a, h))).flatten(1)))
        return torch.cat(found, 1)


@register(
    "bottleneck_transformer",
    **MULTIPLE,
    operator="attention",
    reference="Nagrani et al. 2021, arXiv 2107.00135",
    words=("mbt", "attention bottlenecks"),
    complexity="O(M L ((T + B)² d + (T + B) d²)), L layers, T tokens a modality, B of the bottleneck",
    weak_on=("synergy",),
)
class BottleneckTransformer(TokenNetwork):
    """1/M Σ_m head(c_m), [t_m; z_m] = SelfBlock_m([t_m; z]) and z ← 1/M Σ_m z_m in each layer.

    t_m are modality m's tokens with a class token c_m before them, z the B bottleneck tokens: every modality
    updates its own copy of them beside its tokens, and the copies are averaged. Nothing passes between modalities
    but through z. The extractors are the paper's unshared early layers, and a class token has summed up what they
    found by the time sharing begins: c_m starts as a linear map of all tokens of m side by side. Four bottleneck
    tokens, as in the paper; three layers, so that two exchanges reach the class tokens: what the last layer
    writes into z is read by none, hence at least two. The head is one linear layer for all modalities, of whose
    logits the mean is taken, which is its value at the mean of the class tokens.
    """

    def __init__(self, task: Task, bottlenecks: int = 4, layers: int = 3, width: int | None = None):
        super().__init__(task, width)
        if bottlenecks < 1:
            raise ValueError(f"bottlenecks={bottlenecks} leaves no token to share")
        if layers < 2:
            raise ValueError(f"layers={layers} shares nothing: what one layer writes is read by the next")
        self.tokenise(self.width // 2)
        size, heads = self.size, heads_of(self.size)
        self.bottleneck = nn.Parameter(torch.randn(bottlenecks, size) * 0.02)
        self.first: Any = nn.ModuleList(nn.Linear(length * size, size) for length in self.tokens.lengths)
        self.blocks: Any = nn.ModuleList(
            nn.ModuleList(SelfBlock(size, heads) for _ in self.names) for _ in range(layers)
        )
        self.norm = nn.LayerNorm(size)

    def exchange(self, layer: int, tokens: list[Tensor], z: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return every modality's tokens and the bottleneck tokens after a layer."""
        blocks = zip(self.blocks[layer], tokens, strict=True)
        pairs = [block(torch.cat([t, z], 1)).tensor_split([t.shape[1]], 1) for block, t in blocks]
        return [own for own, _ in pairs], torch.stack([copy for _, copy in pairs]).mean(0)

    def fuse(self, h: list[Tensor]) -> Tensor:
        """Return the mean of the class tokens, (n, size)."""
        tokens = [torch.cat([first(t.flatten(1))[:, None], t], 1) for first, t in zip(self.first, h, strict=True)]
        z = repeated(self.bottleneck, len(h[0]))
        for layer in range(len(self.blocks)):
            tokens, z = self.exchange(layer, tokens, z)
        return torch.stack([self.norm(t[:, 0]) for t in tokens]).mean(0)

    def make_head(self, size: int) -> nn.Module:
        """Return the linear layer that all modalities share."""
        return nn.Linear(size, len(self.task.classes))
