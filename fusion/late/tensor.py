"""Tensor fusion: the outer product of all modalities' vectors, each with a 1 beside it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..network import FusionNetwork
from ..registry import register
from ..variant import Requires, Task

LARGEST_SIZE = 16  # of a projected vector
USUAL = 1024  # numbers in the tensor, unless a size is asked for: 10³, 5⁴, 4⁵, 2¹⁰
LARGEST = 2**16  # numbers in the tensor of an asked size
MOST_MODALITIES = 10  # with one number a modality, 2¹⁰ is USUAL


def outer(vectors: Sequence[Tensor] | Tensor) -> Tensor:
    """Return ⊗_m x_m row by row, flattened: (n, Π size_m), the first modality's place the slowest."""
    tensor = vectors[0]
    for x in vectors[1:]:
        tensor = (tensor[:, :, None] * x[:, None]).flatten(1)
    return tensor


def outer_product(vectors: Sequence[Tensor]) -> Tensor:
    """Return ⊗_m [1; x_m]: where a factor is its 1, the entry is a product of the other modalities alone."""
    return outer([torch.cat([x.new_ones(len(x), 1), x], 1) for x in vectors])


def solved_size(several: int) -> int:
    """Return the largest d up to 16 for which (d + 1)^several is at most 1,024."""
    return next(d for d in range(LARGEST_SIZE, 0, -1) if (d + 1) ** several <= USUAL or d == 1)


@register(
    "tensor_fusion",
    tier="full",
    architecture="late",
    data_fusion="merge",
    level="nodes",
    operator="tensor_product",
    requires=Requires(modalities=(2, MOST_MODALITIES)),
    reference="Zadeh et al. 2017, arXiv 1707.07250",
    also_known_as={"MultiBench": "TensorFusion", "MultiBench++": "TensorFusion"},
    words=("tfn", "outer product", "tensor fusion network"),
    complexity="O((s + 1)^M d), s numbers a modality in the tensor",
)
class TensorFusion(FusionNetwork):
    """W vec(⊗_m [1; P_m h_m]) + b: all products of numbers of different modalities, of every order up to M.

    The 1 beside each vector keeps the lower orders: single numbers, pairs and so on. The tensor has (s + 1)^M
    numbers, so P_m projects to s of them: by default the largest s up to 16 with (s + 1)^M ≤ 1,024, which is 16,
    9, 4, 3 and 2 for two to six modalities and 1 for ten, the most that it takes; `size=s` chooses another, and
    a tensor of more than 65,536 numbers is refused. The Linear after it makes the head as wide as that of
    `low_rank_fusion`, which at full rank is the same function of projected vectors; the paper's own network
    after the tensor is the classifier. One published code stops at three modalities; the product is built for
    any number here.
    """

    def __init__(self, task: Task, size: int = 0, width: int | str | None = None):
        super().__init__(task, width)
        several = len(self.names)
        if size < 0:
            raise ValueError(f"size={size} is not a positive whole number, or 0 for the largest within limits")
        size = size or solved_size(several)
        numbers = (size + 1) ** several
        if numbers > LARGEST:
            raise ValueError(
                f"size={size} with {several} modalities is a tensor of {numbers} numbers, over {LARGEST}"
            )
        self.project = nn.ModuleList(nn.Linear(self.width, size) for _ in self.names)
        self.out = nn.Linear(numbers, self.width)

    def fuse(self, h: Tensor) -> Tensor:
        """Return (n, width)."""
        return self.out(outer_product([layer(x) for layer, x in zip(self.project, h, strict=True)]))
