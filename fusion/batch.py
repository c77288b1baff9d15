"""Rows as networks read them, and a training as a network's hooks see it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """Rows as tensors.

    Parameters
    ----------
    inputs
        Modality name → (n, *shape), standardised: zeros are the mean of training rows.
    present
        (n, M) bool.
    rows
        Which of the training rows these are, (n,) whole numbers; None outside training.
    """

    inputs: dict[str, Tensor]
    present: Tensor
    rows: Tensor | None = None

    def __getitem__(self, name: str) -> Tensor:
        return self.inputs[name]

    def __len__(self) -> int:
        return len(self.present)

    def take(self, index: Tensor | slice) -> Batch:
        """Return the rows at `index`; four-dimensional tensors keep their channels-last order."""
        rows = None if self.rows is None else self.rows[index]
        return Batch({name: _rows(x, index) for name, x in self.inputs.items()}, self.present[index], rows)

    def keep(self, kept: Tensor) -> Batch:
        """Return the same rows without some of their modalities; `kept` is (n, M) bool, True = stays.

        What is dropped becomes what an absent input is: the mean of training rows.
        """
        kept = kept & self.present
        inputs = {
            name: torch.where(kept[:, m].view(-1, *[1] * (x.ndim - 1)), x, x.new_zeros(()))
            for m, (name, x) in enumerate(self.inputs.items())
        }
        return Batch(inputs, kept, self.rows)

    def only(self, place: int) -> Batch:
        """Return the same rows with the one modality at `place` alone."""
        kept = torch.zeros_like(self.present)
        kept[:, place] = True
        return self.keep(kept)


def _rows(x: Tensor, index: Tensor | slice) -> Tensor:
    if x.ndim != 4 or isinstance(index, slice):
        return x[index]
    return x.permute(0, 2, 3, 1)[index].permute(0, 3, 1, 2)


def channels_last(x: Tensor) -> Tensor:
    """Return pictures (n, C, H, W) with their channels side by side in memory; anything else as it is.

    Strides are written out: of a picture of one channel torch cannot tell the two orders apart, takes the
    other one, and pools at a sixth of the speed.
    """
    if x.ndim != 4:
        return x
    n, channels, height, width = x.shape
    laid = torch.empty((n, height, width, channels), dtype=x.dtype, device=x.device)
    return laid.copy_(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


@dataclass
class Training:
    """A training under way, as the hooks of a network see it.

    Parameters
    ----------
    optimiser
        Made by the network's `make_optimiser`.
    precision
        Gives the context of a forward pass (autocast).
    epoch, epochs
        Which, from 1, of how many at most.
    """

    optimiser: torch.optim.Optimizer
    precision: Callable[[], AbstractContextManager[object]]
    epoch: int
    epochs: int
