"""Early merging of random projections, beside the sum in `networks.py`: the product."""

from __future__ import annotations

import torch
from torch import Tensor

from ..registry import register
from .networks import EarlyMergeSum


@register(
    "early_merge_product",
    tier="full",
    architecture="early",
    data_fusion="merge",
    level="features",
    operator="product",
    reference="Sleeman, Kapoor & Ghosh 2022, arXiv 2109.09020, figure 5c",
    complexity="O(D d), D values of all inputs",
)
class EarlyMergeProduct(EarlyMergeSum):
    """head(⊙_m (1 + R_m x_m / √M)): fixed random projections to one width, multiplied before anything is trained.

    R_m as in `early_merge_sum`. The one lets each modality be read by itself, since (1 + u)(1 + v) holds u and v
    beside uv, and an absent modality leaves the factor 1 and not zero; products without it stayed at chance. With
    √M the variance of the product is (1 + 1/M)^M − 1, below e − 1 for any M, where bare products blow up.
    """

    def fuse(self, h: list[Tensor]) -> Tensor:
        """Return the product of one plus the projections (n, width)."""
        projected = torch.stack([x @ getattr(self, f"projection_{i}") for i, x in enumerate(h)])
        return (1 + projected / len(h) ** 0.5).prod(0)
