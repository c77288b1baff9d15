"""Statistics of plain arrays: within a data set, across data sets, families of tests, power, ranks."""

from .across import Paired, interquartile_mean, paired
from .best import BestSet, confidence_set
from .blocks import largest_block, pareto_front
from .families import MaxT, holm, least_sets, max_t
from .flips import sign_flip, sign_patterns
from .power import detectable, detectable_best, tau
from .ranks import cd_readable, critical_difference, iman_davenport, mean_ranks, wilcoxon
from .within import LEVEL, TIE, Within, dunnett_point, within

__all__ = [
    "LEVEL",
    "TIE",
    "BestSet",
    "MaxT",
    "Paired",
    "Within",
    "cd_readable",
    "confidence_set",
    "critical_difference",
    "detectable",
    "detectable_best",
    "dunnett_point",
    "holm",
    "iman_davenport",
    "interquartile_mean",
    "largest_block",
    "least_sets",
    "max_t",
    "mean_ranks",
    "paired",
    "pareto_front",
    "sign_flip",
    "sign_patterns",
    "tau",
    "wilcoxon",
    "within",
]
