"""Comparisons over several data sets of a run: blocks, two variants, groups, ranks, sets of the best.

Seeds are averaged first and nothing absent is filled in. Two things can be asked of a difference. *On these
data sets*: its error is that of rows and seeds. *On a new data set*: the unit is the source family, whose data
sets are averaged first, and below `FEWEST_FAMILIES` of them nothing is claimed.
"""

from .best import Group, best, groups
from .blocks import FEWEST_FAMILIES, Block, Units, absent, block, no_claim, units
from .seen import ANCHOR, Seen, against, ranks, seen
from .versus import Estimate, Versus, summarise, versus

__all__ = [
    "ANCHOR",
    "FEWEST_FAMILIES",
    "Block",
    "Estimate",
    "Group",
    "Seen",
    "Units",
    "Versus",
    "absent",
    "against",
    "best",
    "block",
    "groups",
    "no_claim",
    "ranks",
    "seen",
    "summarise",
    "units",
    "versus",
]
