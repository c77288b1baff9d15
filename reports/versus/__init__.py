"""Two variants against each other, in words; and the line with which a run that met a new entry ends."""

from .measured import BEST_SINGLE, Difference, Pairing, measure
from .verdict import verdict
from .words import Comparison, compare

__all__ = [
    "BEST_SINGLE",
    "Comparison",
    "Difference",
    "Pairing",
    "compare",
    "measure",
    "verdict",
]
