"""Bilinear merging: the layer of pooled products, and what is made of it. Products of all modalities at once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from ..network import Batch, FusionNetwork
from ..registry import register
from ..tokens import DeepTokens
from ..variant import Task

BILINEAR: dict[str, Any] = dict(architecture="late", data_fusion="merge", level="nodes")
SMALLEST = 1e-8  # under the root of a power normalisation, whose slope is infinite at 0


class FactorPool(nn.Module):
    """Σ_{r ≤ rank} ⊙_m φ(U_m^r x_m + b_m^r): products of all modalities' factors, summed over ranks.

    With two inputs it is a bilinear form of that rank with the linear terms that the constants bring; at full
    rank any bilinear layer, and with more inputs any multilinear one. The factors stand in one Linear a
    modality, so that each is a registered parameter.

    Parameters
    ----------
    sizes
        Numbers in each input.
    nodes
        Numbers returned.
    rank
        Products summed in each.
    squash
        Whether φ is tanh; the identity where not.
    start
        What the constants b start from; None = as a Linear does. Near 1 a product of many factors keeps its
        scale, and its first gradient reaches every factor.
    """

    def __init__(
        self, sizes: Sequence[int], nodes: int, rank: int = 1, squash: bool = False, start: float | None = 1.0
    ):
        super().__init__()
        self.rank, self.squash = rank, squash
        self.factors = nn.ModuleList(nn.Linear(size, rank * nodes) for size in sizes)
        if start is not None:
            for factor in self.factors:
                nn.init.constant_(factor.bias, start)  # type: ignore[reportArgumentType]

    def forward(self, inputs: Sequence[Tensor] | Tensor) -> Tensor:
        """Return (n, nodes) from one (n, size) a modality."""
        parts = torch.stack([factor(x) for factor, x in zip(self.factors, inputs, strict=True)])
        product = (parts.tanh() if self.squash else parts).prod(0)
        return product.unflatten(1, (self.rank, -1)).sum(1)


def power_normalised(z: Tensor) -> Tensor:
    """Return sign(z) √(|z| + ε), each row brought to length 1."""
    return normalize(z.sign() * (z.abs() + SMALLEST).sqrt(), dim=-1)


@register(
    "mlb",
    tier="full",
    **BILINEAR,
    operator="bilinear",
    equivalence_by_options={"tanh=false": "rank_one_product"},
    reference="Kim et al. 2017, arXiv 1610.04325",
    words=("multimodal low-rank bilinear", "hadamard product"),
    complexity="O(M d²)",
)
class MLB(FusionNetwork):
    """P (⊙_m tanh(U_m h_m + b_m)): a bilinear layer whose weight has rank 1 in every node of the product.

    With two modalities P (tanh(U h_a) ⊙ tanh(V h_b)), the paper's form with its biases; with more the product
    of all factors. The biases start at 1, so that a product of many factors neither dies out nor starves its
    factors. `tanh=false` leaves the factors linear: then it is a rank-1 slice of `mutan` with identity maps.
    """

    def __init__(self, task: Task, tanh: bool = True, width: int | str | None = None):
        super().__init__(task, width)
        self.product = FactorPool([self.width] * len(self.names), self.width, squash=tanh)
        self.out = nn.Linear(self.width, self.width)

    def fuse(self, h: Tensor) -> Tensor:
        """Return (n, width)."""
        return self.out(self.product(h))


@register(
    "mfb",
    tier="full",
    **BILINEAR,
    operator="bilinear",
    equivalence_by_options={"normalise=false,rank=1": "rank_one_product", "normalise=false,rank=4": "low_rank"},
    reference="Yu et al. 2017, arXiv 1708.01471",
    words=("multimodal factorized bilinear pooling", "power normalisation"),
    complexity="O(M k d²), k the rank",
)
class MFB(FusionNetwork):
    """s / ‖s‖ with s = sign(z) √(|z| + ε), z = Σ_{r ≤ k} ⊙_m (U_m^r h_m + b_m^r): k products summed, then tamed.

    The root and the length of 1 keep products of either size from drowning the others. Default k = 5 as in the
    paper; with more than two modalities the product of all factors. Left out is the paper's dropout between
    product and sum, for the classifier has its own. `rank=1,normalise=false` is `mlb` with linear factors,
    whose P the classifier's first layer absorbs.
    """

    def __init__(self, task: Task, rank: int = 5, normalise: bool = True, width: int | str | None = None):
        super().__init__(task, width)
        check_rank(rank)
        self.normalise = normalise
        # the length of 1 undoes a common scale: constants near 1 would only hide what differs between rows
        start = None if normalise else 1.0
        self.product = FactorPool([self.width] * len(self.names), self.width, rank, start=start)

    def fuse(self, h: Tensor) -> Tensor:
        """Return (n, width)."""
        z = self.product(h)
        return power_normalised(z) if self.normalise else z


@register(
    "mutan",
    tier="full",
    **BILINEAR,
    operator="tucker",
    equivalence_by_options={"maps=identity,rank=1": "rank_one_product", "maps=identity": "low_rank"},
    reference="Ben-younes et al. 2017, arXiv 1705.06676",
    words=("tucker decomposition",),
    complexity="O(M R d²), R the rank of a slice",
    weak_on=("synergy",),
)
class MUTAN(FusionNetwork):
    """W_o Σ_{r ≤ R} ⊙_m (N_m^r q_m + b_m^r), q_m = tanh(W_m h_m): a Tucker tensor whose core's slices have rank R.

    W_m are the Tucker factors of the inputs, W_o that of the output, and N^r the core, each of whose slices is a
    sum of R outer products. With more than two modalities the product of all factors. Default R = 4, as many as
    `low_rank_fusion` sums; the paper chooses it by validation. `maps=identity` leaves W_m and tanh out: at
    `rank=1` that is `mlb` without its tanh, at R `low_rank_fusion` of rank R, whose weights and bias the
    classifier's first layer absorbs with W_o. With the maps none of this holds.
    """

    def __init__(self, task: Task, rank: int = 4, maps: str = "tanh", width: int | str | None = None):
        super().__init__(task, width)
        check_rank(rank)
        if maps not in ("tanh", "identity"):
            raise ValueError(f"maps={maps} is neither 'tanh' nor 'identity'")
        mapped = maps == "tanh"
        self.maps = nn.ModuleList(
            nn.Sequential(nn.Linear(self.width, self.width), nn.Tanh()) if mapped else nn.Identity()
            for _ in self.names
        )
        self.core = FactorPool([self.width] * len(self.names), self.width, rank)
        self.out = nn.Linear(self.width, self.width)

    def fuse(self, h: Tensor) -> Tensor:
        """Return (n, width)."""
        return self.out(self.core([inner(x) for inner, x in zip(self.maps, h, strict=True)]))


def check_rank(rank: int) -> None:
    """Refuse a rank below 1.

    Raises
    ------
    ValueError
        Naming it.
    """
    if rank < 1:
        raise ValueError(f"rank={rank} is not a positive whole number")


@register(
    "bilinear_attention",
    tier="full",
    **BILINEAR,
    operator="bilinear_attention",
    reference="Kim, Jun & Zhang 2018, arXiv 1805.07932",
    words=("ban", "bilinear attention network", "BANLayer", "pykale"),
    complexity="O(M² G T² d + M T d²), T tokens a modality, G glimpses",
    weak_on=("synergy",),
)
class BilinearAttention(FusionNetwork):
    """Σ_{a<b} Σ_g P_g (Σ_{i,j} A_{ij}^g u_{ai} ⊙ u_{bj}), A^g = softmax_{ij}(p_gᵀ (v_{ai} ⊙ v_{bj})).

    u = ReLU(U_m t_m) and v = ReLU(V_m t_m) are projections of the extractors' deepest nodes as tokens; A is one
    softmax over all pairs of a token of one modality with a token of the other. The paper takes two modalities:
    with more, the vectors of all pairs are summed, a modality has the same projections in each of its pairs, and
    a pair has glimpse weights p of its own. Default G = 2 glimpses.

    What is read is a weighted mean over pairs of tokens: where a pattern stood is told by the tokens' learned
    positions alone, and no term has one modality only, unlike a head on flattened maps or finished vectors.

    Two published codes leave the softmax out or project once for attention and for what it reads; here both
    are as in the paper. Simplified: the glimpses stand beside each other, each with a P_g, in place of the
    paper's residual chain.
    """

    def __init__(self, task: Task, glimpses: int = 2, width: int | str | None = None):
        super().__init__(task, width)
        if glimpses < 1:
            raise ValueError(f"glimpses={glimpses} is not a positive whole number")
        self.cut_last_layers()
        size = self.width
        self.tokens = DeepTokens(list(self.extractors), task.modalities, size)
        self.pairs = list(combinations(range(len(self.names)), 2))
        self.weigh = nn.ModuleList(nn.Linear(size, size) for _ in self.names)
        self.value = nn.ModuleList(nn.Linear(size, size) for _ in self.names)
        # of unit variance, else the maps begin flat; a constant would move all scores of a glimpse alike
        self.glimpse = nn.Parameter(torch.randn(len(self.pairs), glimpses, size))
        self.out = nn.Linear(glimpses * size, size)

    def encode(self, batch: Batch) -> list[Tensor]:
        """Return each modality's tokens, (n, tokens, width)."""
        return self.tokens(list(self.extractors), [batch[name] for name in self.names])

    def maps(self, h: list[Tensor]) -> list[Tensor]:
        """Return each pair's attention, (n, glimpses, tokens of one, tokens of the other)."""
        v = [torch.relu(layer(t)) for layer, t in zip(self.weigh, h, strict=True)]
        return [_attention(v[a], v[b], p) for (a, b), p in zip(self.pairs, self.glimpse, strict=True)]

    def fuse(self, h: list[Tensor]) -> Tensor:
        """Return (n, width)."""
        u = [torch.relu(layer(t)) for layer, t in zip(self.value, h, strict=True)]
        read = [
            (u[a][:, None] * (attention @ u[b][:, None])).sum(2)  # (n, glimpses, width)
            for (a, b), attention in zip(self.pairs, self.maps(h), strict=True)
        ]
        return self.out(torch.stack(read).sum(0).flatten(1))


def _attention(one: Tensor, other: Tensor, glimpse: Tensor) -> Tensor:
    """Return softmax over all pairs of tokens of the glimpses' scores, (n, glimpses, i, j)."""
    scores = (one[:, None] * glimpse[:, None]) @ other[:, None].transpose(2, 3)
    return scores.flatten(2).softmax(-1).view_as(scores)
