"""Data sets: what one is (bundle, card), how it is had (fetch, readers) and split, and the shipped ones.

Nothing here imports torch; data sets hand out numpy arrays.
"""

from __future__ import annotations

import functools
import sys

from .bundle import KINDS, Bundle, Inputs, Modality, Rows
from .card import Card, DataSet
from .registry import REGISTRY, DataEntry, get, register

__all__ = [
    "KINDS",
    "REGISTRY",
    "Bundle",
    "Card",
    "DataEntry",
    "DataSet",
    "Inputs",
    "Modality",
    "Rows",
    "get",
    "load_all",
    "register",
]


@functools.cache
def load_all() -> None:
    """Import every file of this package once, so that each data set in it is registered."""
    REGISTRY.discover(sys.modules[__name__])
