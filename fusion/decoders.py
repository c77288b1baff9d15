"""Decoders: from a code back to the standardised inputs, and what a reconstruction costs."""

from __future__ import annotations

from torch import Tensor, nn

from ..datasets.bundle import Modality


class Decoder(nn.Sequential):
    """Linear(code, hidden) → ReLU → Linear(hidden, size): a code to one modality's flat, standardised input.

    The hidden layer is as wide as the code by default: a decoder that does the work alone asks little of it.
    """

    def __init__(self, modality: Modality, code: int, hidden: int | None = None):
        hidden = hidden or code
        super().__init__(nn.Linear(code, hidden), nn.ReLU(), nn.Linear(hidden, modality.size))


def squared_error(decoded: Tensor, x: Tensor) -> Tensor:
    """Return the mean of (decoded − x)² over the values of each row, (n,): 1 for whoever says the mean.

    A mean, not a sum, so that a picture of a thousand values weighs as much as a table of ten.
    """
    return (decoded - x.flatten(1)).square().mean(1)


def over_present(losses: Tensor, present: Tensor) -> Tensor:
    """Return the mean of losses (M, n) over the inputs that are there, `present` (n, M): a scalar.

    Nobody is asked to reconstruct the training mean that stands in for an absent input.
    """
    return mean_where(losses, present.T)


def mean_where(values: Tensor, counted: Tensor) -> Tensor:
    """Return the mean of values over the places that count, 0 where none does; `counted` broadcasts to them."""
    counted = counted.to(values.dtype).expand_as(values)
    return (values * counted).sum() / counted.sum().clamp(min=1)
