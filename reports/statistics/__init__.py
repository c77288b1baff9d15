"""Statistics of plain arrays: within a data set, across data sets, families of tests, power, ranks."""

from .blocks import largest_block, pareto_front
from .ranks import mean_ranks
from .within import LEVEL, TIE, Within, dunnett_point, within

__all__ = [
    "LEVEL",
    "TIE",
    "Within",
    "dunnett_point",
    "largest_block",
    "mean_ranks",
    "pareto_front",
    "within",
]
