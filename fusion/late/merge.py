"""Late merging of finished vectors by an arithmetic operator (memo c): h is (M, n, width)."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm, softplus

from ..network import FusionNetwork
from ..registry import register
from ..variant import Task

POSITIVE = 1e-3  # keeps reciprocals of softplus finite
MEMO = "Sleeman, Kapoor & Ghosh 2022, arXiv 2109.09020, figure 5c"
MERGE: dict[str, Any] = dict(architecture="late", data_fusion="merge", level="features", reference=MEMO)


@register(
    "merge_sum",
    **MERGE,
    operator="sum",
    equivalence_class="sum",
    also_known_as={"BalanceBenchmark": "SumFusion"},
    words=("memo c", "addition", "加算"),
    complexity="O(M d)",
)
def merge_sum(h: Tensor) -> Tensor:
    """head(Σ_m h_m): the plain sum."""
    return h.sum(0)


@register(
    "merge_mean",
    **MERGE,
    operator="mean",
    equivalence_class="sum",
    words=("average", "平均"),
    complexity="O(M d)",
)
def merge_mean(h: Tensor) -> Tensor:
    """head(1/M Σ_m h_m): the mean, the sum up to a scale that the extractors' last layer absorbs."""
    return h.mean(0)


@register(
    "merge_max",
    **MERGE,
    operator="max",
    equivalence_class="max",
    words=("maxpooling", "最大"),
    complexity="O(M d)",
)
def merge_max(h: Tensor) -> Tensor:
    """head(max_m h_m): the largest, node by node."""
    return h.amax(0)


@register(
    "merge_product",
    **MERGE,
    operator="product",
    words=("hadamard", "element-wise product", "要素積"),
    complexity="O(M d)",
)
def merge_product(h: Tensor) -> Tensor:
    """head(⊙_m LN(h_m)): the product of layer-normalised vectors (without scale or shift).

    Unnormalised products of M factors die out or blow up; `merge_sum_normalised` isolates what the
    normalisation alone does.
    """
    return layer_norm(h, h.shape[-1:]).prod(0)


@register(
    "merge_sum_normalised",
    **MERGE,
    operator="sum",
    complexity="O(M d)",
)
def merge_sum_normalised(h: Tensor) -> Tensor:
    """head(Σ_m LN(h_m)): the sum of layer-normalised vectors, the control of `merge_product`."""
    return layer_norm(h, h.shape[-1:]).sum(0)


@register(
    "merge_harmonic_mean",
    **MERGE,
    operator="harmonic_mean",
    words=("harmonic", "調和平均"),
    complexity="O(M d)",
)
def merge_harmonic_mean(h: Tensor) -> Tensor:
    """head(M / Σ_m 1 / (softplus(h_m) + 1e-3)): the harmonic mean of positive parts."""
    return len(h) / (1 / (softplus(h) + POSITIVE)).sum(0)


@register(
    "merge_inner_product",
    **MERGE,
    operator="inner_product",
    words=("dot product", "内積"),
    complexity="O(M² d)",
)
def merge_inner_product(h: Tensor) -> Tensor:
    """head([Σ_m h_m; {⟨h_i, h_j⟩ / √d}_{i<j}]): all pairs' inner products beside the sum.

    For M modalities these are M(M−1)/2 numbers; alone they would starve the head.
    """
    scale = h.shape[-1] ** 0.5
    pairs = [(h[i] * h[j]).sum(-1, keepdim=True) / scale for i, j in combinations(range(len(h)), 2)]
    return torch.cat([h.sum(0), *pairs], -1)


@register(
    "merge_weighted_sum",
    **MERGE,
    operator="weighted_sum",
    equivalence_class="sum",
    complexity="O(M d)",
)
class MergeWeightedSum(FusionNetwork):
    """head(Σ_m softmax(w)_m h_m): one learned weight a modality, the same for every row."""

    def __init__(self, task: Task, width: int | str | None = None):
        super().__init__(task, width)
        self.weight = nn.Parameter(torch.zeros(len(self.names)))

    def fuse(self, h: Tensor) -> Tensor:
        """Return (n, width)."""
        return torch.einsum("m,mnd->nd", self.weight.softmax(0), h)
