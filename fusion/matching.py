"""Matched capacity: the width at which a network has as many parameters as plain concatenation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from .late.concat import ConcatFeatures
from .network import FusionNetwork
from .variant import Task

LARGEST = 4096


def count(make: Callable[..., FusionNetwork], task: Task, width: int) -> int:
    """Return the number of trainable parameters at a width; nothing is allocated."""
    plain = replace(task, settings=replace(task.settings, width=width))
    with torch.device("meta"):
        network = make(plain, width=width).finish()
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


def matched_width(make: Callable[..., FusionNetwork], task: Task) -> int:
    """Return the width whose parameter count is nearest to concatenation's at the suite's width.

    Parameters
    ----------
    make
        Called with a task and `width=…`, gives the network.
    task
        Modalities, classes and the suite's width.
    """
    target = count(ConcatFeatures, task, task.settings.width)
    low, high = 1, LARGEST
    while low < high:  # the count grows with the width
        middle = (low + high) // 2
        low, high = (middle + 1, high) if count(make, task, middle) < target else (low, middle)
    return min((w for w in (low - 1, low) if w > 0), key=lambda w: abs(count(make, task, w) - target))
