"""The physical limit of a training: its operations at the rate of a large matrix product on the same machine."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

BF16 = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""Vector instructions, as a machine's fingerprint names them, that multiply bfloat16 numbers."""


def has_bf16(machine: dict[str, Any]) -> bool:
    """Return whether the processor of a fingerprint has instructions for bfloat16."""
    return bool(BF16 & set(machine["vectors"]))


def operations(network: nn.Module, inputs: Sequence[Tensor], labels: Tensor, batch: int = 64) -> float:
    """Return floating-point operations of one training row, forward and backward.

    Convolutions and matrix products are counted, by torch's counter; gradients of the data themselves are never
    computed and so not counted.
    """
    part = slice(0, batch)
    network.train()
    with FlopCounterMode(display=False) as counter:
        nn.functional.cross_entropy(network(*(x[part] for x in inputs)), labels[part]).backward()
    network.zero_grad()
    return counter.get_total_flops() / len(labels[part])


class Product:
    """A matrix product of float32 or bfloat16 numbers, whose rate is the limit.

    Parameters
    ----------
    size
        Rows and columns of both factors.
    dtype
        Of both factors.
    """

    def __init__(self, size: int, dtype: torch.dtype = torch.float32, device: str = "cpu"):
        self.size = size
        self.factor = torch.randn(size, size, device=device).to(dtype)

    def __call__(self) -> float:
        """Multiply once; return the seconds."""
        begin = time.perf_counter()
        torch.mm(self.factor, self.factor)
        if self.factor.is_cuda:
            torch.cuda.synchronize()
        return time.perf_counter() - begin

    def told(self, seconds: Sequence[float]) -> dict[str, Any]:
        """Return what the rate follows from: operations of one product, and the seconds that it took."""
        return {"operations": 2 * self.size**3, "seconds": list(seconds)}
