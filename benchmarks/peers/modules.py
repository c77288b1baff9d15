"""Peers' networks in our own words, so that our trainer can be measured on the same module as theirs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import torch
from torch import Tensor, nn

from ...datasets import Modality
from ...fusion import REGISTRY, register
from ...fusion.network import FusionNetwork

FUSILLI_WIDTHS = (32, 64, 128, 256, 256)
"""fusilli 2.0.0, `ParentFusionModel`: what each table goes through, a ReLU behind every layer."""
SAME = "as_fusilli"


def stack(size: int) -> nn.Sequential:
    """Return fusilli's layers of one table of `size` columns."""
    return nn.Sequential(
        *(part for a, b in pairwise((size, *FUSILLI_WIDTHS)) for part in (nn.Linear(a, b), nn.ReLU()))
    )


def head(size: int, classes: int) -> nn.Sequential:
    """Return fusilli's fused layers and its last one."""
    first = (nn.Linear(size, 256), nn.ReLU(), nn.Dropout(0.15))
    return nn.Sequential(*first, nn.Linear(256, 64), nn.ReLU(), nn.Dropout(0.15), nn.Linear(64, classes))


class FusilliConcat(nn.Module):
    """fusilli's `ConcatTabularFeatureMaps` for a bare loop: a stack a table, side by side into the head."""

    def __init__(self, modalities: tuple[Modality, ...], classes: int):
        super().__init__()
        self.stacks = nn.ModuleList(stack(modality.size) for modality in modalities)
        self.head = head(FUSILLI_WIDTHS[-1] * len(modalities), classes)

    def forward(self, *inputs: Tensor) -> Tensor:
        """Return logits (n, classes)."""
        return self.head(torch.cat([part(x) for part, x in zip(self.stacks, inputs, strict=True)], 1))


class AsFusilli(FusionNetwork):
    """The same network under our contract."""

    def _extractor(self, name: str) -> nn.Module:
        return stack(next(m for m in self.task.modalities if m.name == name).size)

    def make_head(self, size: int) -> nn.Module:
        """Return fusilli's head."""
        return head(size, len(self.task.classes))

    def fuse(self, h: Tensor) -> Tensor:
        """Return (n, M·256)."""
        return torch.cat(list(h), -1)


@contextmanager
def registered() -> Iterator[str]:
    """Let cells name the network while inside; it is no entry of the catalogue. Yields its name."""
    register(SAME, tier="full", architecture="late", data_fusion="concat", level="features", operator="concat")(
        AsFusilli
    )
    try:
        yield SAME
    finally:
        REGISTRY.forget(SAME)
