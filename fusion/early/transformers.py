"""Early fusion by attention: raw inputs cut into tokens, which one network reads side by side."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..attention import CrossBlock, SelfBlock, heads_of, repeated
from ..network import Batch
from ..registry import register
from ..tokens import RawTokens
from ..variant import Task
from .networks import RawNetwork

TOKENS: dict[str, Any] = dict(
    architecture="early", data_fusion="concat", level="raw", operator="attention", tier="full"
)
LEARNED = 0.02  # spread of learned tokens before training


class TokenNetwork(RawNetwork):
    """Base of networks that read the raw tokens of all modalities; a token has `width` numbers.

    There is no convolution and no extractor: a piece of an input meets a linear map, and then the other
    modalities' pieces. Dropout stands in the classifier alone, as everywhere. Where a piece stood is known from
    its position alone: positions begin with the spread `places`, for with that of `RawTokens`, 0.02, a thousand
    rows did not suffice to tell places apart.
    """

    places: ClassVar[float] = 1.0

    def __init__(self, task: Task, width: int | None = None):
        super().__init__(task, width)
        self.tokens = RawTokens(task.modalities, self.width)
        for position in self.tokens.position:
            nn.init.normal_(position, std=self.places)
        self.norm = nn.LayerNorm(self.width)

    def encode(self, batch: Batch) -> list[Tensor]:
        """Return each modality's tokens, (n, tokens, width)."""
        return self.tokens(batch)


@register(
    "early_transformer",
    **TOKENS,
    reference="Liang et al. 2021, MultiBench; the blocks: Vaswani et al. 2017, arXiv 1706.03762",
    also_known_as={"MultiBench": "EarlyFusionTransformer", "MultiBench++": "EarlyFusionTransformer"},
    words=("single-stream transformer",),
    complexity="O((M T)² d + M T d²), T tokens a modality",
    weak_on=("synergy",),
)
class EarlyTransformer(TokenNetwork):
    """head(LN(c_L)), [c; t_1; …; t_M] ← two blocks of self-attention over all tokens at once, c a class token.

    MultiBench's namesake is made for sequences of equal length: it joins the modalities' numbers at each time step
    into one token and reads the last. Pictures and tables have no steps in common, so that here every modality has
    tokens of its own, up to sixteen. Depth 2, for the parameters of plain concatenation at width 64.
    """

    def __init__(self, task: Task, layers: int = 2, width: int | None = None):
        super().__init__(task, width)
        if layers < 1:
            raise ValueError(f"layers={layers} is not positive")
        self.start = nn.Parameter(torch.randn(1, self.width) * LEARNED)
        self.blocks = nn.ModuleList(SelfBlock(self.width, heads_of(self.width)) for _ in range(layers))

    def fuse(self, h: list[Tensor]) -> Tensor:
        """Return the class token after the last block (n, width)."""
        tokens = torch.cat([repeated(self.start, len(h[0])), *h], 1)
        for block in self.blocks:
            tokens = block(tokens)
        return self.norm(tokens[:, 0])


@register(
    "perceiver_io",
    **TOKENS,
    reference="Jaegle et al. 2022, arXiv 2107.14795",
    words=("perceiver", "latent array"),
    complexity="O(N M T d + N² d + (N + M T) d²), N latents, T tokens a modality",
    weak_on=("synergy",),
)
class PerceiverIO(TokenNetwork):
    """head(LN(o)), o ← o reads L, L ← self-attention on L (twice), L ← L reads [t_1; …; t_M]; L, o learned.

    N latents L read the tokens once, work among themselves, and one output query o reads them: attention costs
    N·(tokens) where the transformer's costs (tokens)². The paper feeds pixels and bytes by the thousand to
    hundreds of latents; with up to sixteen tokens a modality, sixteen latents are a third of three modalities'.
    Positions begin at a third of the transformer's spread: latents read means of many tokens at first, in which
    wider ones drown the inputs, so that tiny sets are not learned at all.
    """

    places = 0.3

    def __init__(self, task: Task, latents: int = 16, width: int | None = None):
        super().__init__(task, width)
        if latents < 2:
            raise ValueError(
                f"latents={latents} is fewer than 2: over a single one the output would ignore its query"
            )
        size, heads = self.width, heads_of(self.width)
        self.latents = nn.Parameter(torch.randn(latents, size) * LEARNED)
        self.query = nn.Parameter(torch.randn(1, size) * LEARNED)
        self.read, self.write = CrossBlock(size, heads), CrossBlock(size, heads)
        self.blocks = nn.ModuleList(SelfBlock(size, heads) for _ in range(2))

    def fuse(self, h: list[Tensor]) -> Tensor:
        """Return what the output query read (n, width)."""
        tokens = torch.cat(h, 1)
        each = tokens.new_zeros(len(tokens), 1, 1)  # added, since the flop counter fails on views of parameters
        latents = self.read(self.latents + each, tokens)
        for block in self.blocks:
            latents = block(latents)
        return self.norm(self.write(self.query + each, latents)[:, 0])
