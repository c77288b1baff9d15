"""Tokenisers: sequences of tokens from what extractors found, or from raw inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..datasets.bundle import Modality
from .batch import Batch
from .extractors import Extractor

MOST_TOKENS = 16  # of one raw modality: attention costs their number squared


class DeepTokens(nn.Module):
    """LN(E_m t_m + position): extractors' deepest nodes as tokens of one size.

    Places of a feature map, or groups of eight hidden nodes of a table; always more than one token, for over a
    single key the softmax is 1 whatever the query.

    Parameters
    ----------
    extractors
        In the order of `modalities`; they stay their owner's.
    modalities
        Of the task.
    size
        Numbers in a token.
    """

    def __init__(self, extractors: Sequence[Extractor], modalities: Sequence[Modality], size: int):
        super().__init__()
        pairs = list(zip(extractors, modalities, strict=True))
        self.lengths = [_length(extractor, modality) for extractor, modality in pairs]
        self.embed = nn.ModuleList(nn.Linear(extractor.token_size, size) for extractor in extractors)
        self.norm = nn.ModuleList(nn.LayerNorm(size) for _ in extractors)
        self.position = nn.ParameterList(torch.randn(length, size) * 0.02 for length in self.lengths)

    def forward(self, extractors: Sequence[Extractor], inputs: Sequence[Tensor]) -> list[Tensor]:
        """Return each modality's tokens, (n, tokens, size)."""
        tokens = [extractor.tokens(x) for extractor, x in zip(extractors, inputs, strict=True)]
        parts = zip(tokens, self.embed, self.position, self.norm, strict=True)
        return [norm(embed(t) + place) for t, embed, place, norm in parts]


@torch.no_grad()
def _length(extractor: Extractor, modality: Modality) -> int:
    return extractor.tokens(torch.zeros(1, *modality.shape)).shape[1]


class RawTokens(nn.Module):
    """E_m (piece of x_m) + position: raw inputs cut into at most sixteen pieces a modality.

    Pictures and spectrograms are cut into equal patches, tables into groups of neighbouring columns; what is
    left over at an edge is filled with zeros, the mean of training rows.

    Parameters
    ----------
    modalities
        Of the task.
    size
        Numbers in a token.
    """

    def __init__(self, modalities: Sequence[Modality], size: int):
        super().__init__()
        self.modalities = tuple(modalities)
        self.cuts = [_cut(modality) for modality in modalities]
        pieces = [_pieces(torch.zeros(1, *m.shape), cut) for m, cut in zip(modalities, self.cuts, strict=True)]
        self.lengths = [each.shape[1] for each in pieces]
        self.embed: Any = nn.ModuleList(nn.Linear(each.shape[2], size) for each in pieces)
        self.position = nn.ParameterList(torch.randn(each.shape[1], size) * 0.02 for each in pieces)

    def forward(self, batch: Batch) -> list[Tensor]:
        """Return each modality's tokens, (n, tokens, size)."""
        made = []
        for m, modality in enumerate(self.modalities):
            pieces = _pieces(batch[modality.name], self.cuts[m])
            made.append(self.embed[m](pieces) + self.position[m])
        return made


def _cut(modality: Modality) -> tuple[int, ...]:
    """Return the size of a piece: columns of a table, or height and width of a patch."""
    if len(modality.shape) == 1:
        return (-(-modality.size // MOST_TOKENS),)
    side = int(MOST_TOKENS**0.5)
    return tuple(-(-length // side) for length in modality.shape[1:])


def _pieces(x: Tensor, cut: tuple[int, ...]) -> Tensor:
    """Return x in pieces, (n, pieces, numbers in a piece)."""
    if len(cut) == 1:
        x = x.flatten(1)
        return nn.functional.pad(x, (0, -x.shape[1] % cut[0])).unflatten(1, (-1, cut[0]))
    high, wide = cut
    x = nn.functional.pad(x, (0, -x.shape[3] % wide, 0, -x.shape[2] % high))
    grid = x.unflatten(3, (-1, wide)).unflatten(2, (-1, high))  # (n, channels, rows, high, columns, wide)
    return grid.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)
