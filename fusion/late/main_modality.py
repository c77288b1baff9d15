"""Base of joins in which one modality, the main one, plays another part than the rest."""

from __future__ import annotations

import torch
from torch import Tensor

from ..network import FusionNetwork
from ..variant import Task


class MainNetwork(FusionNetwork):
    """fuse(h_main, h_others): one modality against all others.

    Parameters
    ----------
    task
        What the network is built for.
    main
        Name of the main modality; `first` (unless one has that name) is the first in the data set's order.
    width
        Numbers each extractor hands over.
    """

    def __init__(self, task: Task, main: str = "first", width: int | str | None = None):
        super().__init__(task, width)
        if main not in self.names and main != "first":
            raise ValueError(f"main={main!r} is not one of {', '.join(self.names)}")
        self.place = self.names.index(main) if main in self.names else 0

    @property
    def others(self) -> list[int]:
        """Places of the other modalities."""
        return [m for m in range(len(self.names)) if m != self.place]

    @property
    def size_of_others(self) -> int:
        """Numbers in the concatenation of the others."""
        return len(self.others) * self.width

    def apart(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """Return h_main (n, width) and the others side by side (n, size_of_others)."""
        return h[self.place], torch.cat([h[m] for m in self.others], -1)
