"""Base of networks that exchange data at several depths: they run beside each other, a depth at a time."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ..network import Batch, FusionNetwork
from ..variant import Task

Nodes = Mapping[int, Tensor]  # place of a modality → its nodes at a depth


class DepthNetwork(FusionNetwork):
    """At each depth l: (x_1, …, x_M) ← exchange_l(x_1, …, x_M), then on to the next.

    Depths are counted from the end, so that the last is every modality's finished vector and the one before
    its inner nodes; a deeper extractor has more of them and begins alone. A subclass implements `exchange`, and
    makes its layers for the depths that `sizes` names. With an exchange that changes nothing the network is
    independent extractors and their finished vectors.
    """

    def __init__(self, task: Task, width: int | None = None):
        super().__init__(task, width)
        self.depths = 1 + max(len(extractor.channels) for extractor in self.extractors)

    def sizes(self, depth: int) -> dict[int, int]:
        """Return place of a modality → its channels at a depth, for those that have nodes there."""
        found = {}
        for m, extractor in enumerate(self.extractors):
            own = self._own(m, depth)
            if own >= 0:
                found[m] = (*extractor.channels, self.width)[own]
        return found

    def shared_depths(self) -> list[int]:
        """Return the depths at which two modalities or more have nodes."""
        return [depth for depth in range(self.depths) if len(self.sizes(depth)) > 1]

    def _own(self, m: int, depth: int) -> int:
        return depth - (self.depths - 1 - len(self.extractors[m].channels))

    def encode(self, batch: Batch) -> Tensor:
        """Return the finished vectors after the last exchange, (M, n, width)."""
        nodes = {m: batch[name] for m, name in enumerate(self.names)}
        for depth in range(self.depths):
            here = {m: self._advance(m, depth, nodes[m]) for m in self.sizes(depth)}
            nodes |= self.exchange(depth, here) if len(here) > 1 else here
        return torch.stack([nodes[m] for m in range(len(self.names))])

    def _advance(self, m: int, depth: int, x: Tensor) -> Tensor:
        extractor, own = self.extractors[m], self._own(m, depth)
        return extractor.last(x.flatten(1)) if own == len(extractor.channels) else extractor.stage(own, x)

    def exchange(self, depth: int, nodes: Nodes) -> dict[int, Tensor]:
        """Return the nodes of a depth after the exchange, in the shapes that they had.

        Parameters
        ----------
        depth
            One of `shared_depths`.
        nodes
            Place of a modality → (n, channels, …).
        """
        raise NotImplementedError(f"{type(self).__name__} defines no exchange(depth, nodes)")


def squeeze(x: Tensor) -> Tensor:
    """Return the mean over places, (n, channels); vectors as they are."""
    return x.flatten(2).mean(2) if x.ndim > 2 else x


def over_places(vector: Tensor, like: Tensor) -> Tensor:
    """Return (n, channels) so that it broadcasts over the places of `like`, (n, channels, …)."""
    return vector.view(*vector.shape, *[1] * (like.ndim - 2))
